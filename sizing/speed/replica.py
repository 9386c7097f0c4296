"""One replica of a model under an engine: its memory, its KV capacity and the cost of its iterations, made once for each combination."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from sizing.arithmetic import most
from sizing.catalog import GIB, Gpu
from sizing.engines.engine import EngineVersion
from sizing.engines.launch import LaunchSettings
from sizing.engines.layouts import ReplicaLayout, refused
from sizing.memory.budget import Budget
from sizing.memory.kv_cache import element_bytes, kv_cost
from sizing.memory.kv_cost import KvCost
from sizing.models.quantisation.formats import Bits
from sizing.models.shape import ModelShape
from sizing.models.weights import Shards
from sizing.speed.constants import Efficiency, FirstToken, efficiency, first_token
from sizing.speed.iteration_work import Features, features
from sizing.speed.step_time import decode_s, hidden_s, prefill_s


@dataclass(slots=True, eq=False, repr=False)
class Replica:
    """What does not depend on lengths and load. `beside`: name and GiB of what is loaded beside the weights and counted with them.
    `widening` is a factor on the edges of every band, where `assumed` says what no run was measured with."""

    shape: ModelShape
    gpu: Gpu
    bits: Bits
    layout: ReplicaLayout
    engine: EngineVersion
    settings: LaunchSettings
    offline: bool
    group: str
    budget: Budget
    kv: KvCost
    features: Features
    efficiency: Efficiency
    first_token: FirstToken
    why_not: str | None
    beside: tuple[tuple[str, float], ...] = ()
    widening: float = 1.0
    assumed: str = ""

    @property
    def kv_bytes(self) -> float:
        return max(self.budget.kv_gib, 0.0) * GIB

    @property
    def kv_tokens(self) -> int:
        tokens = self.kv.tokens(self.kv_bytes, length=self.settings.max_model_len, windowed=self.engine.counts_by_length)
        return tokens * self.features.attention_dp

    @property
    def step_tokens(self) -> int:
        """Return the tokens of prompts and answers that fit one step; every attention-parallel rank has its own budget."""
        return self.settings.max_num_batched_tokens * self.features.attention_dp

    def concurrency(self, length: float) -> float:
        """Return the requests of this length that the KV cache holds, over all attention-parallel ranks."""
        need = self.kv.sequence_bytes(length)
        return self.kv_bytes / need * self.features.attention_dp if need else float(self.settings.max_num_seqs)

    def max_batch(self, length: float) -> float:
        """Return the most requests in flight: what the KV cache holds and what the engine admits."""
        seqs = self.settings.max_num_seqs * (self.features.attention_dp if self.engine.sequences_per_rank else 1)
        need = self.kv.running_bytes(length)
        held = self.kv_bytes / need * self.features.attention_dp if need else float(seqs)
        return max(min(held, float(seqs)), 1.0)

    def decode_s(self, batch: float, context: float) -> float:
        """Return the time of one decode iteration through all stages, one after the other."""
        stages = self.features.stages
        return decode_s(self.features, self.efficiency, batch / stages, context) * stages

    def step_s(self, batch: float, context: float) -> float:
        """Return the time of one engine step, for which a first token waits. It gives one token unless the replica speculates."""
        return self.decode_s(batch, context)

    def prefill_s(self, tokens: float) -> float:
        return prefill_s(self.features, self.efficiency, tokens)

    def beside_s(self, tokens: float, batch: float, *, per_step: float) -> float:
        """Return the GPU time by which one prompt lengthens the steps of a stage that it is in, with `per_step` prompts in each on
        average."""
        return self.efficiency.prefill_share * self.prefill_s(tokens) - self.hidden_s(tokens, batch, per_step=per_step)

    def hidden_s(self, tokens: float, batch: float, *, per_step: float) -> float:
        stages, room = self.features.stages, most(self.step_tokens - batch, 1.0)
        return hidden_s(self.features, self.efficiency, tokens, batch / stages, room=room, per_step=per_step / stages)


@functools.lru_cache(65536)
def replica(
    shape: ModelShape,
    gpu: Gpu,
    bits: Bits,
    *,
    layout: ReplicaLayout,
    engine: EngineVersion,
    settings: LaunchSettings,
    kv_quant: str,
    offline: bool,
    hop_bytes_per_s: float,
    reserve_gib: float = 0.0,
) -> Replica:
    """Return the replica with its memory, its costs and its reason not to start. `reserve_gib` is kept back from the KV cache."""
    shards = layout.shards
    width = element_bytes(shape, bits, kv_quant, engine=engine, hopper=gpu.calibration_class == "hopper")
    tokens, slots = settings.max_num_batched_tokens, settings.max_num_seqs
    kv = kv_cost(shape, shards, element_bytes=width, engine=engine, batched_tokens=tokens, slots=slots)
    group = engine.group(offline=offline)
    parts, constants = _costs(shape, gpu, bits, shards, kv=kv, hop_bytes_per_s=hop_bytes_per_s, group=group, offline=offline)
    memory = engine.budget(shape, bits, shards, gpu=gpu, settings=settings)
    # vLLM 0.17.1 lost 0.5 GiB of KV at a first start without compile cache (46.63 in place of 47.14 GiB, same flags);
    # a plan keeps twice that back, a question keeps nothing.
    if reserve_gib:
        memory = _reserved(memory, reserve_gib)
    return Replica(
        shape=shape, gpu=gpu, bits=bits, layout=layout, engine=engine, settings=engine.admitted(memory, settings), offline=offline,
        group=group, budget=memory, kv=kv, features=parts, efficiency=constants, first_token=_first_token(group),
        why_not=refused(shape, bits, layout, engine=engine) or _too_big(memory)
        or engine.start_refusal(kv, memory, gpu=gpu, settings=settings),
    )  # fmt: skip


@functools.lru_cache(65536)
def _costs(
    shape: ModelShape, gpu: Gpu, bits: Bits, shards: Shards, *, kv: KvCost, hop_bytes_per_s: float, group: str, offline: bool
) -> tuple[Features, Efficiency]:
    """Return the costs that replicas share which differ in their settings alone."""
    parts = features(shape, gpu, bits, shards=shards, kv=kv, hop_bytes_per_s=hop_bytes_per_s)
    return parts, efficiency(parts, gpu.calibration_class, group, offline=offline, expert_parallel=shards.experts > 1)


_first_token = functools.cache(first_token)


def _reserved(memory: Budget, reserve_gib: float) -> Budget:
    from dataclasses import replace

    return replace(memory, kv_gib=memory.kv_gib - reserve_gib)


def _too_big(memory: Budget) -> str | None:
    if memory.kv_gib > 0:
        return None
    rest = memory.activation_gib + memory.graph_gib + memory.non_torch_gib
    return (
        f"weights {memory.weights_gib:.1f} GiB + activations, graphs and runtime {rest:.1f} GiB a GPU leave no KV cache "
        f"of {memory.usable_gib:.1f} usable GiB"
    )
