"""Difference: what a change does to the bill, line by line. `diff --json` writes one, and a preview of a stack that exists holds one."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field

from inferstack.records.record import Part, Record

Bucket = Literal["priced", "free", "usage-based", "unpriced"]  # as in inferstack.records.preview, which imports this module
Sign = Literal["+", "~", "-"]
Reason = Literal["new", "removed", "quantity", "unit price", "purchase option", "instance type", "component", "bucket"]


class CostSide(Part):
    """A line of one of the two bills."""

    component: str
    bucket: Bucket
    quantity: float | None = None
    unit: str | None = None
    unit_price_usd: float | None = None
    usd_per_hour: float | None = None
    purchase_option: str | None = None


class LineChange(Part):
    """`old` is null for `+`, `new` for `-`. A line without a price changes the total by 0: its buckets say so."""

    sign: Sign
    resource: str = Field(description="type::name of the resource in the program")
    old: CostSide | None = None
    new: CostSide | None = None
    change_usd_per_hour: float
    change_usd_per_month: float = Field(description="730 hours")
    reasons: tuple[Reason, ...]


class Totals(Part):
    """The totals of one of the two bills. `refused` says why it has no total."""

    name: str = Field(description="the run, or the stack as it stands")
    usd_per_hour: float | None
    usd_per_month: float | None = Field(description="730 hours")
    price_date: date | None = None
    unpriced: int = Field(ge=0, description="resources without a price, which no total contains")
    refused: str | None = None


class Difference(Record):
    """`difference.json`. The changes sum to the change of the total; there is none where a side has no total."""

    file_name: ClassVar[str] = "difference.json"

    old: Totals
    new: Totals
    change_usd_per_hour: float | None
    change_usd_per_month: float | None = Field(description="730 hours")
    change_share: float | None = Field(description="of the old total; null where that is 0 or one side has no total")
    peak_usd_per_hour: float | None = Field(
        description="highest cost while the update runs, with replaced and removed resources until its end; "
        "null if it is not known which resources are replaced"
    )
    replaced_resources: tuple[str, ...] = Field(default=(), description="resources of which old and new exist at the same time")
    changes: tuple[LineChange, ...]
    unchanged: int = Field(ge=0, description="lines that are the same on both sides; free ones are not counted")
    refused: str | None = Field(default=None, description="the side without a total, and why")
