"""The memory of one GPU: weights, activations, graphs, the rest, and what is left for KV. Formulas by engine and version."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

from sizing.catalog import GIB, Gpu
from sizing.engines.versions import V1_ENGINE, EngineVersion, Settings, parsed, ranged, sglang_static_fraction
from sizing.memory.kv_cache import states_bytes
from sizing.models.quantisation.formats import Bits
from sizing.models.shape import ModelShape
from sizing.models.weights import ROPE_BYTES, Shards, per_gpu_bytes, rope_bytes

ACTIVATION_BYTES = 2


@dataclass(frozen=True, slots=True)
class Budget:
    """Of the fullest GPU, GiB. `kv_gib` may be negative: then the engine does not start. `states_gib`: a pool of its own
    for recurrent states (SGLang), which holds `states` of them."""

    total_gib: float
    usable_gib: float
    weights_gib: float
    activation_gib: float
    graph_gib: float
    non_torch_gib: float
    kv_gib: float
    states_gib: float = 0.0
    states: int = 0


@functools.lru_cache(65536)
def budget(shape: ModelShape, bits: Bits, shards: Shards, *, gpu: Gpu, engine: EngineVersion, settings: Settings) -> Budget:
    weights = weights_gib(shape, bits, shards, gpu=gpu, engine=engine)
    rules = {"vllm": _vllm, "tensorrt-llm": _tensorrt_llm, "sglang": _sglang, "llama.cpp": _llama_cpp}
    return rules[engine.name](shape, weights, shards, gpu, engine, settings)


def weights_gib(shape: ModelShape, bits: Bits, shards: Shards, *, gpu: Gpu, engine: EngineVersion) -> float:
    """After load on the fullest GPU; MXFP4 experts as the kernels of the engine pad them."""
    hidden = expert = 1
    if bits.compute == "mxfp4" and engine.name == "vllm":
        rows = (one for one in engine.memory("mxfp4_hidden_multiple") if gpu.compute_capability >= one["min_capability"])
        rule = next(one for one in rows if "before" not in one or engine.version < parsed(one["before"]))
        hidden, expert = rule["hidden"], rule["expert"]
    cut = cuts_towers(engine)
    return per_gpu_bytes(shape, bits, shards, hidden_multiple=hidden, expert_multiple=expert, tower_cut=cut) / GIB


def cuts_towers(engine: EngineVersion) -> bool:
    """Whether tensor parallelism is counted as cutting the vision tower."""
    return "towers_on_each_gpu" not in engine.facts["memory"]


def _vllm(shape: ModelShape, weights: float, shards: Shards, gpu: Gpu, engine: EngineVersion, settings: Settings) -> Budget:
    """KV = util x total - weights - profile run - non-torch - graphs; reproduces start-up logs to 0.2 % in the median."""
    activation = _profile_bytes(shape, shards, engine=engine, settings=settings) / GIB
    graphs = _graphs_gib(shape, shards, gpu=gpu, engine=engine, settings=settings) if engine.default("graphs_in_budget") else 0.0
    other = _vllm_non_torch_gib(gpu, engine, shards.gpus * shards.pp)
    usable = settings.utilization * gpu.total_gib
    return Budget(gpu.total_gib, usable, weights, activation, graphs, other, usable - weights - activation - graphs - other)


def beyond_fraction_gib(shape: ModelShape, shards: Shards, *, gpu: Gpu, engine: EngineVersion, settings: Settings) -> float:
    """What a vLLM process takes beside its `gpu_memory_utilization`: CUDA graphs and the context, where its version counts neither."""
    graphs = 0.0 if engine.default("graphs_in_budget") else _graphs_gib(shape, shards, gpu=gpu, engine=engine, settings=settings)
    return graphs + float(ranged(engine.memory("uncounted_context_gib"), engine.version)["value"])


def _profile_bytes(shape: ModelShape, shards: Shards, *, engine: EngineVersion, settings: Settings) -> float:
    """The peak of the profile run: the encoder; then, beside its outputs, a forward pass, the sampler, or a wide copy of the rope table."""
    forward = _forward_bytes(shape, shards, engine=engine, tokens=settings.max_num_batched_tokens)
    rope = rope_bytes(shape) / ROPE_BYTES * engine.memory("rope_copy_bytes")["value"]
    encoder, kept = _vision_bytes(shape, engine=engine, settings=settings)
    return max(encoder, kept + max(forward, _sampler_bytes(shape, engine, settings), rope))


def _vision_bytes(shape: ModelShape, *, engine: EngineVersion, settings: Settings) -> tuple[float, float]:
    """Peak of the vision encoder over the budget of the profile run, and its outputs."""
    if not shape.vision_params:
        return 0.0, 0.0
    rows = engine.memory("vision_items")
    row = next(one for one in rows if shape.model_type in one.get("model_types", (shape.model_type,)))
    if engine.version < V1_ENGINE:
        return float(row.get("v0_bytes_a_sequence", 0) * settings.max_num_seqs), 0.0
    tokens = max(settings.max_num_batched_tokens, row["item_tokens"])
    kept = tokens * shape.hidden * ACTIVATION_BYTES
    return tokens * row["patches_a_token"] * engine.memory("vision_bytes_a_patch")["value"] + kept, kept


def _graphs_gib(shape: ModelShape, shards: Shards, *, gpu: Gpu, engine: EngineVersion, settings: Settings) -> float:
    """The engine's own estimate grows with layers x captured sizes: piecewise ones up to twice the sequences, whole ones up to them."""
    piecewise, whole = captured_sequences(gpu, engine, settings)
    sizes = captured_sizes(piecewise) + captured_sizes(whole)
    mib = engine.memory("graph_mib_a_layer_and_size")["value"] * sizes * math.ceil(shape.num_layers / shards.pp)
    return float(max(mib / 1024, engine.memory("graph_gib_at_least")["value"]))


def captured_sequences(gpu: Gpu, engine: EngineVersion, settings: Settings) -> tuple[int, int]:
    """The largest graph in pieces, and the largest whole one, which decodes so many sequences."""
    row = ranged(engine.memory("graph_sizes"), engine.version)
    most = row.get("sm100", row["value"]) if gpu.generation == "Blackwell" and gpu.nvlink_bytes_per_s else row["value"]
    piecewise = min(2 * settings.max_num_seqs, int(most), settings.max_num_batched_tokens)
    return piecewise, min(settings.max_num_seqs, piecewise)


def captured_sizes(most: int) -> int:
    """1, 2, 4, then every 8 to 256, then every 16."""
    return sum(size <= most for size in (1, 2, 4)) + min(most, 256) // 8 + max(most - 256, 0) // 16


def _forward_bytes(shape: ModelShape, shards: Shards, *, engine: EngineVersion, tokens: int) -> float:
    copies = ranged(engine.memory("forward_hidden_copies"), engine.version)["value"]
    dense = _dense_forward_bytes(shape, shards, tokens=tokens, copies=copies)
    if not shape.is_moe:
        return dense
    width, hidden = shape.expert_width / shards.gpus, shape.hidden
    chunk = min(tokens, ranged(engine.memory("moe_chunk_tokens"), engine.version)["value"])
    experts = chunk * shape.experts_per_token * (max(2 * width, hidden) + max(width, hidden)) * ACTIVATION_BYTES
    return float(max(dense, experts + tokens * ACTIVATION_BYTES * hidden))


def _dense_forward_bytes(shape: ModelShape, shards: Shards, *, tokens: int, copies: float) -> float:
    widest = max((group.intermediate for group in shape.layers if group.ffn == "dense"), default=0)
    return float(tokens * ACTIVATION_BYTES * (3 * widest / shards.gpus + copies * shape.hidden))


def _sampler_bytes(shape: ModelShape, engine: EngineVersion, settings: Settings) -> float:
    """The profile run samples for every sequence over the whole vocabulary, which tensor parallelism does not cut."""
    row = ranged(engine.memory("sampler_bytes"), engine.version)
    each = row.get("moe", row["value"]) if shape.is_moe else row["value"]
    tokens = settings.max_num_batched_tokens
    return float(each * min(settings.max_num_seqs, tokens) * shape.vocab + tokens * ACTIVATION_BYTES * shape.hidden)


def _vllm_non_torch_gib(gpu: Gpu, engine: EngineVersion, gpus: int) -> float:
    if gpus == 1:
        return float(ranged(engine.memory("non_torch_gib_one_gpu"), engine.version)["value"])
    if not gpu.nvlink_bytes_per_s:
        return float(engine.memory("non_torch_gib_pcie")["value"])
    return float(next(row["value"] for row in engine.memory("non_torch_gib_nvlink") if gpus <= row.get("gpus_at_most", gpus)))


def _tensorrt_llm(shape: ModelShape, weights: float, shards: Shards, gpu: Gpu, engine: EngineVersion, settings: Settings) -> Budget:
    """KV is a share of what is free after weights and the profile run, whose buffers grow with max_num_tokens."""
    reserve, share = engine.memory("reserve_gib"), engine.memory("activation_share")
    buffers = _dense_forward_bytes(shape, shards, tokens=settings.max_num_batched_tokens, copies=engine.memory("hidden_copies")) / GIB
    activation, other = max(reserve * share, buffers), reserve * (1 - share)
    free = gpu.total_gib - weights - activation - other
    usable = gpu.total_gib - free * (1 - settings.utilization)
    return Budget(gpu.total_gib, usable, weights, activation, 0.0, other, settings.utilization * free)


def _sglang(shape: ModelShape, weights: float, shards: Shards, gpu: Gpu, engine: EngineVersion, settings: Settings) -> Budget:
    """KV = static fraction x what is free before loading - what loading takes, to three digits in three logs of 0.4 and 0.5."""
    gpus = shards.gpus * shards.pp
    other = _sglang_non_torch_gib(gpu, engine, gpus)
    default = sglang_static_fraction(engine, gpu.total_gib, gpus=1)
    fraction = settings.utilization if settings.utilization != default else sglang_static_fraction(engine, gpu.total_gib, gpus=gpus)
    free = max(gpu.total_gib - other, 0.0)
    reserve, loading = free * (1 - fraction), float(engine.memory("loading_gib"))
    rest = free - reserve - weights - loading
    states, each = _sglang_states(shape, shards, rest_gib=rest, engine=engine, settings=settings)
    return Budget(
        gpu.total_gib, gpu.total_gib - reserve, weights, reserve / 2, reserve / 2, other + loading, rest - states * each,
        states_gib=states * each, states=states,
    )  # fmt: skip


def _sglang_states(shape: ModelShape, shards: Shards, *, rest_gib: float, engine: EngineVersion, settings: Settings) -> tuple[int, float]:
    """How many recurrent states the pool beside the KV cache holds, and GiB of one."""
    each, rule = states_bytes(shape, shards) / GIB, engine.default("state_pool")
    if not each:
        return 0, 0.0
    if "states" in rule:
        given = settings.max_num_seqs != engine.default("max_num_seqs")[0]["serve"]
        return settings.max_num_seqs if given else int(rule["states"]), each
    return max(math.floor(rest_gib * rule["of_tokens"] / (1 + rule["of_tokens"]) / each), 0), each


def _sglang_non_torch_gib(gpu: Gpu, engine: EngineVersion, gpus: int) -> float:
    linked = gpus > 1 and gpu.nvlink_bytes_per_s
    return float(engine.memory("non_torch_gib_nvlink" if linked else "non_torch_gib"))


def _llama_cpp(shape: ModelShape, weights: float, shards: Shards, gpu: Gpu, engine: EngineVersion, settings: Settings) -> Budget:
    """`--fit` leaves a margin on each device; the compute buffer is that of flash attention."""
    micro_batch: Any = engine.default("ubatch")[0]["serve"]
    buffer = 4 * micro_batch * (shape.vocab + shape.hidden) / GIB
    other, margin = engine.memory("context_gib"), engine.memory("fit_margin_gib")
    usable = gpu.total_gib * settings.utilization - margin
    return Budget(gpu.total_gib, usable, weights, buffer, 0.0, other, usable - weights - buffer - other)
