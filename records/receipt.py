"""Receipt: what `down` deleted, what it kept on purpose, what is left, and what the run cost."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pydantic import Field

from records.record import Part, Record


class Item(Part):
    type: str
    id: str
    name: str = ""
    note: str = Field("", description="found by tag, by recorded id, by name; or why it was kept")


class RunCost(Part):
    """An estimate from dated list prices and the time between first create and last delete."""

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
    swept_by: dict[str, int] = Field(description="tag, id, name -> how many resources each way found after the destroy")
    cost: RunCost
