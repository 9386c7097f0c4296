"""Contents for the tests: the records of one rehearsed demo, kept as they were, and a curve of its plan."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from inferstack.records.comparison import Comparison
from inferstack.records.curve import Curve
from inferstack.records.measurement import Measurement, Verdict
from inferstack.records.plan import Plan
from inferstack.records.preview import Preview
from inferstack.records.receipt import Receipt
from inferstack.report.contents import Contents

DATA = Path(__file__).parent / "data"
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def plan() -> Plan:
    return Plan.read(DATA / "plan.json")


def whole() -> Contents:
    return Contents(
        plan=plan(),
        made_at=NOW,
        stack="demo",
        run="20261127T040956Z-7c3e1f",
        rehearsal=True,
        bill=Preview.read(DATA / "preview.json").bill,
        comparison=Comparison.read(DATA / "comparison.json"),
        curve=Curve.model_validate_json((DATA / "curve.json").read_text()),
        measurement=Measurement.read(DATA / "measurement.json"),
        verdict=Verdict.read(DATA / "verdict.json"),
        receipt=Receipt.read(DATA / "receipt.json"),
    )


def bare() -> Contents:
    """A plan and nothing else."""
    return Contents(plan=plan(), made_at=NOW)
