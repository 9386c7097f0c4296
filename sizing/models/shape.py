"""The shape of a model: what every size and every time is computed from. Read from a facts record by `facts_record`, from a config.json by
`hf_config`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Span = Literal["full", "window", "chunk"]


@dataclass(frozen=True, slots=True)
class LayerGroup:
    """`n` equal layers. `attn` names their kind of attention, and `widths` are that kind's own. `span` says how far back their KV reaches:
    everything, a sliding window, or chunks of `span_tokens`."""

    n: int
    attn: str
    ffn: Literal["dense", "moe", "none"]
    heads: int
    kv_heads: int
    intermediate: int
    norms: int
    span: Span = "full"
    span_tokens: int = 0
    widths: Any = None


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
