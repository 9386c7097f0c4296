"""A model's shape from a record of the facts, or from one that was made of a config."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sizing.attention import spans
from sizing.attention.table import kind_named, kind_of
from sizing.models.shape import LayerGroup, ModelShape, OwnQuantization
from sizing.models.shape_fields import refuse_incomplete


def from_record(record: Mapping[str, Any]) -> ModelShape:
    """Make the shape of a record. Raises InputError for one that lacks a field that its shape is computed from."""
    refuse_incomplete(record)
    layers = layer_groups(record)
    return ModelShape(
        id=record["id"],
        architecture=record["architecture"],
        model_type=record["model_type"],
        source=f"facts of {record['as_of']}: {record['sources'][0]}",
        hidden=record["hidden_size"],
        heads=record["num_attention_heads"],
        kv_heads=record["num_key_value_heads"],
        head_dim=record.get("head_dim") or 0,
        intermediate=record.get("intermediate_size") or 0,
        vocab=record["vocab_size"],
        layers=layers,
        max_positions=record.get("max_position_embeddings") or record["rope_positions"],
        tied=record["tie_word_embeddings"],
        dtype=record["dtype"],
        norms_per_layer=record["norms_per_layer"],
        rotary_dim=_rotary_dim(record, layers),
        vision_heads=(record.get("vision") or {}).get("num_attention_heads") or 0,
        quantization=_quantization(record.get("quantization")),
        checkpoint_bytes=(record.get("checkpoint") or {}).get("bytes"),
        generates=not record.get("pooling") and "Classification" not in record["architecture"],
        uncertain=tuple(record.get("not_verified") or ()),
        **{field_: record[key] for field_, key in _PLAIN.items() if record.get(key) is not None},
    )


def layer_groups(record: Mapping[str, Any]) -> tuple[LayerGroup, ...]:
    """Return the groups of a record, mixed-window ones split into their full and their windowed layers."""
    found: list[LayerGroup] = []
    for group in record["layers"]:
        kind = kind_named(group["attn"])
        widths = kind.widths(record)
        for n, span, tokens in spans.parts(record, group, has_spans=kind.has_spans):
            found.append(
                LayerGroup(
                    n=n,
                    attn=kind.name,
                    ffn=group["ffn"],
                    heads=group.get("num_attention_heads") or record["num_attention_heads"],
                    kv_heads=group.get("num_key_value_heads") or record["num_key_value_heads"],
                    intermediate=group.get("intermediate_size") or record.get("intermediate_size") or 0,
                    norms=group["norms"] if "norms" in group else record["norms_per_layer"],
                    span=span,
                    span_tokens=tokens,
                    widths=widths,
                )
            )
    return tuple(found)


def _rotary_dim(record: Mapping[str, Any], layers: Iterable[LayerGroup]) -> int:
    rope = record.get("rope") or {}
    if not rope:
        return 0
    whole = max((kind_of(group).rotary_width(record) for group in layers), default=0)
    return int(whole * (rope.get("partial_rotary_factor") or 1.0))


def _quantization(record: Mapping[str, Any] | None) -> OwnQuantization | None:
    if not record:
        return None
    return OwnQuantization(
        scheme=f"{record.get('scheme') or ''} ({record.get('method') or ''})",
        bits=record["bits"],
        kv_cache=record.get("kv_cache"),
        kept_params=record.get("kept_parts") or 0,
        format=record.get("format"),
        group=record["group"] if "group" in record else _group(str(record.get("scheme"))),
        method=record.get("method") or "",
        block=record.get("block") or "block" in str(record.get("scheme")),
    )


def _group(scheme: str) -> int:
    """Read the number in a record's words: `group 32`, `block 128x128`."""
    found = re.search(r"(?:group|block) (\d+)", scheme)
    return int(found.group(1)) if found else 0


_PLAIN = {
    "gated_ffn": "gated_ffn",
    "attention_bias": "attention_bias",
    "attention_out_bias": "attention_out_bias",
    "attention_sinks": "attention_sinks",
    "attention_gate": "attn_output_gate",
    "ffn_bias": "ffn_bias",
    "qk_norm": "qk_norm",
    "norm_bias": "norm_bias",
    "final_norm": "final_norm",
    "extra_params": "extra_params",
    "experts": "num_experts",
    "experts_per_token": "num_experts_per_tok",
    "expert_width": "moe_intermediate_size",
    "shared_width": "shared_expert_size",
    "shared_gate": "shared_expert_gate",
    "router_bias": "router_bias",
    "expert_bias": "expert_bias",
    "vision_params": "vision_params",
    "mtp_layers": "mtp_layers",
    "mtp_in_checkpoint": "mtp_in_checkpoint",
    "mtp_copies_embeddings": "mtp_copies_embeddings",
    "tied_head_stored": "tied_head_stored",
    "tokenizer_bytes": "tokenizer_bytes",
    "original_bytes": "original_bytes",
    "license": "license",
    "remote_code": "remote_code",
    "gated": "gated",
    "revision": "revision",
}
