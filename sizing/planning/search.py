"""One question to the catalogue, and what is said of an instance type: a way to serve the load, or the constraint that it breaks."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from inferstack.pricing.rates.rates import OnDemand, Rate, all_on_demand
from inferstack.records.request import Request
from sizing.catalog import Instance
from sizing.engines.engine import EngineVersion
from sizing.engines.layouts import ReplicaLayout
from sizing.models.quantisation.formats import Bits
from sizing.models.shape import ModelShape
from sizing.options.request import NONE, Special
from sizing.planning.demand import Demand
from sizing.speed.operating_point import Point, capacity_per_s, operating_point
from sizing.speed.replica import Replica
from sizing.speed.traffic import Traffic

CONSTRAINTS = (
    "instance", "request", "region", "price", "engine", "layout", "memory", "context", "ttft", "itl", "e2e", "capacity", "failure", "count",
    "budget", "cost",
)  # fmt: skip
"""In the order in which they are held against a candidate."""


TARGETS = ("ttft_ms", "itl_ms", "e2e_ms", "ttft_p99_ms", "itl_p99_ms", "e2e_p99_ms")


@dataclass(frozen=True, slots=True)
class Fit:
    """A way to serve the load within all targets. `point` is of one replica."""

    instance: Instance
    layout: ReplicaLayout
    replica: Replica
    replicas: int
    count: int
    replicas_per_node: int
    nodes_per_replica: int
    point: Point
    rate: Rate

    @property
    def usd_per_hour(self) -> float:
        return self.count * self.rate.usd

    @property
    def replicas_on_a_node(self) -> int:
        """Fewer than fit where the request fixes dp."""
        return max(min(self.replicas_per_node, self.replicas), 1)


class Breach(NamedTuple):
    """A constraint that is broken, the reason in numbers, and how far off it is (comparable within one constraint)."""

    constraint: str
    reason: str
    excess: float = 0.0


@dataclass(frozen=True, slots=True)
class Loss:
    """`constraint` is the first that breaks, by the factor `excess`; `usd_per_hour` of one instance where its price is known."""

    instance_type: str
    constraint: str
    reason: str
    layout: ReplicaLayout | None = None
    usd_per_hour: float | None = None
    excess: float = 0.0


Key = tuple[str, ReplicaLayout, float]
"""GPU, layout, and bytes a second between pipeline stages: what decides how many replicas are needed."""


class Way(NamedTuple):
    """A layout on a kind of node: its `place` among the layouts, and the fewest instances that its memory and capacity ask for."""

    instances: int
    nodes: int
    place: int
    key: Key

    @property
    def layout(self) -> ReplicaLayout:
        return self.key[1]


class Least(NamedTuple):
    """So many replicas hold the load within all targets; where it is not `exact`, no fewer do."""

    replica: Replica
    replicas: int
    exact: bool = False


@dataclass(frozen=True)
class Search:
    """One question to the catalogue. `part`: the share of each GPU's memory that a replica may take, where others run on the same GPU.
    `max_nodes`: over how many nodes a replica may be cut where the request does not say it.
    `rates`, `points` and `capacities` go with a search into others of the same plan, which differ in format, engine or target."""

    request: Request
    shape: ModelShape
    bits: Bits
    engine: EngineVersion
    demand: Demand
    region: str
    max_model_len: int
    headroom: float
    reserve_gib: float
    spare_groups: int = 0
    special: Special = NONE
    part: float = 1.0
    max_nodes: int = 1
    rates: dict[str, Rate | None] = field(default_factory=dict, compare=False)
    points: dict[tuple[Replica, Traffic], Point] = field(default_factory=dict, compare=False)
    capacities: dict[tuple[Replica, float, float, float | None], float] = field(default_factory=dict, compare=False)

    @cached_property
    def known(self) -> dict[Key, Least | Loss]:
        """What GPUs and layouts gave, which several instance types share."""
        return {}

    @cached_property
    def ways(self) -> dict[object, tuple[Way, ...]]:
        """The layouts by kind of node."""
        return {}

    @cached_property
    def targets(self) -> dict[str, float]:
        """The latencies in milliseconds that the request limits, by their names in it."""
        names = TARGETS if self.demand.traffic.writes_on else (name for name in TARGETS if not name.startswith("itl"))
        return {name: limit for name in names if (limit := getattr(self.request, name)) is not None}

    def rate(self, instance_type: str) -> Rate | None:
        """Return the on-demand rate in the region. Raises InputError where the user's file of prices is damaged."""
        if instance_type not in self.rates:
            self.rates[instance_type] = self._on_sale.rate(instance_type)
        return self.rates[instance_type]

    @cached_property
    def _on_sale(self) -> OnDemand:
        return all_on_demand(self.region)

    def point(self, r: Replica, t: Traffic) -> Point:
        """Return the operating point, computed once for the searches of one plan, which differ in format, engine or target."""
        found = self.points.get((r, t))
        if found is None:
            found = self.points[r, t] = operating_point(r, t, top=self.capacity_per_s(r) if t.request_rate is not None else None)
        return found

    def capacity_per_s(self, r: Replica) -> float:
        """Return the capacity of one replica under the asked load's lengths: the same at every rate."""
        t = self.demand.traffic
        key = (r, t.isl, t.osl, t.concurrency)
        if key not in self.capacities:
            self.capacities[key] = capacity_per_s(r, t)
        return self.capacities[key]
