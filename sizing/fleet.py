"""`plan(fleet)`: the cheapest instances that hold many models, as an integer program with its proven gap."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from records.errors import Finding, InputError
from records.fleet import FleetPlan, FleetRequest, Node, NotServed, Placement, Served
from records.plan import Rejected
from sizing import explain
from sizing.catalog import Instance, instances
from sizing.demand import planning
from sizing.fleet_columns import UNITS, Choices, Column, choices

GAP = 1e-4
THREADS = 2


@dataclass(frozen=True)
class Solution:
    """The column of each model, instances of each type, dollars an hour no fleet goes below."""

    taken: list[Column]
    counts: dict[str, int]
    bound: float


def plan(fleet: FleetRequest, *, now: datetime) -> FleetPlan:
    """Raises Finding where no fleet of the models that can be served holds the limits, InputError for what does not exist."""
    began = time.perf_counter()
    _refuse_unknown_families(fleet)
    every = [choices(member, fleet) for member in fleet.models]
    _refuse_two_regions(every)
    able = [one for one in every if one.columns]
    types = _types(able)
    built = time.perf_counter()
    solved = _solve(fleet, able, types) if able else Solution([], {}, 0.0)
    ended = time.perf_counter()
    rates = {c.instance.instance_type: c.rate for one in able for c in one.columns}
    cost = sum(n * rates[name].usd for name, n in solved.counts.items())
    if fleet.max_usd_per_hour and cost > fleet.max_usd_per_hour:
        raise Finding(
            f"max_usd_per_hour: the fleet costs ${cost:.2f}/h, above ${fleet.max_usd_per_hour:.2f}; "
            f"no fleet costs less than ${solved.bound:.2f}/h",
            hint="raise max_usd_per_hour, or take models out",
        )
    bound = min(max(solved.bound, 0.0), cost)
    return FleetPlan(
        created_at=now,
        request=fleet,
        region=every[0].search.region,
        nodes=_nodes(able, solved, types),
        served=tuple(_served(one, column) for one, column in zip(able, solved.taken, strict=True)),
        not_served=tuple(_not_served(one) for one in every if not one.columns),
        usd_per_hour=round(cost, 6),
        lower_bound_usd_per_hour=round(bound, 6),
        proven_gap=(cost - bound) / cost if cost else 0.0,
        alone_usd_per_hour=round(sum(one.cheapest.usd_per_hour for one in able if one.cheapest), 6),
        columns=sum(len(one.columns) for one in able),
        columns_s=built - began,
        solve_s=ended - built,
        price_date=min((rates[name].as_of for name in solved.counts), default=None),
        assumptions=_assumptions(solved),
    )


def _refuse_unknown_families(fleet: FleetRequest) -> None:
    known = sorted({one.family for one in instances() if one.gpu})
    wrong = next((family for family in fleet.quotas if family not in known), None)
    if wrong:
        raise InputError(f"quotas: {wrong} is no family of GPU instances; allowed: {', '.join(known)}")


def _refuse_two_regions(every: list[Choices]) -> None:
    regions = sorted({one.search.region for one in every})
    if len(regions) > 1:
        raise InputError(f"models: they ask for {' and '.join(regions)}; a fleet is in one region", hint="set region of the fleet")


def _types(able: list[Choices]) -> dict[str, Instance]:
    return {c.instance.instance_type: c.instance for one in able for c in one.columns}


def _solve(fleet: FleetRequest, able: list[Choices], types: dict[str, Instance]) -> Solution:
    """min sum usd N_t; every model one column; the slots of a type fit its GPUs; quotas in vCPU. N_t integer, columns 0 or 1."""
    import highspy

    h = _solver(fleet.seconds)
    rates = {c.instance.instance_type: c.rate.usd for one in able for c in one.columns}
    for number, name in enumerate(types):
        h.addVar(0, highspy.kHighsInf)
        h.changeColCost(number, rates[name])
    _one_column_each(h, able, types)
    _within_quotas(h, fleet, types)
    for number in range(h.getNumCol()):
        h.changeColIntegrality(number, highspy.HighsVarType.kInteger)
    h.run()
    if h.getInfo().primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        raise Finding(
            f"no fleet within quotas was found in {fleet.seconds:g} s: {h.modelStatusToString(h.getModelStatus())}",
            hint="raise quotas, seconds, or take models out",
        )
    return _read(able, types, h.getSolution().col_value, bound=h.getInfo().mip_dual_bound)


def _solver(seconds: float) -> Any:
    """Silent from its first moment: the constructor would greet on stdout, where --json has its one document."""
    import highspy

    class Silent(highspy.Highs):
        def enableCallbacks(self) -> None:
            self.setOptionValue("output_flag", False)
            super().enableCallbacks()

    made = Silent()
    for name, value in {"time_limit": seconds, "mip_rel_gap": GAP, "threads": THREADS}.items():
        made.setOptionValue(name, value)
    return made


def _one_column_each(h: Any, able: list[Choices], types: dict[str, Instance]) -> None:
    import highspy

    row_of, used = {name: number for number, name in enumerate(types)}, defaultdict(list)
    for one in able:
        start = h.getNumCol()
        for number, column in enumerate(one.columns):
            h.addVar(0, 1)
            h.changeColCost(start + number, _tie(number))
            used[column.instance.instance_type].append((start + number, column.replicas * column.units))
        indices = list(range(start, start + len(one.columns)))
        h.addRow(1, 1, len(indices), indices, [1.0] * len(indices))
    for name, slots in used.items():
        indices = [row_of[name], *(number for number, _ in slots)]
        parts = [float(types[name].gpu_count * UNITS), *(-float(units) for _, units in slots)]
        h.addRow(0, highspy.kHighsInf, len(indices), indices, parts)


def _within_quotas(h: Any, fleet: FleetRequest, types: dict[str, Instance]) -> None:
    import highspy

    for family, vcpus in fleet.quotas.items():
        mine = [(number, float(kind.vcpus)) for number, kind in enumerate(types.values()) if kind.family == family]
        h.addRow(-highspy.kHighsInf, float(vcpus), len(mine), [number for number, _ in mine], [each for _, each in mine])


def _tie(number: int) -> float:
    """Of equal costs the one that the planner prefers; far below a cent over a whole fleet."""
    return min(number, 100) * 1e-8


def _read(able: list[Choices], types: dict[str, Instance], values: Any, *, bound: float) -> Solution:
    taken, at = [], len(types)
    for one in able:
        mine = values[at : at + len(one.columns)]
        taken.append(one.columns[max(range(len(mine)), key=lambda i: mine[i])])
        at += len(one.columns)
    units: dict[str, int] = defaultdict(int)
    for column in taken:
        units[column.instance.instance_type] += column.replicas * column.units
    counts = {name: -(-used // (types[name].gpu_count * UNITS)) for name, used in units.items()}
    return Solution(taken, counts, bound - len(able) * 1e-6)


def _nodes(able: list[Choices], solved: Solution, types: dict[str, Instance]) -> tuple[Node, ...]:
    """Largest slots first, each at the next free place: powers of two leave no gap."""
    slots: dict[str, list[tuple[int, str, Column]]] = defaultdict(list)
    for one, column in zip(able, solved.taken, strict=True):
        slots[column.instance.instance_type] += [(column.units, one.member.name, column)] * column.replicas
    made: list[Node] = []
    for kind, wanted in sorted(slots.items()):
        size, at, held = types[kind].gpu_count * UNITS, 0, defaultdict(list)
        for units, name, column in sorted(wanted, key=lambda one: -one[0]):
            held[at // size].append(_placement(name, column, at % size))
            at += units
        example = wanted[0][2]
        made += [
            Node(instance_type=kind, gpu=example.replica.gpu.id, gpu_count=types[kind].gpu_count, usd_per_hour=example.rate.usd,
                 placements=tuple(placed)) for placed in held.values()
        ]  # fmt: skip
    return tuple(made)


def _placement(name: str, column: Column, at: int) -> Placement:
    r, first = column.replica, at // UNITS
    gpus = max(column.units // UNITS, 1)
    return Placement(
        name=name, gpus=tuple(range(first, first + gpus)), share=column.share, tp=r.layout.tp, pp=r.layout.pp,
        gpu_memory_utilization=r.settings.utilization, utilisation=round(column.point.utilisation, 6),
    )  # fmt: skip


def _served(one: Choices, column: Column) -> Served:
    assert one.cheapest is not None, "a model with columns has a plan of its own"
    return Served(
        name=one.member.name, model=one.search.shape.id, instance_type=column.instance.instance_type,
        replicas=column.replicas // column.nodes_per_replica,
        share=column.share, ttft_ms=round(column.point.ttft_s * 1e3, 3), itl_ms=round(column.point.itl_s * 1e3, 3),
        alone_usd_per_hour=one.cheapest.usd_per_hour,
    )  # fmt: skip


def _not_served(one: Choices) -> NotServed:
    nearest = explain.nearest_losses(one.losses)
    return NotServed(
        name=one.member.name, model=one.search.shape.id, reason="; ".join(f"{loss.instance_type}: {loss.reason}" for loss in nearest),
        rejected=tuple(Rejected(instance_type=loss.instance_type, reason=loss.reason, constraint=loss.constraint) for loss in one.losses),
    )  # fmt: skip


def _assumptions(solved: Solution) -> tuple[str, ...]:
    said = ["every model runs on one instance type, with one layout"]
    if any(column.units < UNITS for column in solved.taken):
        said.append(
            f"a share of a GPU has that share of its memory and {planning('shared_gpu_speed'):.0%} of that share of its speed, "
            "every neighbour taken as always busy: assumed, not measured"
        )
    return tuple(said)
