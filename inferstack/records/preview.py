"""Bill and Preview: what would change, and what it costs before a cent is spent."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Literal

from pydantic import Field

from inferstack.records.difference import Difference
from inferstack.records.record import Part, Record

Bucket = Literal["priced", "free", "usage-based", "unpriced"]


class Assumption(Part):
    """What a bill takes a part that is charged by use to be. `set_by` is "default" or the place in a usage.yaml."""

    key: str = Field(description="its name in usage.yaml")
    value: float | str
    unit: str = Field(description="description of the value")
    set_by: str
    basis: str = Field(default="", description="source of a default")
    once: bool = Field(default=False, description="an amount over the whole life of the stack, not per month")


class Range(Part):
    """The cost of a group that may grow and shrink: at its smallest and at its largest size."""

    quantity_min: float
    quantity_max: float
    usd_per_hour_min: float
    usd_per_hour_max: float


class BillLine(Part):
    """One component of one resource. `quantity` x `unit_price_usd` is dollars per `unit` (an hour, a GB-month ...).

    `usd_per_hour`, `usd_per_month` and `usd_until_expiry` are what the line adds to the totals; a usage-based line adds only what a
    usage.yaml set, and shows the rest in `assumed_usd_per_month`.
    """

    resource: str = Field(description="type::name of the resource in the program")
    resource_type: str
    component: str
    bucket: Bucket
    quantity: float | None = Field(default=None, description="of a usage-based line: per month")
    unit: str | None = None
    unit_price_usd: float | None = None
    usd_per_hour: float | None = None
    usd_per_month: float | None = Field(default=None, description="730 hours; of a fee paid up front, the part for these hours")
    usd_until_expiry: float | None = None
    usd_once: float | None = Field(
        default=None, description="paid once in full: a fee up front (also spread over usd_per_hour), or one-time usage (in no hourly rate)"
    )
    hours_at_least: float | None = Field(default=None, description="minimum number of billed hours")
    hours_at_most: float | None = Field(default=None, description="hours after which billing ends: a reservation ends by itself")
    outlives: bool = Field(default=False, description="it remains, and is billed, after the resource that it belongs to is deleted")
    region: str | None = Field(default=None, description="region of the resource, if not the region of the bill")
    assumed_usd_per_month: float | None = Field(default=None, description="by the default assumption; not in any total")
    range: Range | None = None
    gpu_bearing: bool = False
    purchase_option: str | None = None
    rate_id: str | None = Field(default=None, description="key of the rate in pricing/facts or in the user's own rates")
    source: str | None = None
    as_of: date | None = None
    confidence: Literal["verified", "recalled"] | None = None
    assumption: Assumption | None = None
    note: str = ""


class BilledResource(Part):
    """A branch of the bill: what all lines of one resource add to the totals."""

    resource: str
    resource_type: str
    name: str
    bucket: Bucket = Field(description="bucket of its worst line: unpriced before priced before usage-based before free")
    lines: int
    usd_per_hour: float
    usd_per_month: float
    assumed_usd_per_month: float


class Remark(Part):
    """What a reader must be told beside the total."""

    kind: Literal["refused", "unpriced", "outlives", "stale", "unverified", "assumed", "usage-based"]
    sentence: str


class Bill(Part):
    """Every resource ends in exactly one bucket. `refused` says why there is no total (an unpriced GPU, or nothing that has a price)."""

    region: str
    currency: Literal["USD"] = "USD"
    lines: tuple[BillLine, ...]
    resources: tuple[BilledResource, ...] = ()
    usd_per_hour: float | None
    usd_per_month: float | None = Field(description="730 hours")
    usd_until_expiry: float | None
    usd_per_hour_min: float | None = Field(default=None, description="with every group at its smallest size")
    usd_per_hour_max: float | None = Field(default=None, description="with every group at its largest size")
    usd_once: float = Field(default=0.0, description="fees paid up front, in full")
    usd_used_once: float = Field(default=0.0, description="one-time usage by usage.yaml, in full; in no hourly or monthly rate")
    at_least: bool = Field(default=False, description="a part has no price, so every total is a lower bound")
    assumed_usd_per_month: float = Field(default=0.0, description="usage-based cost by default assumptions; not in any total")
    hours_until_expiry: float | None
    price_date: date | None = Field(description="date of the prices behind the largest share of the total")
    price_date_share: float | None = Field(default=None, description="share of the money of the total that has this date")
    oldest_price_date: date | None = Field(default=None, description="oldest date of the prices in the total")
    resources_by_bucket: dict[Bucket, int]
    remarks: tuple[Remark, ...] = Field(default=(), description="worst first, as of the date of the command")
    refused: str | None = None


class Change(Part):
    op: str = Field(description="create, update, replace, delete, same, read ..., as the engine names it")
    urn: str
    type: str
    name: str
    diff: tuple[str, ...] = ()


class Preview(Record):
    """`preview.json`."""

    file_name: ClassVar[str] = "preview.json"

    created_at: datetime
    stack: str
    base_stack: str | None
    rehearsal: bool
    changes: tuple[Change, ...]
    bill: Bill
    difference: Difference | None = Field(default=None, description="for an existing stack: effect of the change on its bill")
