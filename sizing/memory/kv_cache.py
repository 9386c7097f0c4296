"""KV cache: bytes for each token and sequence on one GPU, by the layers of the model and the rule of the engine."""

from __future__ import annotations

import functools
import math

from sizing.engines.engine import EngineVersion
from sizing.memory.kv_cost import KvCost
from sizing.memory.paged_layers import LayerKind
from sizing.models.quantisation.formats import Bits
from sizing.models.shape import LayerGroup, ModelShape
from sizing.models.weights import Shards, stage_share

RECURRENT_STATE_BYTES = 4
CONVOLUTION_BYTES = 2
SCALE_BYTES = 4
SCALED_ELEMENTS = 128


@functools.cache
def kv_cost(
    shape: ModelShape, shards: Shards, *, element_bytes: float, engine: EngineVersion, batched_tokens: int = 0, slots: int = 0
) -> KvCost:
    """`element_bytes` 2 for 16 bit, 1 for FP8. Key and value heads are copied where there are fewer than shards; MLA is never cut.
    `batched_tokens` and `slots`: max_num_batched_tokens and max_num_seqs, which an engine may count beside a span; `slots` 0 for its
    default."""
    full = span = 0.0
    span_tokens = 0
    for group in shape.layers:
        each = token_bytes(shape, group, shards.attention, element_bytes=element_bytes) * group.n
        if group.span == "full" or not engine.saves_span(group.span):
            full += each
        else:
            span, span_tokens = span + each, group.span_tokens
    share, block = stage_share(shape, shards.pp), int(engine.memory("block_tokens"))
    cost = KvCost(full * share, span * share, span_tokens, states_bytes(shape, shards), block, element_bytes)
    return engine.kv_rule(
        cost, _kinds(shape, shards, element_bytes=element_bytes, engine=engine), batched_tokens=batched_tokens, slots=slots
    )


def element_bytes(shape: ModelShape, bits: Bits, kv_quant: str, *, engine: EngineVersion, hopper: bool) -> float:
    """What `auto` means by engine: the model's own width, or FP8 where the checkpoint declares it and the engine follows."""
    if kv_quant != "auto":
        return 1.0 if kv_quant == "fp8" else 2.0
    return engine.auto_kv_bytes(shape, bits, hopper=hopper)


def token_bytes(shape: ModelShape, group: LayerGroup, shards: int, *, element_bytes: float) -> float:
    """Of one token in one layer on one GPU. Sparse attention keeps a key of its indexer in FP8 with a scale beside it, and in FP8 its
    latent with scales and the rotary part in 16 bit (656 bytes: vLLM's fp8_ds_mla)."""
    attn, mla = group.attn, shape.mla
    if attn == "mla":
        assert mla is not None
        latent = (mla.kv_lora_rank + mla.rope_dim) * element_bytes
        if not mla.index_head_dim:
            return latent
        scaled = mla.kv_lora_rank * (1 + SCALE_BYTES / SCALED_ELEMENTS) + mla.rope_dim * 2.0
        return (scaled if element_bytes == 1 else latent) + mla.index_head_dim + SCALE_BYTES
    if attn in ("gqa", "cross"):
        return 2.0 * max(1.0, group.kv_heads / shards) * shape.head_dim * element_bytes
    return 0.0


def states_bytes(shape: ModelShape, shards: Shards) -> float:
    """Of all recurrent layers of one sequence on the fullest GPU."""
    return sum(state_bytes(shape, group, shards.attention) * group.n for group in shape.layers) * stage_share(shape, shards.pp)


def state_bytes(shape: ModelShape, group: LayerGroup, shards: int) -> float:
    """Of one recurrent layer, sequence and GPU: the state in 32 bit and the last inputs of the convolution in 16."""
    r, attn = shape.recurrent, group.attn
    if r is None or attn not in ("gated_deltanet", "kda", "mamba2"):
        return 0.0
    delta = attn != "mamba2"
    per_head = r.key_dim * r.value_dim if delta else r.value_dim * r.state
    inputs = r.value_heads * r.value_dim + (2 * r.key_heads * r.key_dim if delta else 2 * r.groups * r.state)
    return (r.value_heads * per_head * RECURRENT_STATE_BYTES + inputs * (r.conv - 1) * CONVOLUTION_BYTES) / shards


def _kinds(shape: ModelShape, shards: Shards, *, element_bytes: float, engine: EngineVersion) -> tuple[LayerKind, ...]:
    """Return the layers of the fullest stage, those that keep the same counted together."""
    kinds: dict[tuple[float, float, int, bool], int] = {}
    for group in shape.layers:
        each = token_bytes(shape, group, shards.attention, element_bytes=element_bytes)
        kept = 0 if group.span == "full" or not engine.saves_span(group.span) else group.span_tokens
        key = (each, state_bytes(shape, group, shards.attention), kept, group.span == "chunk")
        kinds[key] = kinds.get(key, 0) + group.n
    share = stage_share(shape, shards.pp)
    return tuple(LayerKind(math.ceil(n * share), *key) for key, n in kinds.items() if key[0] or key[1])
