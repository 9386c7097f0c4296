"""What the replicas of a plan hold within its targets, and how prompts and answers share the time of a replica."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from inferstack.records.comparison import Span
from inferstack.records.errors import Finding
from inferstack.records.plan import Plan
from inferstack.records.request import LOADS, Request
from sizing.planning import planner
from sizing.planning.constraints import broken
from sizing.planning.demand import demand
from sizing.planning.replica_of_plan import replica_of
from sizing.planning.search import Search
from sizing.speed import error_bands
from sizing.speed.operating_point import Point, capacity_per_s, operating_point
from sizing.speed.replica import Replica
from sizing.speed.traffic import Traffic

STEPS = 40
# So many instances that rounding up to whole ones no longer decides which layout is the cheapest.
SEVERAL = 4


@dataclass(frozen=True, slots=True)
class TimeShares:
    """The share of a replica's busy time that reading prompts takes; `batch` is the requests in decode at which it was taken."""

    prefill: float
    batch: float


@dataclass(frozen=True, slots=True)
class HeldLoad:
    """Highest request rate that one replica serves within targets and headroom. A group is the instances that serve together."""

    requests_per_s: Span
    replicas_per_group: int
    instances_per_group: int
    spare_groups: int
    asked: TimeShares
    full: TimeShares


def held(plan: Plan) -> HeldLoad:
    """Return the highest load of one replica and how prompts and answers share its time. Raises InputError where the facts no longer
    know what the plan names.

    The edges come from the band of the throughput: measured replicas held that much less or more than predicted.
    """
    search, r = planner.search_of(plan.request), replica_of(plan)
    most = _most(search, r, plan.layout.dp)
    point = operating_point(r, most)
    band = error_bands.of(r, "output_tokens_per_s", t=most, point=replace(point, saturated=True))
    per_s = most.request_rate if most.request_rate is not None else point.requests_per_s
    share = search.demand.share(plan.layout.dp)
    return HeldLoad(
        requests_per_s=Span(value=per_s, low=per_s * min(band.low, 1.0), high=per_s * max(band.high, 1.0)),
        replicas_per_group=_on_a_group(plan, search), instances_per_group=plan.nodes_per_replica, spare_groups=search.spare_groups,
        asked=time_shares(r, share, operating_point(r, share)), full=time_shares(r, most, point),
    )  # fmt: skip


def most_held(plan: Plan) -> HeldLoad:
    """Return the load of the layout in which the plan's instance type holds the most. At a small load a plan takes the layout that
    answers fastest at the same cost; what the same instances hold is another question. A fixed number of replicas stays as it is."""
    own = held(plan)
    if plan.request.dp:
        return own
    try:
        full = planner.plan(_filling(plan, own), now=plan.created_at)
    except Finding:
        return own
    other = held(full) if full.nodes_per_replica == plan.nodes_per_replica else own
    return max(own, other, key=lambda one: one.requests_per_s.value * one.replicas_per_group)


def _filling(plan: Plan, own: HeldLoad) -> Request:
    """Return the same request with a load so high that several instances of its type are needed."""
    asked = plan.request
    name = next((one for one in LOADS if getattr(asked, one) is not None), None)
    share = demand(asked).share(plan.layout.dp)
    point = operating_point(replica_of(plan), share)
    factor = SEVERAL * own.requests_per_s.value * own.replicas_per_group / (point.requests_per_s * plan.layout.dp)
    load = {name or "concurrency": (getattr(asked, name) if name else 1) * max(factor, 1.0)}
    if name in (None, "users", "concurrency"):
        load = {key: math.ceil(value) for key, value in load.items()}
    return asked.replaced(
        **load, engine=plan.engine, instance_type=plan.instance_type, instance_types=None, gpu=None, max_usd_per_hour=None
    )


def time_shares(r: Replica, t: Traffic, point: Point) -> TimeShares:
    """A request takes `prefill_s(prompt)` for its prompt, and its share of the batch, `osl x step / batch`, for its answer."""
    prompt = float(r.prefill_s(t.computed_prompt))
    batch = max(point.batch, 1.0)
    answer = t.osl * float(r.decode_s(batch, t.context)) / batch
    return TimeShares(prompt / (prompt + answer), batch)


def _on_a_group(plan: Plan, search: Search) -> int:
    """GPUs of an instance that are paid for anyway serve too, where the engine runs several replicas on a node."""
    if plan.nodes_per_replica > 1 or not search.engine.keeps_replicas_apart(search.shape):
        return 1
    if search.request.dp:
        return plan.replicas_per_node
    return max(plan.gpus_per_instance // (plan.layout.tp * plan.layout.pp), 1)


def _most(search: Search, r: Replica, replicas: int) -> Traffic:
    """The largest load of one replica that breaks nothing; never less than what the plan gives each of its replicas."""
    t = search.demand.share(replicas)
    if t.request_rate is not None:
        top = capacity_per_s(r, t) * search.headroom
        return replace(t, request_rate=_largest(lambda one: _serves(search, r, replace(t, request_rate=one)), t.request_rate, top))
    # 1.25 as in planning/constraints.py, so that a replica of one request at a time stays below the headroom.
    low, top = t.concurrency or 1.0, max(r.max_batch(t.isl + t.osl), 1.25) * search.headroom
    return replace(t, concurrency=_largest(lambda one: _serves(search, r, replace(t, concurrency=one)), low, top))


def _serves(search: Search, r: Replica, t: Traffic) -> bool:
    return broken(replace(search, demand=replace(search.demand, traffic=t)), r, 1) is None


def _largest(serves: Callable[[float], bool], low: float, high: float) -> float:
    """Find the largest value that is served by bisection, `low` counting as served."""
    if high <= low:
        return low
    if serves(high):
        return high
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if serves(middle) else (low, middle)
    return low
