"""Comparison: what a plan costs by the way it is bought, beside hosted APIs and owned hardware, and where the answer turns."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Literal

from pydantic import Field

from inferstack.records.plan import Layout
from inferstack.records.record import Part, Record

Bought = Literal[
    "on-demand", "on-demand-always-on", "spot", "savings-plan-1y", "savings-plan-3y", "capacity-reservation", "capacity-block"
]  # fmt: skip


class Span(Part):
    """A figure and the ends between which the bands of the sizing, or of the facts, let it lie."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Span:
        return Span(value=self.value * factor, low=self.low * factor, high=self.high * factor)


class Hours(Part):
    """When the service is open, and what is paid for it when it scales to zero in between. A month has 730 hours."""

    text: str
    zone: str | None = None
    open_hours_per_week: float = Field(gt=0, le=168)
    open_days_per_week: int = Field(ge=1, le=7)
    starts_per_week: int = Field(ge=0, description="0: never off")
    start_h: Span = Field(description="from start to the first token, billed before each running period")
    paid_hours_per_week: Span
    months: float = Field(gt=0)


class Volume(Part):
    """Tokens of the requested load, prompts and answers together."""

    tokens_per_open_day: Span
    tokens_per_month: Span
    input_share: float = Field(ge=0, le=1)
    cached_share: float = Field(ge=0, le=1, description="of the prompt tokens")
    says: str


class PurchaseCost(Part):
    """The plan's instances bought one way. Without a rate there is no cost and `reason` says so."""

    option: Bought
    instances: int = Field(ge=1)
    usd_per_hour: float | None = Field(default=None, description="of all instances")
    paid_hours_per_month: Span | None = None
    usd_up_front: float | None = Field(default=None, description="paid before the first hour; part of usd_total")
    usd_per_month: Span | None = None
    usd_total: Span | None = Field(default=None, description="over the requested months, including what a commitment costs beyond them")
    satisfies: bool
    chosen: bool = False
    reason: str
    as_of: date | None = None
    source: str | None = None
    confidence: Literal["verified", "recalled"] | None = None


class TokenCost(Part):
    """USD per million tokens. Input and output share a GPU-hour by the time that prompts and answers take of it (ADR 29)."""

    at: Literal["asked load", "full capacity"]
    usd_per_month: Span | None = None
    usd_per_mtok: Span = Field(description="of input and output tokens together")
    usd_per_mtok_input: Span
    usd_per_mtok_output: Span
    prefill_time_share: float = Field(ge=0, le=1)
    batch: float = Field(description="requests in decode per replica, at which the time was divided")
    formula: str


class Window(Part):
    """Tokens a day between which self-hosting costs less."""

    from_tokens_per_day: float
    to_tokens_per_day: float | None = Field(default=None, description="null: without an end")
    instances: int = Field(ge=1)


class BreakEven(Part):
    """First volume at which self-hosting costs no more; `utilisation` is its share of what those instances hold."""

    tokens_per_day: float | None = Field(default=None, description="null: there is none within the limits")
    low: float | None = Field(default=None, description="with the low ends of the bands")
    high: float | None = Field(default=None, description="with the high ends of the bands; null: none")
    instances: int | None = None
    utilisation: float | None = None
    windows: tuple[Window, ...] = ()
    always_from: float | None = None
    says: str


class HostedCost(Part):
    """One hosted API for the same tokens. `current` false: no longer sold, shown and never compared with."""

    host: str
    model: str
    same_model: bool
    current: bool
    status: str
    ends: date | None = None
    usd_per_mtok_input: float
    usd_per_mtok_output: float
    usd_per_mtok_cached: float | None = None
    batch: bool = Field(default=False, description="prices of its batch interface, answers within a day")
    usd_per_mtok: float = Field(description="at the plan's mix of input, cached and output")
    usd_per_month: Span
    break_even: BreakEven | None = None
    as_of: date
    source: str


class VolumePoint(Part):
    """What a volume costs a month; the self-hosted cost climbs in steps."""

    tokens_per_day: float
    instances: int
    self_hosted: Span
    same_model: float | None
    other_model: float | None


class OwnedLine(Part):
    """One yearly cost of one system, and the inputs that it was computed from."""

    name: str
    usd_per_year: Span
    says: str


class Owned(Part):
    """Systems of one's own that hold the same load, sized by the EC2 type with the same GPUs."""

    system: str
    systems: int = Field(ge=1)
    gpus: int = Field(ge=1)
    sized_as: str
    replicas_per_system: float = Field(gt=0, description="in the layout with the highest capacity within the targets")
    lines: tuple[OwnedLine, ...]
    usd_per_year: Span = Field(description="of all systems")
    usd_per_gpu_hour: Span
    usd_per_mtok: Span = Field(description="at the requested load")
    usd_per_mtok_full: Span = Field(description="every hour of the year at full capacity")
    utilisation: float = Field(description="requested tokens over capacity, all year")
    break_even_utilisation: dict[str, float | None] = Field(description="against what -> share; null: not within 100 %")
    inputs: dict[str, str]


class Total(Part):
    """Cost over the years of the comparison, at the requested load."""

    name: str
    usd: Span
    note: str = ""


class Comparison(Record):
    """`comparison.json`."""

    file_name: ClassVar[str] = "comparison.json"

    created_at: datetime
    model: str
    weight_quant: str
    region: str
    instance_type: str
    instance_count: int = Field(ge=1)
    gpu: str
    layout: Layout
    load: str
    decision: str = Field(description="one sentence")
    hours: Hours
    volume: Volume
    options: tuple[PurchaseCost, ...]
    capacity_tokens_per_day: Span = Field(description="of the plan's instances on a day with running hours, within its targets")
    utilisation: float = Field(description="requested tokens over the capacity of the plan's instances in the billed hours")
    idle_usd_per_month: float
    tokens: tuple[TokenCost, ...]
    hosted: tuple[HostedCost, ...]
    curve: tuple[VolumePoint, ...]
    owned: Owned | None = None
    years: float = Field(gt=0)
    totals: tuple[Total, ...]
    assumptions: tuple[str, ...]


class OwnedRequest(Record):
    """`owned.yaml`: what is known of one's own hardware. What is left out comes from the facts. Money in USD, of one system."""

    file_name: ClassVar[str] = "owned.yaml"

    system: str | None = Field(default=None, description="a name of pricing/facts/owned_hardware.yaml")
    systems: int | None = Field(default=None, ge=1, le=10_000, description="number owned; default: as many as the load needs")
    capex_usd: float | None = Field(default=None, gt=0)
    life_years: int | None = Field(default=None, ge=1, le=15)
    residual_share: float | None = Field(default=None, ge=0, le=1)
    network_share: float | None = Field(default=None, ge=0, le=2)
    running_usd_per_year: float | None = Field(default=None, ge=0, description="power, place, maintenance and staff in one figure")
    power_kw: float | None = Field(default=None, gt=0, le=1000)
    power_share: float | None = Field(default=None, ge=0, le=1)
    pue: float | None = Field(default=None, ge=1, le=5)
    usd_per_kwh: float | None = Field(default=None, ge=0, le=10)
    colocation_usd_per_kw_month: float | None = Field(
        default=None, ge=0, description="including electricity; instead of pue and usd_per_kwh"
    )
    maintenance_share: float | None = Field(default=None, ge=0, le=1)
    staff_fte: float | None = Field(default=None, ge=0, le=100)
    staff_usd_per_year: float | None = Field(default=None, ge=0)
    cost_of_capital: float | None = Field(default=None, ge=0, le=1)

    def to_json(self) -> str:
        """YAML with every key, so that the file shows what could be said."""
        import yaml

        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)
