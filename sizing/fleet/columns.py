"""Columns of the fleet's program: the way to serve one whole model on one instance type, in eighths of a GPU."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from inferstack.pricing.rates.rates import Rate, all_on_demand
from inferstack.records.errors import Finding
from inferstack.records.fleet import FleetModel, FleetRequest
from inferstack.records.request import Request
from sizing.catalog import Instance, instances
from sizing.fleet.gpu_shares import UNITS
from sizing.fleet.serving_options import ServingWay, Tried, fewest
from sizing.planning import formats_and_engines
from sizing.planning.candidates import considered, of_instance
from sizing.planning.demand import planning
from sizing.planning.planner import search_of
from sizing.planning.reasons import nearest_losses
from sizing.planning.search import Fit, Loss, Search
from sizing.planning.variants import Variant, variants

OnSale = Sequence[tuple[Instance, Rate]]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Ways of equally many units on one instance type; which of them is taken changes no cost."""

    instance: Instance
    rate: Rate
    ways: Sequence[ServingWay]

    @property
    def units(self) -> int:
        return self.ways[0].all_units

    @property
    def node_units(self) -> int:
        return self.instance.gpu_count * UNITS

    @property
    def usd_alone(self) -> float:
        """Return the hourly cost on nodes of its own."""
        return -(-self.units // self.node_units) * self.rate.usd


@dataclass(frozen=True, slots=True, eq=False)
class ColumnChoices:
    """The ways in which one model may be served. Without `columns` nothing serves it: `reason` and `losses` say why. `alone_usd` is the
    hourly cost of a plan for this model alone."""

    member: FleetModel
    search: Search | None
    columns: list[Column]
    alone_usd: float = 0.0
    reason: str = ""
    losses: Sequence[Loss] = ()


def on_sale(region: str) -> OnSale:
    """Return the types with GPUs and their on-demand price, cheapest first."""
    prices = all_on_demand(region)
    sold = ((one, prices.rate(one.instance_type)) for one in instances() if one.gpu and not one.why_unsupported)
    return tuple(sorted(((one, rate) for one, rate in sold if rate), key=lambda pair: pair[1].usd))


def choices(member: FleetModel, fleet: FleetRequest, sold: Callable[[str], OnSale] = on_sale) -> ColumnChoices:
    """Return the columns of one model; `sold` gives the types on sale in a region. Raises InputError for what does not exist."""
    try:
        search = search_of(_limited(member.request, fleet))
    except Finding as found:
        return ColumnChoices(member, None, [], reason=found.message)
    if fleet.headroom is not None:
        search = replace(search, headroom=fleet.headroom)
    tried = _tried(search)
    here = sold(search.region)
    alone = _alone_usd(tried, here)
    columns = sorted(_columns(tried, fleet, here), key=lambda one: one.usd_alone) if alone else []
    if not alone or not columns:
        return _unserved(member, search)
    return ColumnChoices(member, search, columns if fleet.quotas else _worth_a_share(columns), alone)


def _limited(asked: Request, fleet: FleetRequest) -> Request:
    changes = {name: getattr(fleet, name) for name in ("region", "instance_types") if getattr(fleet, name) is not None}
    return asked.replaced(**changes) if changes else asked


def _tried(asked: Search) -> list[Tried]:
    """What a plan of this model may choose: the asked format and engine, then what the request leaves open."""
    first, *others = (one for one in variants(asked.request, asked.shape) if isinstance(one, Variant) and one.allowed)
    return [(asked, first.files), *((formats_and_engines.on(asked, one), one.files) for one in others)]


def _alone_usd(tried: Sequence[Tried], sold: OnSale) -> float | None:
    """Return the cost of the cheapest plan for this model alone. Types are tried in the order of their price, so the first few decide."""
    best = math.inf
    for instance, rate in sold:
        if rate.usd >= best:
            break
        for search, _ in tried:
            found = of_instance(search, instance) if best > rate.usd else None
            best = min(best, found.usd_per_hour) if isinstance(found, Fit) else best
    return best if best < math.inf else None


def _unserved(member: FleetModel, search: Search) -> ColumnChoices:
    found = formats_and_engines.over(search)
    losses = nearest_losses(found.bad)
    narrower = (found.narrower,) if found.narrower else ()
    return ColumnChoices(
        member, search, [], reason="; ".join((*(f"{one.instance_type}: {one.reason}" for one in losses), *narrower)), losses=found.bad
    )


def _columns(tried: Sequence[Tried], fleet: FleetRequest, sold: OnSale) -> Iterator[Column]:
    """Return one column for each kind of node: the cheapest of the types with the same GPUs; with quotas, one of each family."""
    for alike in _alike(tried, fleet, sold):
        ways = fewest(tried, alike[0][0], colocate=fleet.colocate)
        made = (Column(instance, rate, ways) for instance, rate in alike if ways)
        yield from (one for one in made if _within_limits(tried[0][0], one))


def _alike(tried: Sequence[Tried], fleet: FleetRequest, sold: OnSale) -> list[list[tuple[Instance, Rate]]]:
    """Types on which the same ways serve. The network counts where a replica may span nodes."""
    asked = tried[0][0].request
    groups: dict[tuple[object, ...], dict[str, tuple[Instance, Rate]]] = {}
    for instance, rate in sold:
        if not any(considered(search, instance) for search, _ in tried):
            continue
        spans = (asked.tp or 1) * (asked.pp or 1) > instance.gpu_count
        key = (instance.gpu, instance.gpu_count, instance.gpu_share, instance.network_bytes_per_s if spans else None)
        family = instance.family if fleet.quotas else ""
        known = groups.setdefault(key, {}).get(family)
        if known is None or (rate.usd, instance.vcpus) < (known[1].usd, known[0].vcpus):
            groups[key][family] = instance, rate
    return [list(one.values()) for one in groups.values()]


def _within_limits(search: Search, column: Column) -> bool:
    """Return whether the column stays within the most nodes of a plan and the budget of the model."""
    limit = search.request.max_usd_per_hour
    nodes = -(-column.units // column.node_units)
    return nodes <= planning("max_instances") and (limit is None or column.usd_alone <= limit)


def _worth_a_share(columns: list[Column]) -> list[Column]:
    """Return the columns that may win, cheapest alone first. A column pays for the whole nodes that it fills, whoever is beside it;
    where that is at least the cost of the cheapest column, it cannot win."""
    kept = columns[:1]
    kept += [one for one in columns[1:] if one.units // one.node_units * one.rate.usd < columns[0].usd_alone]
    return kept
