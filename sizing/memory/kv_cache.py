"""KV cache: bytes for each token and sequence on one GPU, by the layers of the model and the rule of the engine."""

from __future__ import annotations

import functools
import math

from sizing.attention.table import kind_of
from sizing.engines.engine import EngineVersion
from sizing.memory.kv_cost import KvCost
from sizing.memory.paged_layers import LayerKind
from sizing.models.quantisation.formats import Bits
from sizing.models.shape import ModelShape
from sizing.models.weights import Shards, stage_share


@functools.cache
def kv_cost(
    shape: ModelShape, shards: Shards, *, element_bytes: float, engine: EngineVersion, batched_tokens: int = 0, slots: int = 0
) -> KvCost:
    """Return the cost of the KV cache. `element_bytes` is 2 for 16 bit and 1 for FP8. `batched_tokens` and `slots` are
    max_num_batched_tokens and max_num_seqs, which an engine may count beside a span; `slots` 0 means its default."""
    full = span = 0.0
    span_tokens = 0
    for group in shape.layers:
        each = kind_of(group).token_bytes(shape, group, shards.attention, element_bytes=element_bytes) * group.n
        if group.span == "full" or not engine.saves_span(group.span):
            full += each
        else:
            span, span_tokens = span + each, group.span_tokens
    # The stage with the most layers decides: every rank takes the smallest number of blocks
    # (vllm/v1/core/kv_cache_utils.py).
    share, block = stage_share(shape, shards.pp), int(engine.memory("block_tokens"))
    cost = KvCost(full * share, span * share, span_tokens, states_bytes(shape, shards), block, element_bytes)
    return engine.kv_rule(
        cost, _kinds(shape, shards, element_bytes=element_bytes, engine=engine), batched_tokens=batched_tokens, slots=slots
    )


def element_bytes(shape: ModelShape, bits: Bits, kv_quant: str, *, engine: EngineVersion, hopper: bool) -> float:
    """Return the bytes of an element. `auto` depends on the engine: the model's own width, or FP8 where the checkpoint declares it and
    the engine follows."""
    if kv_quant != "auto":
        return 1.0 if kv_quant == "fp8" else 2.0
    return engine.auto_kv_bytes(shape, bits, hopper=hopper)


def states_bytes(shape: ModelShape, shards: Shards) -> float:
    """Return what all recurrent layers keep of one sequence on the fullest GPU."""
    layers = sum(kind_of(group).state_bytes(shape, group, shards.attention) * group.n for group in shape.layers)
    return layers * stage_share(shape, shards.pp)


def _kinds(shape: ModelShape, shards: Shards, *, element_bytes: float, engine: EngineVersion) -> tuple[LayerKind, ...]:
    """Return the layers of the fullest stage, those that keep the same counted together."""
    kinds: dict[tuple[float, float, int, bool], int] = {}
    for group in shape.layers:
        kind = kind_of(group)
        each = kind.token_bytes(shape, group, shards.attention, element_bytes=element_bytes)
        kept = 0 if group.span == "full" or not engine.saves_span(group.span) else group.span_tokens
        key = (each, kind.state_bytes(shape, group, shards.attention), kept, group.span == "chunk")
        kinds[key] = kinds.get(key, 0) + group.n
    share = stage_share(shape, shards.pp)
    return tuple(LayerKind(math.ceil(n * share), *key) for key, n in kinds.items() if key[0] or key[1])
