"""Which of several ways to serve a load a plan takes, and what they are weighed by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sizing.planning.pareto import Worth, front

if TYPE_CHECKING:
    from sizing.planning.search import Fit, Search


def worth(search: Search, fit: Fit) -> Worth:
    capacity = search.capacity_per_s(fit.replica) * fit.replicas
    return Worth(round(fit.usd_per_hour, 6), fit.point.e2e_s(search.request.osl), capacity)


def the_front_first(search: Search, good: list[Fit]) -> list[Fit]:
    """Cheapest first; of equally cheap ones those that no other beats in everything."""
    on_front = dict(zip(map(id, good), front([worth(search, fit) for fit in good]), strict=True))
    by = preference(search)
    return sorted(good, key=lambda fit: (by(fit)[0], not on_front[id(fit)], by(fit)))


Rank = tuple[float, int, int, bool, bool, float]


def preference(search: Search) -> Callable[[Fit], Rank]:
    """Cheapest first; of equal ones one node a replica, the fewest nodes, the search's own format and engine, then the fastest answers."""

    def rank(fit: Fit) -> Rank:
        other_format, other_engine = fit.replica.bits.format != search.bits.format, fit.replica.engine is not search.engine
        e2e_s = fit.point.e2e_s(search.request.osl)
        return round(fit.usd_per_hour, 6), fit.nodes_per_replica, fit.count, other_format, other_engine, e2e_s

    return rank


def at_best(search: Search, usd_per_hour: float, *, nodes_per_replica: int, count: int, prefer: Search) -> Rank:
    """The rank, by the preference of `prefer`, that no fit of `search` on at least so many instances goes below."""
    other_format, other_engine = search.bits.format != prefer.bits.format, search.engine is not prefer.engine
    return round(usd_per_hour, 6), nodes_per_replica, count, other_format, other_engine, 0.0


def as_dear_as(usd_per_hour: float) -> Rank:
    """Return a rank above every rank of this cost."""
    return round(usd_per_hour, 6), 1 << 62, 0, False, False, 0.0
