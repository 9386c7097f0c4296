"""Weight formats: how many bits each part of a model takes, and which arithmetic a GPU runs them in."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Any

from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from sizing.catalog import Gpu
from sizing.models.shape import ModelShape

PARTS = ("attn", "ffn", "experts")
WIDE = 16.0
FP4 = ("nvfp4", "mxfp4")


@dataclass(frozen=True, slots=True)
class Bits:
    """Effective bits a weight by part. `own`: the checkpoint is in this format itself; else it is quantised by somebody or at load."""

    format: str
    attn: float
    ffn: float
    experts: float
    own: bool
    compute: str


@functools.lru_cache(4096)
def bits_of(shape: ModelShape, weight_quant: str | None) -> Bits:
    """Return the bits of each part in this format, or in the checkpoint's own. FP4 of an FP4 checkpoint means the kind that the
    checkpoint has. Raises InputError for a format that does not exist."""
    format_ = normalised(weight_quant) if weight_quant else own_format(shape)
    if format_.startswith("gguf-"):
        return _gguf(shape, format_)
    if format_ in FP4 and own_format(shape) in FP4:
        format_ = own_format(shape)
    known = _facts()["formats"][format_]
    own = shape.quantization
    if own and format_ == own_format(shape):
        attn, ffn, experts = (min(WIDE, own.bits.get(part, WIDE)) for part in PARTS)
        return Bits(format_, attn, ffn, experts, own=True, compute=known["compute"])
    attn, ffn, experts = _requantised(shape, known["bits"])
    return Bits(format_, attn, ffn, experts, own=known["bits"] >= WIDE and own is None, compute=known["compute"])


def normalised(name: str) -> str:
    """A format of the facts, or `gguf-<mix>`, which llama.cpp's own names stand for: Q4_K_M. Raises InputError naming the known ones."""
    facts, plain = _facts(), name.strip().lower()
    plain = facts["aliases"].get(plain, plain)
    if plain in facts["formats"]:
        return str(plain)
    mix = "gguf-" + re.sub(r"^gguf[-_:]?", "", plain).replace("-", "_")
    if mix in _gguf_names():
        return mix
    raise InputError(
        f"weight_quant: {name!r} is not a known format; known: {', '.join(facts['formats'])}, {', '.join(_gguf_names())}",
        hint="leave weight_quant out to take the checkpoint's own",
    )


@functools.cache
def own_format(shape: ModelShape) -> str:
    if shape.quantization is None:
        return "fp16" if shape.dtype == "fp16" else "bf16"
    if shape.quantization.format:
        return shape.quantization.format
    scheme = shape.quantization.scheme.lower()
    if scheme.startswith("gguf-"):
        return scheme.split()[0]
    for name in ("mxfp4", "nvfp4", "fp8", "int8"):
        if name in scheme:
            return name
    return "int4-awq" if "awq" in scheme else "int4-gptq"


def nominal_bits(format_: str) -> int:
    """Return the bits of a weight, scales left out: 16, 8 or 4. A GGUF mix counts as 4, whatever its tensors take."""
    known = _facts()["formats"].get(format_)
    return int(known["bits"]) if known else 4


def peak_flops(gpu: Gpu, bits: float, compute: str) -> float:
    """Return the peak rate of the GEMMs whose weights take these bits. FP4 without FP4 units runs at half the FP8 rate, as fitted; int4
    and GGUF in 16 bit."""
    # Bits are means over a part, in which a quantiser may have left some layers wide: the rate is that of the width
    # which most of the weights must have.
    if bits > 12.8 or compute == "bf16":
        return gpu.flops_bf16
    if bits > 7.2:
        rate = gpu.flops_int8 if compute == "int8" else gpu.flops_fp8
        return max(rate, gpu.flops_bf16)
    if compute == "mxfp4":
        return gpu.flops_fp4 or gpu.flops_bf16
    return gpu.flops_fp4 or gpu.flops_fp8 * 0.5 or gpu.flops_bf16


def runs_natively(gpu: Gpu, compute: str) -> bool:
    """Whether the GPU multiplies in this format; otherwise the weights are widened in the kernel."""
    return {"fp8": gpu.flops_fp8, "fp4": gpu.flops_fp4, "mxfp4": gpu.flops_fp4, "int8": gpu.flops_int8}.get(compute, 1.0) > 0


def _gguf(shape: ModelShape, format_: str) -> Bits:
    """A GGUF file's own bits where its header was read, else those of the mix."""
    from sizing.models.gguf import mix

    attn, ffn, experts = mix.mean_bits(shape, format_.removeprefix("gguf-"))
    own = shape.quantization if shape.quantization and own_format(shape) == format_ else None
    if own:
        attn, ffn, experts = own.bits.get("attn", attn), own.bits.get("ffn", ffn), own.bits.get("experts", experts)
    return Bits(format_, attn, ffn, experts, own=own is not None, compute="bf16")


def _requantised(shape: ModelShape, bits: float) -> tuple[float, float, float]:
    rule = _rule(shape, bits)
    if "bits" in rule:
        parts = tuple(float(rule["bits"].get(part, bits)) for part in PARTS)
    else:
        parts = tuple(WIDE if part in rule.get("keep", ()) else bits for part in PARTS)
    return parts[0], parts[1], parts[2]


def _rule(shape: ModelShape, bits: float) -> dict[str, Any]:
    for rule in _facts()["kept"]:
        named = shape.model_type in rule.get("model_types", ()) or (rule.get("moe") and shape.is_moe)
        if named and bits < rule["below_bits"]:
            return dict(rule)
    return {}


@functools.cache
def _gguf_names() -> tuple[str, ...]:
    return tuple(f"gguf-{mix}" for mix in load("sizing")["engines"]["gguf"]["mixes"])


def _facts() -> dict[str, Any]:
    return dict(load("sizing")["engines"]["quantisation"])
