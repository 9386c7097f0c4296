"""The programs of `examples/bills`, and a bill of any change of one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from inferstack.pricing.bill import programs, usage
from inferstack.pricing.bill.bill import bill
from inferstack.pricing.bill.registration import Registration
from inferstack.records.preview import Bill

FOLDER = Path(__file__).parents[2] / "examples" / "bills"
CASES = sorted(path.parent.name for path in FOLDER.glob("*/README.md"))


@dataclass(frozen=True)
class Example:
    name: str
    registrations: tuple[Registration, ...]
    region: str
    hours: float | None
    used: usage.Usage

    def billed(self, *, used: usage.Usage | None = None, hours: float | None = None) -> Bill:
        taken = self.used if used is None else used
        return bill(self.registrations, region=self.region, hours_until_expiry=hours or self.hours, usage=taken)

    def changed(self, one: Registration, **fields: Any) -> Example:
        """With another in the place of one of its resources."""
        return replace(self, registrations=tuple(replace(one, **fields) if found is one else found for found in self.registrations))


@cache
def example(name: str) -> Example:
    program = programs.read(FOLDER / name / "registrations.json")
    file = FOLDER / name / usage.FILE_NAME
    assert program.region
    used = usage.read(file) if file.exists() else usage.Usage()
    return Example(name, program.registrations, program.region, program.hours_until_expiry, used)


def figures(found: Bill) -> tuple[Any, ...]:
    """Everything of a bill that is money, or the lack of it."""
    totals = (found.usd_per_hour, found.usd_per_month, found.usd_until_expiry, found.usd_per_hour_min, found.usd_per_hour_max)
    return (*totals, found.usd_once, found.assumed_usd_per_month, found.refused, tuple(found.resources_by_bucket.items()))
