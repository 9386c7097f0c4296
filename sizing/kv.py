"""KV cache: bytes for each token and sequence on one GPU, and how many tokens and requests a given memory holds."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from sizing.engines import EngineVersion
from sizing.model import LayerGroup, ModelShape
from sizing.quantisation import Bits
from sizing.weights import Shards, stage_share

RECURRENT_STATE_BYTES = 4


@dataclass(frozen=True, slots=True)
class KvCost:
    """On the fullest GPU of a replica: bytes a token in layers that keep everything and in those with a span, and of a state."""

    full_bytes: float
    span_bytes: float
    span_tokens: int
    state_bytes: float
    block_tokens: int
    element_bytes: float

    def sequence_bytes(self, tokens: float) -> float:
        """One sequence of this many tokens, whole blocks."""
        held = math.ceil(tokens / self.block_tokens) * self.block_tokens
        return self.full_bytes * held + self.span_bytes * min(held, self.span_tokens or held) + self.state_bytes

    def tokens(self, available_bytes: float, *, length: int, windowed: bool) -> int:
        """Capacity in tokens. Where layers have a span it depends on the length: as many requests of it as fit, times the length."""
        if available_bytes <= 0 or self.full_bytes + self.span_bytes <= 0:
            return 0
        if windowed and (self.span_bytes or self.state_bytes):
            return int(available_bytes / self.sequence_bytes(length) * length)
        block = (self.full_bytes + self.span_bytes) * self.block_tokens
        return int(available_bytes // block) * self.block_tokens


@functools.cache
def kv_cost(shape: ModelShape, shards: Shards, *, element_bytes: float, engine: EngineVersion) -> KvCost:
    """`element_bytes` 2 for 16 bit, 1 for FP8. Key and value heads are copied where there are fewer than shards; MLA is never cut."""
    full = span = state = 0.0
    span_tokens = 0
    for group in shape.layers:
        each = _token_bytes(shape, group, shards.attention) * element_bytes * group.n
        if group.span == "full" or not _saves(engine, group.span):
            full += each
        else:
            span, span_tokens = span + each, group.span_tokens
        state += _state_bytes(shape, group, shards.attention) * group.n
    share = stage_share(shape, shards.pp)
    return KvCost(full * share, span * share, span_tokens, state * share, int(engine.memory("block_tokens")), element_bytes)


def element_bytes(shape: ModelShape, bits: Bits, kv_quant: str, *, engine: EngineVersion, hopper: bool) -> float:
    """What `auto` means by engine: the model's own width, or FP8 where the checkpoint declares it and the engine follows."""
    if kv_quant != "auto":
        return 1.0 if kv_quant == "fp8" else 2.0
    declared = shape.quantization.kv_cache if shape.quantization and bits.own else None
    if engine.name == "tensorrt-llm":
        return 1.0 if bits.format in ("fp8", "nvfp4") or (bits.format == "mxfp4" and not hopper) else 2.0
    return 1.0 if declared == "fp8" and engine.default("kv_follows_checkpoint") else 2.0


def _token_bytes(shape: ModelShape, group: LayerGroup, shards: int) -> float:
    """Elements of one token in one layer on one GPU."""
    attn = group.attn
    if attn == "mla":
        assert shape.mla is not None
        return float(shape.mla.kv_lora_rank + shape.mla.rope_dim)
    if attn in ("gqa", "cross"):
        heads = group.kv_heads
        return 2.0 * max(1.0, heads / shards) * shape.head_dim
    return 0.0


def _state_bytes(shape: ModelShape, group: LayerGroup, shards: int) -> float:
    r, attn = shape.recurrent, group.attn
    if r is None or attn not in ("gated_deltanet", "mamba2"):
        return 0.0
    per_head = r.key_dim * r.value_dim if attn == "gated_deltanet" else r.value_dim * r.state
    return r.value_heads * per_head * RECURRENT_STATE_BYTES / shards


def _saves(engine: EngineVersion, span: str) -> bool:
    return bool(engine.default("chunked_layers_save_kv" if span == "chunk" else "window_layers_save_kv"))
