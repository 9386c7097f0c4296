"""GGUF mixes: which block type each tensor gets, and what the file and the parts of the model weigh."""

from __future__ import annotations

import functools
from typing import Any

from inferstack.records.files.facts import load
from sizing.attention.table import kind_of
from sizing.models import parameters
from sizing.models.shape import LayerGroup, ModelShape

# llama.cpp quantises no tensor of one dimension and no router (ffn_gate_inp): both stay F32 (src/llama-quant.cpp).
NORM_BITS = 32.0


@functools.cache
def mean_bits(shape: ModelShape, mix: str) -> tuple[float, float, float]:
    """Return the bits a weight of attention, of dense and shared FFN, and of routed experts."""
    rules = _facts()["mixes"][mix]
    parts = [sum(sizes) for sizes in zip(*(_projections(shape, group) for group in shape.layers), strict=True)]
    rows = (shape.hidden, shape.hidden, shape.hidden, shape.heads * shape.head_dim or shape.hidden)
    tensors = zip(parts, ("attn_q", "attn_kv", "attn_qkv", "attn_output"), rows, strict=True)
    attn = sum(size * _attention_bits(shape, rules, tensor, row) for size, tensor, row in tensors) / max(sum(parts), 1)
    wide, narrow = shape.intermediate or shape.shared_width or shape.hidden, shape.expert_width or shape.hidden
    return attn, _ffn_bits(shape, rules, wide), _ffn_bits(shape, rules, narrow)


@functools.cache
def file_bytes(shape: ModelShape, mix: str) -> float:
    """Return the bytes of the whole file: its tensors and the vocabulary's strings."""
    return tensor_bytes(shape, mix) + shape.vocab * float(_facts()["metadata_bytes_per_token"])


@functools.cache
def tensor_bytes(shape: ModelShape, mix: str) -> float:
    """Return the bytes of all tensors by their types, with norms and routers in 32 bit. A tied embedding is stored once, as the output
    type; a vision tower is another file."""
    counts = parameters.count(shape)
    attn, ffn, experts = mean_bits(shape, mix)
    embedding, head = embedding_bits(shape, mix)
    bits = (
        counts.embed * embedding
        + counts.head * head
        + counts.attn * attn
        + (counts.ffn - counts.router) * ffn
        + counts.experts * experts
        + (counts.other + counts.router) * NORM_BITS
    )
    return bits / 8


def embedding_bits(shape: ModelShape, mix: str) -> tuple[float, float]:
    """Return the bits of the input embedding and of the output head."""
    rules = _facts()["mixes"][mix]
    return _type_bits(rules["output"] if shape.tied else rules["base"], shape.hidden), _type_bits(rules["output"], shape.hidden)


def _attention_bits(shape: ModelShape, rules: dict[str, Any], tensor: str, row: int) -> float:
    if tensor == "attn_kv":
        return (_tensor_bits(shape, rules, "attn_k", row) + _tensor_bits(shape, rules, "attn_v", row)) / 2
    return _tensor_bits(shape, rules, tensor, row)


def _ffn_bits(shape: ModelShape, rules: dict[str, Any], width: int) -> float:
    matrices = 3 if shape.gated_ffn else 2
    return ((matrices - 1) * _type_bits(rules["base"], shape.hidden) + _tensor_bits(shape, rules, "ffn_down", width)) / matrices


def _tensor_bits(shape: ModelShape, rules: dict[str, Any], tensor: str, row: int) -> float:
    """Return the bits of a tensor, averaged over the layers."""
    total = sum(_type_bits(_type(shape, rules, tensor, layer), row) for layer in range(shape.num_layers))
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
    # The file of a 70B model gets more bits for attn_v: eight heads share it, so that it is an eighth of attn_q and
    # costs next to nothing (src/llama-quant.cpp).
    if shape.heads // max(shape.kv_heads, 1) < rule.get("gqa_at_least", 0):
        return False
    return {
        None: True,
        # `use_more_bits` of src/llama-quant.cpp: first and last eighth, and every third layer between. The mix
        # decides the size of a file, not the number in its name.
        "more_bits": layer < n // 8 or layer >= 7 * n // 8 or (layer - n // 8) % 3 == 2,
        "first_eighth": layer < n // 8,
        "first_sixteenth": layer < n // 16,
        "first_2": layer < 2,
        "first_4": layer < 4,
    }[rule.get("layers")]


def _projections(shape: ModelShape, group: LayerGroup) -> tuple[int, int, int, int]:
    """Count the weights of q, of k and v, of the three in one tensor, and of the output; what is none of them counts as q."""
    q, kv, fused, output = (part * group.n for part in kind_of(group).gguf_projections(shape, group))
    return (0, 0, q + kv, output) if kv and shape.model_type in _facts()["fused_qkv"] else (q, kv, fused, output)


def _type_bits(name: str, row: int) -> float:
    """Return the bits of a type. A K type needs rows of whole blocks of 256; other rows get the type that llama.cpp falls back to."""
    facts = _facts()
    # Qwen2.5 0.5B has rows of 896 weights: its Q4_K_M file is mostly Q5_0.
    return float(facts["types"][name if row % facts["block"] == 0 else facts["narrow_rows"].get(name, name)])


@functools.cache
def _facts() -> dict[str, Any]:
    return dict(load("sizing")["engines"]["gguf"])
