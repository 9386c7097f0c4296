"""KV cache: bytes for each token and sequence on one GPU, and how many tokens and requests a given memory holds."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

from sizing.engines.versions import EngineVersion
from sizing.memory.paged_layers import LayerKind, Paging, paging
from sizing.models.quantisation.formats import Bits
from sizing.models.shape import LayerGroup, ModelShape
from sizing.models.weights import Shards, stage_share

RECURRENT_STATE_BYTES = 4
CONVOLUTION_BYTES = 2
SCALE_BYTES = 4
SCALED_ELEMENTS = 128


@dataclass(frozen=True, slots=True)
class KvCost:
    """On the fullest GPU of a replica: bytes a token in layers that keep everything and in those with a span, and of a state.

    `paging` where the engine hands out pages of unlike layers; `in_flight` tokens that it counts beside a span; `span_pool` where it keeps
    a pool for spans of this share of the tokens, whatever their length; `states_apart` where states have a pool of their own: SGLang."""

    full_bytes: float
    span_bytes: float
    span_tokens: int
    state_bytes: float
    block_tokens: int
    element_bytes: float
    paging: Paging | None = None
    in_flight: int = 0
    prints_concurrency: bool = True
    span_pool: float = 0.0
    states_apart: bool = False

    @property
    def beside_tokens_bytes(self) -> float:
        """What a sequence of any length takes of the memory that its tokens are in."""
        return 0.0 if self.states_apart else self.state_bytes

    def sequence_bytes(self, tokens: float) -> float:
        """What an engine sets aside for one sequence of this many tokens before it admits it or starts."""
        return self._held_bytes(tokens, self.in_flight)

    def running_bytes(self, tokens: float) -> float:
        """What one sequence of this many tokens holds while it generates: spans have let go of what lies before them."""
        return self._held_bytes(tokens, 0)

    def tokens(self, available_bytes: float, *, length: int, windowed: bool) -> int:
        """Capacity in tokens, as the engine prints it. Where layers have a span it depends on the length: as many requests of it as fit,
        times the length; vLLM before 0.21 printed it as if there were no spans."""
        if available_bytes <= 0 or self.full_bytes + self.span_bytes <= 0:
            return 0
        if self.paging and not self.prints_concurrency:
            return self.paging.printed_tokens(available_bytes)
        if self.paging:
            return int(self.paging.pool(available_bytes) / self.paging.pages(length, in_flight=self.in_flight) * length)
        if windowed and (self.span_bytes or self.beside_tokens_bytes) and not self.span_pool:
            return int(available_bytes / self.sequence_bytes(length) * length)
        block = (self.full_bytes + self.span_bytes * (self.span_pool or 1.0)) * self.block_tokens
        return int(available_bytes // block) * self.block_tokens

    def _held_bytes(self, tokens: float, in_flight: int) -> float:
        if self.paging:
            return self.paging.pages(tokens, in_flight=in_flight) * self.paging.page_bytes
        held = math.ceil(tokens / self.block_tokens) * self.block_tokens
        if self.span_pool:
            return (self.full_bytes + self.span_bytes * self.span_pool) * held + self.beside_tokens_bytes
        spanned = min(held, self.span_tokens + in_flight) if self.span_tokens else held
        return self.full_bytes * held + self.span_bytes * spanned + self.beside_tokens_bytes


@functools.cache
def kv_cost(
    shape: ModelShape, shards: Shards, *, element_bytes: float, engine: EngineVersion, batched_tokens: int = 0, slots: int = 0
) -> KvCost:
    """`element_bytes` 2 for 16 bit, 1 for FP8. Key and value heads are copied where there are fewer than shards; MLA is never cut.
    `batched_tokens`: max_num_batched_tokens, which vLLM counts beside a span. `slots`: of llama.cpp, each with windows of its own; without
    it the engine's default."""
    full = span = 0.0
    span_tokens = 0
    for group in shape.layers:
        each = token_bytes(shape, group, shards.attention, element_bytes=element_bytes) * group.n
        if group.span == "full" or not _saves(engine, group.span):
            full += each
        else:
            span, span_tokens = span + each, group.span_tokens
    share, block = stage_share(shape, shards.pp), int(engine.memory("block_tokens"))
    cost = KvCost(full * share, span * share, span_tokens, states_bytes(shape, shards), block, element_bytes)
    if engine.name == "vllm":
        return _paged(cost, shape, shards, engine, batched_tokens)
    if engine.name == "sglang":
        return replace(cost, span_pool=float(engine.memory("span_pool")) if span else 0.0, states_apart=cost.state_bytes > 0)
    if engine.name == "llama.cpp" and span:
        slots, batch = slots or engine.default("max_num_seqs")[0]["serve"], engine.default("ubatch")[0]["serve"]
        return replace(cost, in_flight=(slots - 1) * span_tokens + batch)
    return cost


def element_bytes(shape: ModelShape, bits: Bits, kv_quant: str, *, engine: EngineVersion, hopper: bool) -> float:
    """What `auto` means by engine: the model's own width, or FP8 where the checkpoint declares it and the engine follows."""
    if kv_quant != "auto":
        return 1.0 if kv_quant == "fp8" else 2.0
    declared = shape.quantization.kv_cache if shape.quantization and bits.own else None
    if engine.name == "tensorrt-llm":
        return 1.0 if bits.format in ("fp8", "nvfp4") or (bits.format == "mxfp4" and not hopper) else 2.0
    return 1.0 if declared == "fp8" and engine.default("kv_follows_checkpoint") else 2.0


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


def _paged(cost: KvCost, shape: ModelShape, shards: Shards, engine: EngineVersion, batched_tokens: int) -> KvCost:
    kinds: dict[tuple[float, float, int, bool], int] = {}
    for group in shape.layers:
        each = token_bytes(shape, group, shards.attention, element_bytes=cost.element_bytes)
        kept = 0 if group.span == "full" or not _saves(engine, group.span) else group.span_tokens
        key = (each, state_bytes(shape, group, shards.attention), kept, group.span == "chunk")
        kinds[key] = kinds.get(key, 0) + group.n
    share = stage_share(shape, shards.pp)
    layers = [LayerKind(math.ceil(n * share), *key) for key, n in kinds.items() if key[0] or key[1]]
    merge_below, state_pages = engine.default("layer_kinds_merge_below"), engine.default("state_pages")
    pages = paging(layers, block_tokens=cost.block_tokens, merge_below=merge_below, state_pages=state_pages)
    flight = batched_tokens * int(engine.default("in_flight_batches")) if pages else 0
    return replace(cost, paging=pages, in_flight=flight, prints_concurrency=bool(engine.default("tokens_printed_by_concurrency")))


def _saves(engine: EngineVersion, span: str) -> bool:
    return bool(engine.default("chunked_layers_save_kv" if span == "chunk" else "window_layers_save_kv"))
