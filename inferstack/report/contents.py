"""What a page is made of: the records of one run; what is absent has no section, and the page says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from inferstack.records.comparison import Comparison
from inferstack.records.curve import Curve
from inferstack.records.measurement import Measurement, Verdict
from inferstack.records.plan import Plan
from inferstack.records.preview import Bill
from inferstack.records.receipt import Receipt


@dataclass(frozen=True)
class Contents:
    """`made_at` is when the page was asked for; ages of prices count from it. `stack` and `run` name where the records lie."""

    plan: Plan
    made_at: datetime
    stack: str | None = None
    run: str | None = None
    rehearsal: bool = False
    bill: Bill | None = None
    curve: Curve | None = None
    comparison: Comparison | None = None
    measurement: Measurement | None = None
    verdict: Verdict | None = None
    receipt: Receipt | None = None
