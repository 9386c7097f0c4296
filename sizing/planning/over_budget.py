"""A limit in dollars that no plan keeps: what the cheapest plans cost in all, and how much of the load the limit does hold."""

from __future__ import annotations

from dataclasses import dataclass, replace

from inferstack.records.errors import Finding
from sizing.planning import formats_and_engines
from sizing.planning.formats_and_engines import FoundFits
from sizing.planning.search import Fit, Search
from sizing.planning.sensitivity import largest_load_factor

SHOWN = 3
HINT = "raise the limit, lower the load, or allow cheaper choices: a smaller weight format, other instance types, looser latency targets"


@dataclass(frozen=True)
class BudgetTotal:
    """`what` names instances and count."""

    what: str
    usd_per_hour: float


class OverBudget(Finding):
    """`said` words it by the limit that the person set."""

    def __init__(self, *, limit: float, load: str, cheapest: tuple[BudgetTotal, ...], holds: str, narrower: str | None) -> None:
        self.limit, self.load, self.cheapest, self.holds = limit, load, cheapest, holds
        super().__init__(self.said(f"max_usd_per_hour ${limit:,.2f}"), hint=f"{HINT}; {narrower}" if narrower else HINT)

    def said(self, limit: str, *, hours: float | None = None) -> str:
        """`hours`: for how long, where the limit is one of the whole life."""
        totals = "; ".join(f"{one.what} ${one.usd_per_hour:,.2f}/h{_in_all(one, hours)}" for one in self.cheapest)
        return f"{limit} is too little for {self.load}; cheapest: {totals}; {self.holds}"


def refuse(search: Search, capped: FoundFits) -> None:
    """Raises OverBudget where the limit alone stands between the request and a plan. `capped` is what the search gave with it."""
    limit = search.request.max_usd_per_hour
    if limit is None:
        return
    free = replace(search, request=search.request.replaced(max_usd_per_hour=None))
    found = formats_and_engines.over(free)
    if not found.good:
        return
    load = f"{search.demand.says} of {search.shape.id} ({search.bits.format}) in {search.region}"
    raise OverBudget(
        limit=limit, load=load, cheapest=tuple(BudgetTotal(_named(fit), fit.usd_per_hour) for fit in found.good[:SHOWN]),
        holds=_holds(search, found, limit), narrower=capped.narrower,
    )  # fmt: skip


def _named(fit: Fit) -> str:
    return f"{fit.count} x {fit.instance.instance_type}"


def _in_all(one: BudgetTotal, hours: float | None) -> str:
    return "" if hours is None else f" = ${one.usd_per_hour * hours:,.2f} in {hours:g} h"


def _holds(search: Search, found: FoundFits, limit: float) -> str:
    """What the limit buys of the type that serves the most for it, in the layout that serves the whole load best."""
    best, what = 0.0, ""
    for fit in found.good:
        groups = int(limit / fit.rate.usd) // fit.nodes_per_replica
        factor = largest_load_factor(found.of(fit)[0], fit, groups) if groups and not search.request.dp else 0.0
        if factor > best:
            best, what = factor, f"{groups * fit.nodes_per_replica} x {fit.instance.instance_type}"
    if not what:
        return "nothing within that limit serves this model at any load"
    return f"within that limit {what} serves {best:.2f} times {search.demand.says}"
