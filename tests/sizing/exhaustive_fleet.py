"""Columns of a fleet without any shortcut: every engine, format, layout and share on every type, replicas counted one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from inferstack.records.fleet import FleetModel, FleetRequest
from sizing.catalog import GIB, Instance
from sizing.engines.layouts import ReplicaLayout
from sizing.fleet import integer_program
from sizing.fleet.columns import Column, ColumnChoices, _tried, on_sale
from sizing.fleet.gpu_shares import SHARES, UNITS, _slowed, may_share
from sizing.fleet.serving_options import ServingWay, Tried
from sizing.planning.candidates import layouts_on, replica_on
from sizing.planning.constraints import broken
from sizing.planning.planner import search_of
from sizing.planning.search import Search
from sizing.speed.replica import Replica

MOST = 48


def usd_per_hour(fleet: FleetRequest) -> float:
    """Of the cheapest fleet, to the solver's gap."""
    able = [_choices(member, fleet) for member in fleet.models]
    assert all(one.columns for one in able)
    solved = integer_program.solve(fleet, able)
    usd = {column.instance.instance_type: column.rate.usd for column in solved.taken}
    return sum(n * usd[name] for name, n in solved.counts.items())


def _choices(member: FleetModel, fleet: FleetRequest) -> ColumnChoices:
    search = search_of(member.request.replaced(instance_types=fleet.instance_types))
    tried = _tried(search)
    columns = [
        Column(i, rate, [way]) for i, rate in on_sale(search.region) for one in tried for way in _ways(one, i, colocate=fleet.colocate)
    ]
    return ColumnChoices(member, search, columns, 1.0)


def _ways(one: Tried, instance: Instance, *, colocate: bool) -> Iterator[ServingWay]:
    search = one[0]
    for layout in layouts_on(search, instance):
        r = replica_on(search, instance, layout)
        yield from _counted(one, search, r, units=layout.gpus * UNITS, counts=range(1, MOST))
    if colocate and may_share(search, instance) and layouts_on(search, instance):
        for units in SHARES:
            part = dataclasses.replace(search, part=units / UNITS)
            slow = _slowed(replica_on(part, instance, ReplicaLayout()), 1 / (units / UNITS * 0.9))
            yield from _counted(one, part, slow, units=units, counts=range(1, UNITS // units))


def _counted(one: Tried, search: Search, r: Replica, *, units: int, counts: Sequence[int]) -> Iterator[ServingWay]:
    if r.why_not or r.kv.sequence_bytes(search.max_model_len) / GIB > r.budget.kv_gib:
        return
    fewest = next((n for n in counts if broken(search, r, n) is None), None)
    if fewest:
        yield ServingWay(*one, r, fewest, units)
