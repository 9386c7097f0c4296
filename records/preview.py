"""Bill and Preview: what would change, and what it costs before a cent is spent."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Literal

from pydantic import Field

from records.difference import Difference
from records.record import Part, Record

Bucket = Literal["priced", "free", "usage-based", "unpriced"]


class BillLine(Part):
    """One component of one resource. `quantity` x `unit_price_usd` is dollars per `unit` (an hour, a GB-month ...)."""

    resource: str = Field(description="type::name of the resource in the program")
    resource_type: str
    component: str
    bucket: Bucket
    quantity: float | None = None
    unit: str | None = None
    unit_price_usd: float | None = None
    usd_per_hour: float | None = None
    gpu_bearing: bool = False
    purchase_option: str | None = None
    source: str | None = None
    as_of: date | None = None
    confidence: Literal["verified", "recalled"] | None = None
    note: str = ""


class Bill(Part):
    """Every resource ends in exactly one bucket. `refused` says why there is no total (an unpriced GPU)."""

    region: str
    currency: Literal["USD"] = "USD"
    lines: tuple[BillLine, ...]
    usd_per_hour: float | None
    usd_per_month: float | None = Field(description="730 hours")
    usd_until_expiry: float | None
    hours_until_expiry: float | None
    price_date: date | None = Field(description="the oldest date of the prices that the total uses")
    resources_by_bucket: dict[Bucket, int]
    refused: str | None = None


class Change(Part):
    op: str = Field(description="create, update, replace, delete, same, read ... as the engine names it")
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
    difference: Difference | None = Field(default=None, description="of a stack that exists: what the change does to its bill")
