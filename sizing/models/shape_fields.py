"""Fields that a shape must have: one that is missing is named, never filled; and shapes that cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inferstack.records.errors import InputError
from sizing.attention import spans
from sizing.attention.table import attention_of, kind_named, kinds

Record = Mapping[str, Any]
ALWAYS = ("num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads", "vocab_size", "tie_word_embeddings", "dtype",
          "norms_per_layer", "layers")  # fmt: skip
OF_EXPERTS = ("num_experts", "num_experts_per_tok", "moe_intermediate_size")


def refuse_incomplete(record: Record) -> None:
    """Raises InputError for a record that lacks what its shape is computed from, or that says itself that its format was not read."""
    name = record.get("id", "model")
    for field in _needed(record):
        if record.get(field) is None:
            raise InputError(f"{name}: {field} is missing, and no shape is computed from a guess")
    if not any(record.get(key) for key in ("max_position_embeddings", "rope_positions")):
        raise InputError(f"{name}: max_position_embeddings is missing, so the longest request is not known")
    if "rope" not in record:
        raise InputError(f"{name}: rope is missing; null means that a model has none")
    unread = next((one for one in record.get("not_verified") or () if str(one).startswith("quantization_config")), None)
    if unread and not record.get("quantization"):
        raise InputError(
            f"{name}: its format is not known, and its size depends on it ({unread})", hint="read it with inferstack model add ID"
        )


def _needed(record: Record) -> Iterator[str]:
    yield from (field for field in ALWAYS if field not in record or record[field] is None)
    for group in record.get("layers") or ():
        yield from kind_named(group["attn"]).fields
        if group["ffn"] == "moe":
            yield from OF_EXPERTS
        if group["ffn"] == "dense" and not group.get("intermediate_size"):
            yield "intermediate_size"
    yield from spans.needed_fields(record)


def refuse_impossible(values: Record, text: Record, *, names: Mapping[str, str]) -> None:
    """Refuse a config with a value that no model can have. `names`: our field -> its key. Raises InputError naming the key whose value
    no model can have."""
    for kind in (attention_of(values), *kinds().others):
        kind.refuse(values, names)
    _refuse_lists(text, int(values["num_hidden_layers"]))


def _refuse_lists(text: Record, layers: int) -> None:
    listed, dense = text.get("layer_types"), text.get("mlp_only_layers")
    if isinstance(listed, Sequence) and not isinstance(listed, str):
        if len(listed) != layers:
            raise InputError(f"config: layer_types has {len(listed)} entries for {layers} layers")
        for entry, (_, layer_type) in kinds().layer_types.items():
            if layer_type.needs and entry in listed and not text.get(layer_type.needs):
                raise InputError(f"config: {layer_type.needs} is missing: layer_types holds {entry}")
    if isinstance(dense, list) and any(isinstance(one, int) and not 0 <= one < layers for one in dense):
        raise InputError(f"config: mlp_only_layers names a layer beyond the {layers} layers")
    every = text.get("full_attention_interval")
    if isinstance(every, int) and every > layers:
        raise InputError(f"config: full_attention_interval {every} is more than the {layers} layers")
