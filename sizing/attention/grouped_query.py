"""Grouped-query attention: groups of query heads share a key and a value. Multi-head and multi-query attention are its two ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inferstack.records.errors import InputError
from sizing.attention.heads import HeadedAttention
from sizing.attention.kind import LayerLetter, LayerType, ReadNumber, Record
from sizing.models.shape import LayerGroup, ModelShape


class GroupedQuery(HeadedAttention):
    name = "gqa"
    has_spans = True
    attention_key = ""
    layer_types = {
        "full_attention": LayerType("full"),
        "attention": LayerType(),
        "sliding_attention": LayerType("window", needs="sliding_window"),
        "None": LayerType(),
    }
    letters = {"*": LayerLetter("none", tensor="attn_q.weight")}
    gguf_keys = {"num_key_value_heads": "attention.head_count_kv", "head_dim": "attention.key_length"}

    def beside_projections(self, shape: ModelShape, group: LayerGroup) -> int:
        norms = {"per_head": 2 * shape.head_dim, "full": (group.heads + group.kv_heads) * shape.head_dim}
        return norms.get(shape.qk_norm or "", 0) + group.heads * shape.attention_sinks

    def heads_per_key(self, group: LayerGroup) -> float:
        return group.heads / group.kv_heads

    def complete(self, values: dict[str, Any], names: Mapping[str, str], *, kv_heads_are_heads: bool) -> None:
        if values.get("num_key_value_heads") is None:
            if not kv_heads_are_heads:
                key = names.get("num_key_value_heads", "num_key_value_heads")
                raise InputError(f"config: {key} is missing", hint="give the whole config.json of the model")
            values["num_key_value_heads"] = int(values["num_attention_heads"])
        if values.get("head_dim") is None:
            values["head_dim"] = _equal_heads(values, names)

    def refuse(self, values: Record, names: Mapping[str, str]) -> None:
        heads, kv = values["num_attention_heads"], values.get("num_key_value_heads") or values["num_attention_heads"]
        if kv > heads or heads % kv:
            few, many = (names.get(name, name) for name in ("num_key_value_heads", "num_attention_heads"))
            raise InputError(f"config: {few} {kv} does not divide {many} {heads}: query heads share KV heads in equal groups")
        if values.get("head_dim") and values["head_dim"] % 2:
            raise InputError(f"config: {names.get('head_dim', 'head_dim')} must be even, not {values['head_dim']}")

    def gguf_fields(self, fields: Record, read: ReadNumber) -> dict[str, Any]:
        """llama.cpp takes as many KV heads as heads, and heads of equal width, where a file says nothing else."""
        found = super().gguf_fields(fields, read)
        heads, hidden = fields.get("num_attention_heads"), fields.get("hidden_size")
        if heads:
            found.setdefault("num_key_value_heads", heads)
            if hidden and not hidden % heads:
                found.setdefault("head_dim", hidden // heads)
        return found


KIND = GroupedQuery()


def _equal_heads(values: Record, names: Mapping[str, str]) -> int:
    """Return the width of a head where the config leaves it to its class. Raises InputError where heads cannot be equal."""
    hidden, heads = values["hidden_size"], values["num_attention_heads"]
    if hidden % heads:
        whole, many = (names.get(name, name) for name in ("hidden_size", "num_attention_heads"))
        raise InputError(f"config: {whole} {hidden} is not a multiple of {many} {heads}, and head_dim is missing")
    return int(hidden // heads)
