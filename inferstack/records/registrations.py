"""Registrations: the resources of a program as a bill reads them, and the bill of them."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from pydantic import Field

from inferstack.records.preview import Bill
from inferstack.records.record import Part, Record


class Registered(Part):
    """One resource: its Pulumi type, its name, its inputs as the engine shows them, and which resources an input was taken from."""

    type: str = Field(min_length=1)
    name: str
    urn: str | None = Field(default=None, description="default: type::name")
    inputs: dict[str, Any] = Field(default_factory=dict)
    provider_region: str | None = Field(default=None, description="region of its provider, if not the region of the program")
    refs: dict[str, tuple[str, ...]] = Field(default_factory=dict, description="input -> URNs of the resources that it depends on")


class Registrations(Record):
    """`registrations.json`: a program without its engine."""

    file_name: ClassVar[str] = "registrations.json"

    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")
    hours_until_expiry: float | None = Field(default=None, gt=0)
    resources: tuple[Registered, ...]


class BillRecord(Record):
    """`bill.json`: what `inferstack bill` answers."""

    file_name: ClassVar[str] = "bill.json"

    priced_on: date = Field(description="day as of which the age of prices is judged")
    source: str = Field(description="the file that was priced")
    bill: Bill
