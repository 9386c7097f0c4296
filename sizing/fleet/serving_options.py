"""The ways to serve one whole model on one instance type that take the fewest GPUs, over all formats, engines, layouts and shares of a GPU.

Of the ways on one type only the fewest units can be in a cheapest fleet: nodes are filled by units alone. So what needs more of them than
the best that is known is left before its times are computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sizing.catalog import Instance
from sizing.engines.layouts import ReplicaLayout
from sizing.fleet.gpu_shares import SHARES, UNITS, may_share, on_a_share
from sizing.planning.candidates import layouts_on, least_replicas, replica_on
from sizing.planning.checkpoint import Checkpoint
from sizing.planning.demand import planning
from sizing.planning.search import Search
from sizing.speed.operating_point import Point
from sizing.speed.replica import Replica

Tried = tuple[Search, Checkpoint]
"""One format on one engine, and the file that it loads."""


@dataclass(frozen=True, slots=True, eq=False)
class ServingWay:
    """`replicas` of `nodes` slots each, a slot of `units` eighths of a GPU."""

    search: Search
    files: Checkpoint
    replica: Replica
    replicas: int
    units: int
    nodes: int = 1

    @property
    def slots(self) -> int:
        return self.replicas * self.nodes

    @property
    def all_units(self) -> int:
        return self.slots * self.units

    @property
    def share(self) -> float:
        """Return the share of a GPU."""
        return min(self.units / UNITS, 1.0)

    def point(self) -> Point:
        """Return the operating point of one replica under its part of the load."""
        return self.search.point(self.replica, self.search.demand.share(self.replicas))


def fewest(tried: Sequence[Tried], instance: Instance, *, colocate: bool) -> list[ServingWay]:
    """All ways with the fewest units, the asked format and engine first; none where nothing on this type serves the load."""
    asked, best = tried[0][0], list[ServingWay]()
    for units, one, layout in _by_size(tried, instance, colocate=colocate):
        limit = _limit(best, one[0], asked)
        if limit is not None and units > limit:
            continue
        way = on_share(one, instance, units, limit) if layout is None else on_gpus(one, instance, layout, limit)
        if way is not None:
            best = [*best, way] if best and way.all_units == best[0].all_units else [way]
    return best


def _limit(best: Sequence[ServingWay], search: Search, asked: Search) -> int | None:
    """Units at most: as many as the best known, or fewer where at as many the best known would be preferred."""
    if not best:
        return None
    behind = best[0].nodes == 1 and _strangeness(search, asked) > min(_strangeness(way.search, asked) for way in best)
    return best[0].all_units - behind


def _strangeness(search: Search, asked: Search) -> tuple[bool, bool]:
    """Whether the format and the engine are others than asked."""
    return search.bits.format != asked.bits.format, search.engine is not asked.engine


def preferred(ways: Sequence[ServingWay], asked: Search) -> ServingWay:
    """Return what a plan prefers: one node a replica, the asked format and engine, then the fastest answers."""
    if len(ways) == 1:
        return ways[0]

    def rank(way: ServingWay) -> tuple[int, bool, bool, float]:
        return way.nodes, *_strangeness(way.search, asked), way.point().e2e_s(asked.request.osl)

    return min(ways, key=rank)


def _by_size(tried: Sequence[Tried], instance: Instance, *, colocate: bool) -> Iterator[tuple[int, Tried, ReplicaLayout | None]]:
    """Units of one replica, smallest first; no layout is a share of one GPU."""
    found: list[tuple[int, Tried, ReplicaLayout | None]] = []
    for one in tried:
        layouts = layouts_on(one[0], instance)
        if layouts and colocate and may_share(one[0], instance):
            found += [(units, one, None) for units in SHARES]
        found += [(layout.gpus * UNITS, one, layout) for layout in layouts]
    yield from sorted(found, key=lambda way: way[0])


def on_share(one: Tried, instance: Instance, units: int, limit: int | None) -> ServingWay | None:
    """Serve with replicas that each take `units` eighths of a GPU. Returns None where they do not hold the load within `limit` units of
    one GPU."""
    found = on_a_share(one[0], instance, units, most=(limit or UNITS) // units)
    return ServingWay(*one, found[0], found[1], units) if found else None


def on_gpus(one: Tried, instance: Instance, layout: ReplicaLayout, limit: int | None) -> ServingWay | None:
    """Serve with replicas on whole GPUs. One over several nodes takes all GPUs of each of them, and so does one whose spare has to stand
    on another node; None where they do not hold the load in `limit` units."""
    search = one[0]
    alone = search.spare_groups > 0 and not search.engine.spares_share_nodes
    nodes = -(-layout.gpus // instance.gpu_count)
    units = (instance.gpu_count if alone else min(layout.gpus, instance.gpu_count)) * UNITS
    per_node = max(instance.gpu_count * UNITS // (units * nodes), 1)
    most = limit // (units * nodes) if limit else planning("max_instances") * per_node
    r = replica_on(search, instance, layout)
    count = _counted(search, r, per_node=per_node, most=most)
    return ServingWay(*one, r, count, units, nodes) if count else None


def _counted(search: Search, r: Replica, *, per_node: int, most: int) -> int | None:
    """Count the replicas, with those of one node more where one may be lost: a node holds no more of them, however they are packed."""
    fixed = search.request.dp
    spare = search.spare_groups * (min(per_node, fixed) if fixed else per_node)
    least = least_replicas(search, r, most=min(most, fixed or most) - spare)
    count = fixed or (least or 0) + spare
    return count if least and count <= most else None
