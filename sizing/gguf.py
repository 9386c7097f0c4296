"""GGUF mixes: which block type each tensor gets, and what the file and the parts of the model weigh."""

from __future__ import annotations

import functools
from typing import Any

from records.facts import load
from sizing import parameters
from sizing.model import ModelShape

NORM_BITS = 32.0


@functools.cache
def mean_bits(shape: ModelShape, mix: str) -> tuple[float, float, float]:
    """Bits a weight of attention, of dense and shared FFN, and of routed experts."""
    rules = _facts()["mixes"][mix]
    q, kv, out = (sum(parts) for parts in zip(*(_qkv(shape, group) for group in shape.layers), strict=True))
    attn = (
        q * _type_bits(rules["base"])
        + kv / 2 * (_tensor_bits(shape, rules, "attn_k") + _tensor_bits(shape, rules, "attn_v"))
        + out * _tensor_bits(shape, rules, "attn_output")
    ) / max(q + kv + out, 1)
    matrices = 3 if shape.gated_ffn else 2
    ffn = ((matrices - 1) * _type_bits(rules["base"]) + _tensor_bits(shape, rules, "ffn_down")) / matrices
    return attn, ffn, ffn


@functools.cache
def file_bytes(shape: ModelShape, mix: str) -> float:
    """Of the whole file: tensors by type, norms and routers in 32 bit. A tied embedding is stored once, as the output type."""
    rules, counts = _facts()["mixes"][mix], parameters.count(shape)
    attn, ffn, experts = mean_bits(shape, mix)
    embedding = _type_bits(rules["output"] if shape.tied else rules["base"])
    bits = (
        counts.embed * embedding
        + counts.head * _type_bits(rules["output"])
        + counts.attn * attn
        + (counts.ffn - counts.router) * ffn
        + counts.experts * experts
        + (counts.other + counts.router) * NORM_BITS
    )
    return bits / 8 + shape.vocab * float(_facts()["metadata_bytes_per_token"])


def embedding_bits(shape: ModelShape, mix: str) -> tuple[float, float]:
    """Of the input embedding and of the output head."""
    rules = _facts()["mixes"][mix]
    return _type_bits(rules["output"] if shape.tied else rules["base"]), _type_bits(rules["output"])


def _tensor_bits(shape: ModelShape, rules: dict[str, Any], tensor: str) -> float:
    """The mean over the layers."""
    total = sum(_type_bits(_type(shape, rules, tensor, layer)) for layer in range(shape.num_layers))
    return total / shape.num_layers


def _type(shape: ModelShape, rules: dict[str, Any], tensor: str, layer: int) -> str:
    for rule in rules.get(tensor, ()):
        if _holds(rule, shape, layer):
            return str(rule["type"])
    return str(rules["base"])


def _holds(rule: dict[str, Any], shape: ModelShape, layer: int) -> bool:
    n = shape.num_layers
    if shape.experts != rule.get("experts", shape.experts) or n < rule.get("layers_at_least", 0):
        return False
    if shape.heads // max(shape.kv_heads, 1) < rule.get("gqa_at_least", 0):
        return False
    return {
        None: True,
        "more_bits": layer < n // 8 or layer >= 7 * n // 8 or (layer - n // 8) % 3 == 2,
        "first_eighth": layer < n // 8,
        "first_sixteenth": layer < n // 16,
        "first_2": layer < 2,
        "first_4": layer < 4,
    }[rule.get("layers")]


def _qkv(shape: ModelShape, group: Any) -> tuple[int, int, int]:
    sizes = parameters.qkv(shape, group) if group.attn in ("gqa", "cross") else (parameters.attention(shape, group), 0, 0)
    return sizes[0] * group.n, sizes[1] * group.n, sizes[2] * group.n


def _type_bits(name: str) -> float:
    return float(_facts()["types"][name])


def _facts() -> dict[str, Any]:
    return dict(load("sizing")["engines"]["gguf"])
