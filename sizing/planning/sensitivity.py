"""What would change a plan: the price at which the runner-up wins, the loads at which one instance more or fewer is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sizing.planning.constraints import broken
from sizing.planning.demand import Demand
from sizing.planning.search import Fit, Search

# The range 1/1024 to 1024 has 20 octaves, which 20 halvings bring to 2e-5 of one: 0.001 % of the load.
STEPS = 20
FARTHEST = 1024.0


def what_would_change(search: Search, good: list[Fit]) -> tuple[str, ...]:
    """One sentence each; `good` is cheapest first and its first one is the plan."""
    return (*_of_price(good), *_of_load(search, good[0]))


def largest_load_factor(search: Search, fit: Fit, nodes: int) -> float:
    """Return the largest multiple of the requested load that these nodes serve within all targets, found by bisection; 0 where there is
    none."""
    replicas = (nodes - search.spare_groups) * fit.replicas_per_node
    if replicas < 1 or broken(replace(search, demand=_scaled(search.demand, 1 / FARTHEST)), fit.replica, replicas):
        return 0.0
    low, high = 1 / FARTHEST, FARTHEST
    for _ in range(STEPS):
        middle = (low * high) ** 0.5
        if broken(replace(search, demand=_scaled(search.demand, middle)), fit.replica, replicas):
            high = middle
        else:
            low = middle
    return low


def _of_price(good: list[Fit]) -> Iterator[str]:
    best, second = good[0], next((fit for fit in good[1:] if fit.usd_per_hour > good[0].usd_per_hour), None)
    if second is None:
        return
    falls = best.usd_per_hour / second.count
    yield (
        f"{second.count} x {second.instance.instance_type} is cheaper below ${falls:.2f}/h per instance (now ${second.rate.usd:.2f}), "
        f"or once {best.instance.instance_type} costs more than ${second.usd_per_hour / best.count:.2f}/h (now ${best.rate.usd:.2f})"
    )


def _of_load(search: Search, best: Fit) -> Iterator[str]:
    if search.request.dp:
        return
    groups = best.count // best.nodes_per_replica
    more, less = (largest_load_factor(search, best, nodes) for nodes in (groups, groups - 1))
    named = best.instance.instance_type
    if 1 <= more < FARTHEST / 2:
        yield f"above {scaled_load(more, search.demand.says)}, this layout needs {best.nodes_per_replica} more {named}"
    if 0 < less < 1:
        fewer = best.count - best.nodes_per_replica
        yield f"at {scaled_load(less, search.demand.says)} or less, {fewer} x {named} {'is' if fewer == 1 else 'are'} enough"


def scaled_load(factor: float, said: str) -> str:
    """Scale the number that a load begins with; a load in words is named with the factor."""
    number, _, unit = said.partition(" ")
    try:
        return f"{float(number) * factor:.4g} {unit}"
    except ValueError:
        return f"{factor:.2f} times the load ({said})"


def _scaled(demand: Demand, factor: float) -> Demand:
    t = demand.traffic
    scaled = t.at_rate(t.request_rate * factor) if t.request_rate is not None else t.in_flight((t.concurrency or 1.0) * factor)
    return replace(demand, traffic=scaled)
