"""Which of several ways to serve a load a plan takes, and what they are weighed by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sizing.pareto import Worth, front

if TYPE_CHECKING:
    from sizing.search import Fit, Search


def worth(search: Search, fit: Fit) -> Worth:
    capacity = search.capacity_per_s(fit.replica) * fit.replicas
    return Worth(round(fit.usd_per_hour, 6), fit.point.e2e_s(search.request.osl), capacity)


def the_front_first(search: Search, good: list[Fit]) -> list[Fit]:
    """Cheapest first; of equally cheap ones those that no other beats in everything."""
    on_front = dict(zip(map(id, good), front([worth(search, fit) for fit in good]), strict=True))
    by = preference(search)
    return sorted(good, key=lambda fit: (by(fit)[0], not on_front[id(fit)], by(fit)))


def preference(search: Search) -> Callable[[Fit], tuple[float, int, int, bool, bool, float]]:
    """Cheapest first; of equal ones one node a replica, the fewest nodes, the search's own format and engine, then the fastest answers."""

    def rank(fit: Fit) -> tuple[float, int, int, bool, bool, float]:
        other_format, other_engine = fit.replica.bits.format != search.bits.format, fit.replica.engine is not search.engine
        e2e_s = fit.point.e2e_s(search.request.osl)
        return round(fit.usd_per_hour, 6), fit.nodes_per_replica, fit.count, other_format, other_engine, e2e_s

    return rank
