"""Receipt: what `down` deleted, what it kept on purpose, what is left, and what the run cost."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pydantic import Field

from inferstack.records.record import Part, Record


class Item(Part):
    type: str
    id: str
    name: str = ""
    note: str = Field("", description="how it was found (tag, recorded id, name), or why it was kept")


class NodeLife(Part):
    """One instance of the group. `source` says what `began` and `ended` were read from."""

    instance_id: str
    began: datetime
    ended: datetime | None = Field(None, description="null while it runs")
    source: str = ""


class RunCost(Part):
    """An estimate from dated list prices and from the begin and the end of each resource that bills by the hour."""

    usd: float | None
    hours: float | None
    usd_per_hour: float | None
    price_date: str | None
    note: str


class Receipt(Record):
    """`receipt.json`. `left` is empty or `down` exits 1."""

    file_name: ClassVar[str] = "receipt.json"

    created_at: datetime
    stack: str
    rehearsal: bool
    state_was_found: bool
    deleted: tuple[Item, ...]
    kept: tuple[Item, ...]
    left: tuple[Item, ...]
    unknown: tuple[Item, ...] = Field((), description="kinds that AWS did not list, each with the reason; also listed in `left`")
    gone_before: tuple[Item, ...] = Field((), description="recorded, but already gone when this command checked")
    nodes: tuple[NodeLife, ...] = Field((), description="start and end of each node, as AWS reported them")
    swept_by: dict[str, int] = Field(description="tag, id, name -> number of resources that each found after the destroy")
    cost: RunCost
