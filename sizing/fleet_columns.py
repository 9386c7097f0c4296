"""Columns of the fleet's program: ways to serve one whole model on one instance type, in eighths of a GPU."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pricing.rates import Rate
from records.fleet import FleetModel, FleetRequest
from records.request import Request
from sizing.candidates import Fit, Loss, Search, broken, fits, plan_settings
from sizing.catalog import GIB, Instance
from sizing.demand import planning
from sizing.load import Point, operating_point
from sizing.planner import search_of
from sizing.replica import Replica, replica
from sizing.special_loads import NONE

UNITS = 8
"""Parts of a GPU; halves down to eighths, so that shares, GPUs and groups of GPUs are powers of two and pack without a gap."""


@dataclass(slots=True, eq=False, repr=False)
class Shared(Replica):
    """A replica beside others on one GPU: each of its iterations takes `slowdown` times as long, as if every neighbour were busy."""

    slowdown: float = 1.0

    def decode_s(self, batch: float, context: float) -> float:
        return Replica.decode_s(self, batch, context) * self.slowdown

    def prefill_s(self, tokens: float) -> float:
        return Replica.prefill_s(self, tokens) * self.slowdown


@dataclass(frozen=True)
class Column:
    """`replicas` slots of `units` eighths of a GPU each, on one instance type."""

    instance: Instance
    rate: Rate
    replica: Replica
    replicas: int
    units: int
    point: Point
    nodes_per_replica: int = 1

    @property
    def share(self) -> float:
        return min(self.units / UNITS, 1.0)


@dataclass(frozen=True)
class Choices:
    """Of one model. Without `columns` nothing serves it, and `losses` say why."""

    member: FleetModel
    search: Search
    columns: list[Column]
    losses: list[Loss]
    cheapest: Fit | None = field(default=None)


def choices(member: FleetModel, fleet: FleetRequest) -> Choices:
    """Raises InputError for what does not exist."""
    search = search_of(_limited(member.request, fleet))
    if fleet.headroom is not None:
        search = replace(search, headroom=fleet.headroom)
    good, bad = fits(search)
    if not good:
        return Choices(member, search, [], bad)
    whole = [_whole(search, fit) for fit in good]
    smaller = list(_smaller(search, good)) if _independent(search) else []
    shared = list(_shared(search, good)) if fleet.colocate and _may_share(search) else []
    return Choices(member, search, whole + smaller + shared, bad, good[0])


def _limited(asked: Request, fleet: FleetRequest) -> Request:
    changes = {name: getattr(fleet, name) for name in ("region", "instance_types") if getattr(fleet, name) is not None}
    return asked.replaced(**changes) if changes else asked


def _independent(search: Search) -> bool:
    """Where the planner lets replicas of one model share a node, and the request leaves the layout open."""
    asked = search.request
    return search.engine.name == "vllm" and not search.shape.is_moe and not (asked.tp or asked.pp or asked.dp)


def _may_share(search: Search) -> bool:
    """Plain replicas only: drafts, adapters and images are sized for whole GPUs."""
    asked = search.request
    return (
        search.special is NONE and search.engine.name == "vllm" and not (asked.tp or asked.pp or asked.dp or asked.gpu_memory_utilization)
    )


def _whole(search: Search, fit: Fit) -> Column:
    """What `plan` answers for this type. A replica over several nodes takes one slot of all GPUs on each of them."""
    if fit.nodes_per_replica > 1:
        slots, units = fit.replicas * fit.nodes_per_replica, fit.instance.gpu_count * UNITS
        return Column(fit.instance, fit.rate, fit.replica, slots, units, fit.point, fit.nodes_per_replica)
    return _fewest(search, fit)


def _fewest(search: Search, fit: Fit) -> Column:
    """Without the replicas that fill up the last node: another model may have its GPUs."""
    least = fit.replicas
    while not search.request.dp and least > 1 and broken(search, fit.replica, least - 1) is None:
        least -= 1
    point = operating_point(fit.replica, search.demand.share(least))
    return Column(fit.instance, fit.rate, fit.replica, least, fit.layout.gpus * UNITS, point)


def _smaller(search: Search, good: list[Fit]) -> Iterator[Column]:
    """Layouts that leave GPUs of a node to other models."""
    types = {fit.instance.instance_type for fit in good}
    for tp in (1, 2, 4):
        narrow = search.request.replaced(tp=tp, pp=1)
        for fit in fits(replace(search, request=narrow, known={}))[0]:
            if fit.instance.instance_type in types and tp < fit.instance.gpu_count:
                yield _fewest(search, fit)


def _shared(search: Search, good: list[Fit]) -> Iterator[Column]:
    known: dict[tuple[str, int], tuple[Replica, int] | None] = {}
    for fit in good:
        if fit.instance.gpu_share < 1:
            continue
        for units in (1, 2, 4):
            key = (fit.replica.gpu.id, units)
            if key not in known:
                known[key] = _on_a_share(search, fit, units)
            found = known[key]
            if found:
                r, count = found
                yield Column(fit.instance, fit.rate, r, count, units, operating_point(r, search.demand.share(count)))


def _on_a_share(search: Search, fit: Fit, units: int) -> tuple[Replica, int] | None:
    """The replica with its part of memory and speed, and how many of them hold the load (fewer than fill one GPU)."""
    from sizing.layouts import ReplicaLayout

    gpu, part = fit.replica.gpu, units / UNITS
    given = plan_settings(search, gpu)
    own = dataclasses.replace(given, utilization=given.utilization * part)
    r = replica(
        search.shape, gpu, search.bits, layout=ReplicaLayout(), engine=search.engine, settings=own, kv_quant=search.request.kv_quant,
        offline=False, hop_bytes_per_s=gpu.link_bytes_per_s, reserve_gib=search.reserve_gib,
    )  # fmt: skip
    if r.why_not or r.kv.sequence_bytes(search.max_model_len) / GIB > r.budget.kv_gib:
        return None
    slow = Shared(**{one.name: getattr(r, one.name) for one in dataclasses.fields(r)}, slowdown=1 / (part * planning("shared_gpu_speed")))
    return next(((slow, n) for n in range(1, UNITS // units) if broken(search, slow, n) is None), None)
