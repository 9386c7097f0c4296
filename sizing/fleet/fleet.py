"""`plan(fleet)`: the cheapest instances that hold many models, as an integer program with its proven gap."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from inferstack.records.errors import Finding, InputError
from inferstack.records.fleet import FleetModel, FleetPlan, FleetRequest, NotServed
from inferstack.records.plan import Rejected
from sizing.catalog import find_instance, instances
from sizing.engines import table
from sizing.fleet import integer_program, placement, slack
from sizing.fleet.columns import ColumnChoices, OnSale, choices, on_sale
from sizing.fleet.integer_program import Solution
from sizing.fleet.placement import Taken
from sizing.planning.demand import planning


def plan(fleet: FleetRequest, *, now: datetime) -> FleetPlan:
    """Raises Finding where no fleet of the models that can be served holds the limits, InputError for what does not exist."""
    began = time.perf_counter()
    _refuse_unknown(fleet)
    sold = functools.cache(on_sale)
    every = [_choices(number, member, fleet, sold) for number, member in enumerate(fleet.models)]
    region = _region(fleet, every)
    able = [one for one in every if one.columns]
    built = time.perf_counter()
    solved = integer_program.solve(fleet, able) if able else Solution([], {}, 0.0)
    ended = time.perf_counter()
    cost = _cost(fleet, solved)
    bound = min(max(solved.bound_usd, 0.0), cost)
    taken = slack.widened([placement.taken(one, column) for one, column in zip(able, solved.taken, strict=True)])
    return FleetPlan(
        created_at=now,
        request=fleet,
        region=region,
        nodes=placement.nodes(taken),
        served=tuple(placement.served(one) for one in taken),
        not_served=tuple(_not_served(one) for one in every if not one.columns),
        usd_per_hour=round(cost, 6),
        lower_bound_usd_per_hour=round(bound, 6),
        proven_gap=(cost - bound) / cost if cost else 0.0,
        alone_usd_per_hour=round(sum(one.alone_usd for one in able), 6),
        purchases=placement.purchases(solved.counts, region),
        columns=sum(len(one.columns) for one in able),
        columns_s=built - began,
        solve_s=ended - built,
        price_date=min((column.rate.as_of for column in solved.taken), default=None),
        assumptions=tuple(_assumptions(fleet, taken)),
    )


def _refuse_unknown(fleet: FleetRequest) -> None:
    known = sorted({one.family for one in instances() if one.gpu})
    wrong = next((family for family in fleet.quotas if family not in known), None)
    if wrong:
        raise InputError(f"quotas: {wrong} is not a family of GPU instances; allowed: {', '.join(known)}")
    for number, name in enumerate(fleet.instance_types or ()):
        try:
            find_instance(name)
        except InputError as error:
            raise InputError(f"instance_types.{number}: {_without_field(error)}", hint=error.hint) from None


def _choices(number: int, member: FleetModel, fleet: FleetRequest, sold: Callable[[str], OnSale]) -> ColumnChoices:
    """Raises InputError with the place of the member in the fleet."""
    try:
        return choices(member, fleet, sold)
    except InputError as error:
        raise InputError(f"models.{number}.request.{error.message} (of {member.name})", hint=error.hint) from None


def _without_field(error: InputError) -> str:
    return error.message.partition(": ")[2]


def _region(fleet: FleetRequest, every: Sequence[ColumnChoices]) -> str:
    regions = {fleet.region or member.member.request.region or planning("region") for member in every}
    if len(regions) > 1:
        raise InputError(
            f"models: they request {' and '.join(sorted(regions))}, but a fleet is in one region", hint="set the region of the fleet"
        )
    region: str = regions.pop()
    known = sorted({one for kind in instances() if kind.gpu for one in kind.regions})
    if region not in known:
        raise InputError(f"region: {region} has no known GPU instance; known regions: {', '.join(known)}")
    return region


def _cost(fleet: FleetRequest, solved: Solution) -> float:
    usd = {column.instance.instance_type: column.rate.usd for column in solved.taken}
    cost = sum(n * usd[name] for name, n in solved.counts.items())
    if fleet.max_usd_per_hour and cost > fleet.max_usd_per_hour:
        raise Finding(
            f"max_usd_per_hour: the fleet costs ${cost:.2f}/h, above ${fleet.max_usd_per_hour:.2f}; "
            f"no fleet costs less than ${solved.bound_usd:.2f}/h",
            hint="raise max_usd_per_hour, or remove models",
        )
    return cost


def _not_served(one: ColumnChoices) -> NotServed:
    return NotServed(
        name=one.member.name, model=one.search.shape.id if one.search else one.member.request.model or "", reason=one.reason,
        rejected=tuple(Rejected(instance_type=loss.instance_type, reason=loss.reason, constraint=loss.constraint) for loss in one.losses),
    )  # fmt: skip


def _assumptions(fleet: FleetRequest, taken: Sequence[Taken]) -> Iterator[str]:
    if taken:
        yield "every model runs on one instance type, with one layout"
    if any(one.way.share < 1 for one in taken):
        yield (
            f"a share of a GPU has that share of its memory and {planning('shared_gpu_speed'):.0%} of that share of its speed, every "
            "neighbour taken as always busy: assumed, not measured; MPS runs before the engines, which start one after the other"
        )
    own: dict[str, list[str]] = {name: [] for name in table.deployed()}
    for one in taken:
        if _unasked(one):
            own[one.way.replica.engine.name].append(one.one.member.name)
    for name, members in own.items():
        if members:
            yield f"engine: {name} for {', '.join(members)}, because none was requested and it costs less"
    narrower = [one.one.member.name for one in taken if one.one.search and one.way.search.bits.format != one.one.search.bits.format]
    if narrower:
        yield f"a narrower format for {', '.join(narrower)}: any_quant allows it; answers differ from the models' own"
    guarded = [one.name for one in fleet.models if one.request.guards]
    if guarded:
        yield f"guards of {', '.join(guarded)} are not placed: plan each of those models alone, or list its guard as a model"


def _unasked(one: Taken) -> bool:
    return one.one.search is not None and one.way.search.engine is not one.one.search.engine
