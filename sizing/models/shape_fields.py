"""Fields that a shape must have: one that is missing is named, never filled; and shapes that cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inferstack.records.errors import InputError

Record = Mapping[str, Any]
ALWAYS = ("num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads", "vocab_size", "tie_word_embeddings", "dtype",
          "norms_per_layer", "layers")  # fmt: skip
OF_LAYERS = {
    "gqa": ("head_dim",),
    "cross": ("head_dim",),
    "mla": ("q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"),
    "gated_deltanet": (
        "linear_num_key_heads", "linear_key_head_dim", "linear_num_value_heads", "linear_value_head_dim", "linear_conv_kernel_dim",
    ),
    "kda": ("kda_num_heads", "kda_head_dim", "kda_conv_kernel"),
    "mamba2": ("mamba_num_heads", "mamba_head_dim", "mamba_state_size", "mamba_n_groups", "mamba_conv_kernel"),
    "moe": ("num_experts", "num_experts_per_tok", "moe_intermediate_size"),
}  # fmt: skip


def refuse_incomplete(record: Record) -> None:
    """Raises InputError for a record that lacks what its shape is computed from, or that says itself that its format was not read."""
    name = record.get("id", "model")
    for field in _needed(record):
        if record.get(field) is None:
            raise InputError(f"{name}: {field} is missing: no shape is computed from a guess of it")
    if not any(record.get(key) for key in ("max_position_embeddings", "rope_positions")):
        raise InputError(f"{name}: max_position_embeddings is missing: how long a request may be is not known")
    if "rope" not in record:
        raise InputError(f"{name}: rope is missing: null says that a model has none")
    unread = next((one for one in record.get("not_verified") or () if str(one).startswith("quantization_config")), None)
    if unread and not record.get("quantization"):
        raise InputError(f"{name}: its format is not known, and its bytes hang on it ({unread})", hint="inferstack model add ID reads it")


def _needed(record: Record) -> Iterator[str]:
    yield from (field for field in ALWAYS if field not in record or record[field] is None)
    for group in record.get("layers") or ():
        yield from (*OF_LAYERS.get(group["attn"], ()), *OF_LAYERS.get(group["ffn"], ()))
        if group["ffn"] == "dense" and not group.get("intermediate_size"):
            yield "intermediate_size"
    if record.get("attention_chunk_size"):
        yield "no_rope_layer_interval"
    if record.get("sliding_window") and not any("span" in group for group in record.get("layers") or ()):
        yield "sliding_window_pattern"


def refuse_impossible(values: Record, text: Record, *, names: Mapping[str, str]) -> None:
    """Of a config. `names`: our field -> its key. Raises InputError naming the key whose value no model can have."""
    heads, kv = values["num_attention_heads"], values.get("num_key_value_heads") or values["num_attention_heads"]
    if not values.get("kv_lora_rank"):
        if kv > heads or heads % kv:
            said = f"{_key(names, 'num_key_value_heads')} {kv} does not divide {_key(names, 'num_attention_heads')} {heads}"
            raise InputError(f"config: {said}: query heads share KV heads in equal groups")
        if values.get("head_dim") and values["head_dim"] % 2:
            raise InputError(f"config: {_key(names, 'head_dim')} must be even, not {values['head_dim']}")
    _refuse_groups(values, names, "linear_num_value_heads", "linear_num_key_heads")
    _refuse_groups(values, names, "mamba_num_heads", "mamba_n_groups")
    _refuse_lists(text, int(values["num_hidden_layers"]))


def whole_head_dim(values: Record, names: Mapping[str, str]) -> int:
    """The width of a head where the config leaves it to its class: of equal heads. Raises InputError where they cannot be equal."""
    hidden, heads = values["hidden_size"], values["num_attention_heads"]
    if hidden % heads:
        raise InputError(
            f"config: {_key(names, 'hidden_size')} {hidden} is no multiple of {_key(names, 'num_attention_heads')} {heads}, and head_dim "
            "is missing"
        )
    return int(hidden // heads)


def _refuse_groups(values: Record, names: Mapping[str, str], many: str, few: str) -> None:
    if values.get(many) and values.get(few) and values[many] % values[few]:
        raise InputError(f"config: {_key(names, many)} {values[many]} is no multiple of {_key(names, few)} {values[few]}")


def _refuse_lists(text: Record, layers: int) -> None:
    kinds, dense = text.get("layer_types"), text.get("mlp_only_layers")
    if isinstance(kinds, Sequence) and not isinstance(kinds, str):
        if len(kinds) != layers:
            raise InputError(f"config: layer_types has {len(kinds)} entries for {layers} layers")
        if "sliding_attention" in kinds and not text.get("sliding_window"):
            raise InputError("config: sliding_window is missing: layer_types holds sliding_attention")
    if isinstance(dense, list) and any(isinstance(one, int) and not 0 <= one < layers for one in dense):
        raise InputError(f"config: mlp_only_layers names a layer beyond the {layers} layers")
    every = text.get("full_attention_interval")
    if isinstance(every, int) and every > layers:
        raise InputError(f"config: full_attention_interval {every} is more than the {layers} layers")


def _key(names: Mapping[str, str], field: str) -> str:
    return names.get(field, field)
