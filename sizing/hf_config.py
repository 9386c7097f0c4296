"""A model's shape from a Hugging Face config.json. An architecture that is not known, or a key that is missing, is refused by name."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from records.errors import InputError
from records.facts import load
from sizing.model import ModelShape, from_record

Config = Mapping[str, Any]
WHOLE = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size", "vocab_size",
    "max_position_embeddings", "num_experts", "num_experts_per_tok", "moe_intermediate_size", "kv_lora_rank", "qk_nope_head_dim",
    "qk_rope_head_dim", "v_head_dim", "sliding_window", "attention_chunk_size", "mtp_layers",
)  # fmt: skip
MAY_BE_ZERO = ("q_lora_rank", "mtp_layers")
LARGEST = 10**9
DENSE_NEEDS = ("intermediate_size",)
BLOCK_SCALE_BITS = 16 / (128 * 128) * 2
CHANNEL_SCALE_BITS = 0.004


def from_config(config: Config) -> ModelShape:
    """Raises InputError: not a decoder that is known, a missing or wrong key, or a structure that its architecture does not have."""
    architecture = _architecture(config)
    rule = load("sizing")["architectures"]["known"]["records"][architecture]
    text = config.get(rule.get("inside", ""), config)
    if not isinstance(text, Mapping):
        raise InputError(f"config.{rule['inside']}: must be an object")
    values = _values(text, rule)
    _refuse_unread(text, rule, architecture)
    record = {
        **values,
        "id": str(config.get("_name_or_path") or config.get("name") or f"config of {architecture}"),
        "architecture": architecture,
        "model_type": str(text.get("model_type") or config.get("model_type") or ""),
        "dtype": _dtype(text.get("torch_dtype") or text.get("dtype") or config.get("torch_dtype") or config.get("dtype")),
        "layers": _layers(text, values, rule),
        "rope": {"theta": text.get("rope_theta"), "partial_rotary_factor": text.get("partial_rotary_factor") or 1.0},
        "sliding_window": _window(text, values, rule),
        "sliding_window_pattern": _pattern(text, rule),
        "shared_expert_size": _shared(text, values, rule),
        "quantization": _quantization(config.get("quantization_config") or text.get("quantization_config")),
        "not_verified": ["vision tower: its size is not in the counts"] if rule.get("vision") and config.get("vision_config") else [],
        "sources": ["config.json of the request"],
        "as_of": "the request",
    }
    return from_record(record)


def _architecture(config: Config) -> str:
    if not isinstance(config, Mapping):
        raise InputError("config: must be the contents of a config.json")
    named = config.get("architectures")
    known = load("sizing")["architectures"]["known"]["records"]
    if not isinstance(named, list) or not named or not isinstance(named[0], str):
        raise InputError("config: architectures is missing: a list with the name of the model class", hint=f"known: {', '.join(known)}")
    if named[0] not in known:
        raise InputError(
            f"config: architecture {named[0]} is not known: what its layers hold is missing (attention kind, experts, norms)",
            hint=f"known: {', '.join(known)}",
        )
    return str(named[0])


def _values(text: Config, rule: Config) -> dict[str, Any]:
    """The record's plain fields: constants of the architecture, the config's own values under our names, then defaults."""
    rename = rule.get("rename", {})
    ours: dict[str, Any] = {}
    for key, value in text.items():
        if value is not None and (key in rename or key not in rename.values()):
            ours[rename.get(key, key)] = value
    values = {**rule.get("default", {}), **{key: ours[key] for key in _READ if key in ours}, "norms_per_layer": 2, **rule.get("set", {})}
    if rule.get("qk_norm_key") and text.get(rule["qk_norm_key"]):
        values["qk_norm"] = "per_head"
    _check(values, rule)
    values.setdefault("num_key_value_heads", values["num_attention_heads"])
    if not values.get("kv_lora_rank"):
        values.setdefault("head_dim", values["hidden_size"] // values["num_attention_heads"])
    return values


def _check(values: dict[str, Any], rule: Config) -> None:
    needs = ["hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "max_position_embeddings", *rule.get("needs", ())]
    if rule.get("layers", "dense") in ("dense", "first_k_dense"):
        needs += DENSE_NEEDS
    theirs = {ours: key for key, ours in rule.get("rename", {}).items()}
    for name in needs:
        if values.get(name) is None:
            raise InputError(f"config: {theirs.get(name, name)} is missing", hint="give the whole config.json of the model")
    for name in WHOLE:
        value = values.get(name)
        if value is None:
            continue
        least = 0 if name in MAY_BE_ZERO else 1
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST:
            raise InputError(f"config: {theirs.get(name, name)} must be a whole number from {least} to {LARGEST}, not {value!r}")
    _check_experts(values)


def _check_experts(values: dict[str, Any]) -> None:
    if values.get("num_experts") and values.get("num_experts_per_tok", 1) > values["num_experts"]:
        raise InputError(f"config: num_experts_per_tok {values['num_experts_per_tok']} is more than the {values['num_experts']} experts")


def _refuse_unread(text: Config, rule: Config, architecture: str) -> None:
    """Keys that say the model is more than its architecture's code as we know it."""
    read = {*rule.get("rename", {}), *rule.get("needs", ()), *rule.get("default", {})}
    for key in load("sizing")["architectures"]["known"]["unmodelled"][0]:
        if text.get(key) and key not in read:
            raise InputError(f"config: {architecture} with {key}: a structure that is not known for this architecture")


def _layers(text: Config, values: dict[str, Any], rule: Config) -> list[dict[str, Any]]:
    """Equal layers together: attention kind x FFN kind x reach."""
    n = values["num_hidden_layers"]
    attention = "mla" if values.get("kv_lora_rank") else "gqa"
    ffns, kinds = _ffns(text, n, rule), text.get("layer_types")
    if not isinstance(kinds, list) or len(kinds) != n or rule.get("layers") == "interleaved":
        kinds = [None] * n
    groups = []
    for (ffn, kind), same in itertools.groupby(sorted(zip(ffns, map(str, kinds), strict=True))):
        group = {"n": len(list(same)), "attn": attention, "ffn": ffn}
        if kind != "None":
            group["span"] = _reach(kind)
        groups.append(group)
    return groups


def _reach(kind: str) -> str:
    known = {"full_attention": "full", "sliding_attention": "window"}
    if kind not in known:
        raise InputError(f"config: layer_types holds {kind!r}; known: {', '.join(known)}")
    return known[kind]


def _ffns(text: Config, n: int, rule: Config) -> list[str]:
    order = rule.get("layers", "dense")
    if order == "first_k_dense":
        first = int(text.get("first_k_dense_replace") or 0)
        return ["dense"] * first + ["moe"] * (n - first)
    if order == "interleaved":
        step = int(text.get("interleave_moe_layer_step") or 1)
        return ["moe" if (layer + 1) % step == 0 else "dense" for layer in range(n)]
    if order == "moe" and text.get("mlp_only_layers"):
        raise InputError("config: mlp_only_layers: dense layers among MoE layers are not known for this architecture")
    return [order] * n


def _window(text: Config, values: dict[str, Any], rule: Config) -> int | None:
    if not rule.get("window") or text.get("use_sliding_window") is False:
        return None
    window = values.get("sliding_window")
    return int(window) if window else None


def _pattern(text: Config, rule: Config) -> str | None:
    return str(rule["window"]) if rule.get("window") else None


def _shared(text: Config, values: dict[str, Any], rule: Config) -> int:
    how = rule.get("shared")
    if how == "one":
        return int(values["moe_intermediate_size"])
    return int(text.get(how) or 0) * int(values["moe_intermediate_size"]) if how else 0


def _dtype(name: Any) -> str:
    return {"float16": "fp16", "float32": "fp32"}.get(str(name), "bf16")


def _quantization(config: Any) -> dict[str, Any] | None:
    """Raises InputError for a method whose bits are not known."""
    if not config:
        return None
    method = str(config.get("quant_method") or config.get("quant_algo") or "").lower()
    if method in ("awq", "gptq"):
        bits, group = config.get("bits", 4), config.get("group_size", 128)
        return _parts(f"int{bits} {method}", bits + 20 / group if group and group > 0 else bits, method)
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
    raise InputError(
        f"config.quantization_config: method {method or 'unnamed'} is not known; known: awq, gptq, fp8, mxfp4, nvfp4, compressed FP8"
    )


def _parts(scheme: str, bits: float, method: str) -> dict[str, Any]:
    return {"method": method, "scheme": scheme, "bits": {"attn": bits, "ffn": bits, "experts": bits, "mtp": bits}}


_READ = (
    *WHOLE, "q_lora_rank", "tie_word_embeddings", "attention_bias", "n_shared_experts", "first_k_dense_replace",
)  # fmt: skip
