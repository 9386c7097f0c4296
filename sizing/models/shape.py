"""The shape of a model: what every size and every time is computed from. Read from a facts record, or from a config.json by `hf_config`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sizing.models.shape_fields import refuse_incomplete

Attention = Literal["gqa", "mla", "cross", "gated_deltanet", "kda", "mamba2", "none"]
Span = Literal["full", "window", "chunk"]


@dataclass(frozen=True, slots=True)
class LayerGroup:
    """`n` equal layers. `span` says how far back their KV reaches: everything, a sliding window, or chunks of `span_tokens`."""

    n: int
    attn: Attention
    ffn: Literal["dense", "moe", "none"]
    heads: int
    kv_heads: int
    intermediate: int
    norms: int
    span: Span = "full"
    span_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Mla:
    """Multi-head latent attention. `index_*` are of DeepSeek's sparse attention, 0 without it."""

    q_lora_rank: int
    kv_lora_rank: int
    nope_dim: int
    rope_dim: int
    v_dim: int
    index_head_dim: int = 0
    index_heads: int = 0


@dataclass(frozen=True, slots=True)
class Recurrent:
    """Linear attention or state space layers: delta nets (`key_*`, `value_*`) or Mamba 2 (`value_*` heads, `groups`, `state`)."""

    key_heads: int
    key_dim: int
    value_heads: int
    value_dim: int
    conv: int
    groups: int = 0
    state: int = 0


@dataclass(frozen=True, slots=True)
class OwnQuantization:
    """How the checkpoint itself is quantised: effective bits by part (attn, ffn, experts, mtp), scales included. `group`: weights that
    share a scale, 0 where a row does; `block`: rows as well as columns. `format` is None where the scheme's words say it."""

    scheme: str
    bits: Mapping[str, float]
    kv_cache: str | None = None
    kept_params: int = 0
    format: str | None = None
    group: int = 0
    block: bool = False
    method: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class ModelShape:
    """A decoder. Widths are elements, parameters counts. Compared by identity: one object for each record or config."""

    id: str
    architecture: str
    model_type: str
    source: str
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    layers: tuple[LayerGroup, ...]
    max_positions: int
    tied: bool = False
    dtype: str = "bf16"
    gated_ffn: bool = True
    attention_bias: bool = False
    attention_out_bias: bool = False
    attention_sinks: bool = False
    attention_gate: bool = False
    ffn_bias: bool = False
    qk_norm: str | None = None
    norms_per_layer: int = 2
    norm_bias: bool = False
    final_norm: bool = True
    rotary_dim: int = 0
    extra_params: int = 0
    experts: int = 0
    experts_per_token: int = 0
    expert_width: int = 0
    shared_width: int = 0
    shared_gate: bool = False
    router_bias: bool = False
    expert_bias: bool = False
    mla: Mla | None = None
    recurrent: Recurrent | None = None
    vision_params: int = 0
    vision_heads: int = 0
    mtp_layers: int = 0
    mtp_in_checkpoint: bool = False
    mtp_copies_embeddings: bool = False
    tied_head_stored: bool = False
    quantization: OwnQuantization | None = None
    checkpoint_bytes: int | None = None
    tokenizer_bytes: int | None = None
    original_bytes: int = 0
    license: str | None = None
    gated: bool | None = None
    revision: str | None = None
    generates: bool = True
    remote_code: str | None = None
    uncertain: tuple[str, ...] = field(default=())

    @property
    def num_layers(self) -> int:
        return sum(group.n for group in self.layers)

    @property
    def signature(self) -> str:
        """The same for checkpoints that differ in their weights only."""
        widths = (self.num_layers, self.hidden, self.heads, self.kv_heads, self.intermediate, self.experts, self.expert_width)
        return f"{self.model_type}-{'-'.join(map(str, widths))}"

    @property
    def is_moe(self) -> bool:
        return self.experts > 0

    @property
    def has_mla(self) -> bool:
        return self.mla is not None


def from_record(record: Mapping[str, Any]) -> ModelShape:
    """A facts record, or one made of a config. Raises InputError for one that lacks a field that its shape is computed from."""
    refuse_incomplete(record)
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
        layers=layer_groups(record),
        max_positions=record.get("max_position_embeddings") or record["rope_positions"],
        tied=record["tie_word_embeddings"],
        dtype=record["dtype"],
        norms_per_layer=record["norms_per_layer"],
        rotary_dim=_rotary_dim(record),
        mla=_mla(record),
        recurrent=_recurrent(record),
        vision_heads=(record.get("vision") or {}).get("num_attention_heads") or 0,
        quantization=_quantization(record.get("quantization")),
        checkpoint_bytes=(record.get("checkpoint") or {}).get("bytes"),
        generates=not record.get("pooling") and "Classification" not in record["architecture"],
        uncertain=tuple(record.get("not_verified") or ()),
        **{field_: record[key] for field_, key in _PLAIN.items() if record.get(key) is not None},
    )


def layer_groups(record: Mapping[str, Any]) -> tuple[LayerGroup, ...]:
    """The groups of a record, mixed-window ones split into their full and their windowed layers."""
    found: list[LayerGroup] = []
    for group in record["layers"]:
        for n, span, tokens in _spans(record, group):
            found.append(
                LayerGroup(
                    n=n,
                    attn=group["attn"],
                    ffn=group["ffn"],
                    heads=group.get("num_attention_heads") or record["num_attention_heads"],
                    kv_heads=group.get("num_key_value_heads") or record["num_key_value_heads"],
                    intermediate=group.get("intermediate_size") or record.get("intermediate_size") or 0,
                    norms=group["norms"] if "norms" in group else record["norms_per_layer"],
                    span=span,
                    span_tokens=tokens,
                )
            )
    return tuple(found)


def _spans(record: Mapping[str, Any], group: Mapping[str, Any]) -> list[tuple[int, Span, int]]:
    n, window, chunk = int(group["n"]), int(record.get("sliding_window") or 0), int(record.get("attention_chunk_size") or 0)
    if "span" in group:
        return [(n, group["span"] if window else "full", window if group["span"] == "window" else 0)]
    if group["attn"] != "gqa" or not (window or chunk):
        return [(n, "full", 0)]
    if chunk:
        full = n // int(record["no_rope_layer_interval"])
        return _split(n, full, "chunk", chunk)
    pattern = record["sliding_window_pattern"]
    if pattern.startswith("alternating"):
        return _split(n, n - n // 2 if "even layers sliding" not in pattern else n // 2, "window", window)
    if " sliding : 1 full" in pattern:
        return _split(n, n // (int(pattern.split()[0]) + 1), "window", window)
    if window >= (record.get("max_position_embeddings") or 0):
        return [(n, "full", 0)]
    return [(n, "window", window)]


def _split(n: int, full: int, span: Span, tokens: int) -> list[tuple[int, Span, int]]:
    parts: list[tuple[int, Span, int]] = [(full, "full", 0), (n - full, span, tokens)]
    return [part for part in parts if part[0]]


def _rotary_dim(record: Mapping[str, Any]) -> int:
    rope = record.get("rope") or {}
    if not rope:
        return 0
    whole = record.get("qk_rope_head_dim") or record.get("head_dim") or 0
    return int(whole * (rope.get("partial_rotary_factor") or 1.0))


def _mla(record: Mapping[str, Any]) -> Mla | None:
    if not record.get("kv_lora_rank"):
        return None
    return Mla(
        q_lora_rank=record["q_lora_rank"],
        kv_lora_rank=record["kv_lora_rank"],
        nope_dim=record["qk_nope_head_dim"],
        rope_dim=record["qk_rope_head_dim"],
        v_dim=record["v_head_dim"],
        index_head_dim=record.get("index_head_dim") or 0,
        index_heads=record.get("index_n_heads") or 0,
    )


def _recurrent(record: Mapping[str, Any]) -> Recurrent | None:
    if record.get("linear_num_key_heads"):
        return Recurrent(
            key_heads=record["linear_num_key_heads"],
            key_dim=record["linear_key_head_dim"],
            value_heads=record["linear_num_value_heads"],
            value_dim=record["linear_value_head_dim"],
            conv=record["linear_conv_kernel_dim"],
        )
    if record.get("kda_num_heads"):
        heads, width = record["kda_num_heads"], record["kda_head_dim"]
        return Recurrent(key_heads=heads, key_dim=width, value_heads=heads, value_dim=width, conv=record["kda_conv_kernel"])
    if record.get("mamba_num_heads"):
        return Recurrent(
            key_heads=0,
            key_dim=0,
            value_heads=record["mamba_num_heads"],
            value_dim=record["mamba_head_dim"],
            conv=record["mamba_conv_kernel"],
            groups=record["mamba_n_groups"],
            state=record["mamba_state_size"],
        )
    return None


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
    """Of a record's words: `group 32`, `block 128x128`."""
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
