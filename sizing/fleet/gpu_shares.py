"""A part of a GPU for one process: its fraction of the memory, its share of the speed, and what that asks of the machine.

MPS gives each process its share of the threads; memory is split by the engines' own limits. MIG is not used: EC2's types are whole GPUs,
and a slice has to be made on the host before an engine starts.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass

from sizing.catalog import Instance
from sizing.engines.layouts import ReplicaLayout
from sizing.options.request import NONE
from sizing.planning.candidates import least_replicas, replica_on
from sizing.planning.demand import planning
from sizing.planning.search import Search
from sizing.speed.replica import Replica

UNITS = 8
"""Parts of a GPU; halves down to eighths, so that shares, GPUs and groups of GPUs are powers of two and pack without a gap."""

SHARES = (1, 2, 4)
"""Units of the shares that are tried."""

FRACTION_DIGITS = 4


@dataclass(slots=True, eq=False, repr=False)
class Shared(Replica):
    """A replica beside others on one GPU: each of its iterations takes `slowdown` times as long, as if every neighbour were busy."""

    whole: Replica = dataclasses.field(kw_only=True)
    slowdown: float = dataclasses.field(kw_only=True)

    def decode_s(self, batch: float, context: float) -> float:
        return self.whole.decode_s(batch, context) * self.slowdown

    def prefill_s(self, tokens: float) -> float:
        return self.whole.prefill_s(tokens) * self.slowdown

    def hidden_s(self, tokens: float, batch: float, *, per_step: float) -> float:
        return self.whole.hidden_s(tokens, batch, per_step=per_step) * self.slowdown


def may_share(search: Search, instance: Instance) -> bool:
    """Return whether replicas may share a GPU. They may not where the request fixes a layout, a memory fraction or a spare node, where
    it asks for drafts, adapters or images (sized for whole GPUs), or where the GPU is itself a slice."""
    asked = search.request
    fixed = asked.tp or asked.pp or asked.ep or asked.dp or asked.gpu_memory_utilization or asked.n_plus_1
    return search.engine.limits_its_memory and search.special is NONE and not fixed and instance.gpu_share >= 1


def on_a_share(search: Search, instance: Instance, units: int, *, most: int) -> tuple[Replica, int] | None:
    """Return the replica with its part of memory and speed, and how many of them hold the load: at most `most`, and fewer than fill one
    GPU."""
    part = units / UNITS
    one = dataclasses.replace(search, part=part)
    whole = replica_on(one, instance, ReplicaLayout())
    # vLLM before 0.20 captures graphs outside its fraction, and 0.9.1 to 0.26 do not count the CUDA context: two such
    # processes whose fractions add up to 1 would run out of memory.
    beyond = _beyond_gib(whole)
    if beyond:
        fraction = fraction_within(whole.settings.utilization, beyond / whole.gpu.total_gib)
        one = dataclasses.replace(one, part=part * fraction / whole.settings.utilization)
        whole = replica_on(one, instance, ReplicaLayout())
    # Every neighbour is taken as always busy, and a tenth as lost to switching. Not measured for language models;
    # published for DenseNet-121 under MPS, 10 % of the threads beside 90 % take 6.0 times as long as 90 % alone,
    # where this says 11 (planning.yaml, shared_gpu_speed).
    slow = _slowed(whole, 1 / (part * planning("shared_gpu_speed")))
    least = least_replicas(one, slow, most=min(most, UNITS // units - 1))
    return (slow, least) if least else None


def fraction_within(fraction: float, beyond: float) -> float:
    """Return the memory fraction that remains when a process takes the fraction `beyond` outside it; never rounded up."""
    return max(math.floor((fraction - beyond) * 10**FRACTION_DIGITS) / 10**FRACTION_DIGITS, 10**-FRACTION_DIGITS)


def taken_gib(r: Replica) -> float:
    """Return how much memory the replica takes of each of its GPUs at most."""
    return r.budget.usable_gib + _beyond_gib(r)


def environment(gpus: tuple[int, ...], share: float) -> dict[str, str]:
    """Return the environment of the process: its own GPUs and, on a share, its part of the threads (MPS takes whole percent)."""
    seen = {"CUDA_VISIBLE_DEVICES": ",".join(map(str, gpus))}
    return seen if share == 1 else seen | {"CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": str(math.floor(share * 100))}


def _beyond_gib(r: Replica) -> float:
    return r.engine.beyond_share_gib(r.shape, r.layout.shards, gpu=r.gpu, settings=r.settings)


@functools.lru_cache(65536)
def _slowed(whole: Replica, slowdown: float) -> Shared:
    fields = {one.name: getattr(whole, one.name) for one in dataclasses.fields(Replica)}
    return Shared(**fields, whole=whole, slowdown=slowdown)
