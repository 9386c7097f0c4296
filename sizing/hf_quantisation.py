"""What a config.json says of the checkpoint's own quantisation: its scheme, and the effective bits of each part, scales included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from records.errors import InputError

BLOCK_SCALE_BITS = 16 / (128 * 128) * 2
CHANNEL_SCALE_BITS = 0.004
KNOWN = "awq, gptq, fp8, mxfp4, nvfp4, compressed FP8, int4 and int8"
IGNORED = {"attn": "self_attn", "ffn": "shared_expert", "mtp": "mtp"}


def quantization(config: Any) -> dict[str, Any] | None:
    """Raises InputError for a method whose bits are not known."""
    if not config:
        return None
    if not isinstance(config, Mapping):
        raise InputError("config.quantization_config: must be an object")
    method = str(config.get("quant_method") or config.get("quant_algo") or "").lower()
    if method in ("awq", "gptq"):
        return _grouped(config, method)
    if method == "mxfp4":
        return {"method": method, "scheme": "mxfp4, group 32, experts only", "bits": {"experts": 4.25}}
    if method in ("fp8", "fbgemm_fp8"):
        block = config.get("weight_block_size")
        return _parts("fp8, block 128x128" if block else "fp8", 8 + (BLOCK_SCALE_BITS if block else CHANNEL_SCALE_BITS), method)
    text = str(config).lower()
    if "nvfp4" in text:
        return _parts("nvfp4, group 16", 4.5, method)
    if "fp8" in text or ("float" in text and "'num_bits': 8" in text):
        return _parts("fp8", 8 + CHANNEL_SCALE_BITS, method)
    if method == "compressed-tensors":
        return _compressed(config)
    raise InputError(f"config.quantization_config: method {method or 'unnamed'} is not known; known: {KNOWN}")


def _grouped(config: Mapping[str, Any], method: str) -> dict[str, Any]:
    bits, group = config.get("bits", 4), config.get("group_size", 128)
    if bits not in (2, 3, 4, 8) or not isinstance(group, int):
        raise InputError(f"config.quantization_config: {method} with bits {bits!r} and group_size {group!r} is not known")
    return _parts(f"int{bits} {method}", bits + 20 / group if group > 0 else float(bits), method)


def _compressed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Whole-number weights of one group; what its `ignore` list names by part stays wide."""
    weights = _weights_of_the_group(config.get("config_groups"))
    bits, group = weights.get("num_bits"), weights.get("group_size")
    if weights.get("type") != "int" or bits not in (4, 8) or not (group is None or isinstance(group, int)):
        raise InputError(f"config.quantization_config: compressed-tensors with weights of {dict(weights)} is not known; known: {KNOWN}")
    scales = (16 + (0 if weights.get("symmetric", True) else bits)) / group if group and group > 0 else CHANNEL_SCALE_BITS
    made = _parts(f"int{bits} compressed, group {group}" if group else f"int{bits} compressed", bits + scales, "compressed-tensors")
    ignored = " ".join(str(one) for one in config.get("ignore") or ())
    wide = [part for part, sign in IGNORED.items() if sign in ignored]
    return {**made, "bits": {part: one for part, one in made["bits"].items() if part not in wide}}


def _weights_of_the_group(groups: Any) -> Mapping[str, Any]:
    first = next(iter(groups.values()), None) if isinstance(groups, Mapping) and len(groups) == 1 else None
    weights = first.get("weights") if isinstance(first, Mapping) else None
    if not isinstance(weights, Mapping):
        raise InputError("config.quantization_config: compressed-tensors without exactly one group of weights is not known")
    return weights


def _parts(scheme: str, bits: float, method: str) -> dict[str, Any]:
    return {"method": method, "scheme": scheme, "bits": {"attn": bits, "ffn": bits, "experts": bits, "mtp": bits}}
