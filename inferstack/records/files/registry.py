"""Every record by the file of a run directory that holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inferstack.records.comparison import Comparison, OwnedRequest
from inferstack.records.configured import Configured, Inventory
from inferstack.records.difference import Difference
from inferstack.records.fleet import FleetPlan, FleetRequest
from inferstack.records.measurement import Measurement, Verdict
from inferstack.records.outputs import ClusterOutputs
from inferstack.records.plan import Plan
from inferstack.records.preview import Preview
from inferstack.records.receipt import Receipt
from inferstack.records.record import Record
from inferstack.records.registrations import BillRecord, Registrations
from inferstack.records.request import Request
from inferstack.records.simulation import Simulation

LEAST_FIELDS = 2
"""Fewer fields say nothing of what a file is."""
RECORDS: tuple[type[Record], ...] = (
    Request,
    Plan,
    Preview,
    ClusterOutputs,
    Inventory,
    Configured,
    Measurement,
    Verdict,
    Receipt,
    Simulation,
    FleetRequest,
    FleetPlan,
    Comparison,
    OwnedRequest,
    Difference,
    Registrations,
    BillRecord,
)


def kind_of(content: Mapping[str, Any]) -> type[Record] | None:
    """The record whose fields these are, whatever the file is called; None where it is none, or more than one."""
    found = [kind for kind in RECORDS if _fits(kind, content)]
    return found[0] if len(found) == 1 else None


def _fits(kind: type[Record], content: Mapping[str, Any]) -> bool:
    needed = {name for name, field in kind.model_fields.items() if field.is_required()}
    return len(content.keys() - {"schema_version"}) >= LEAST_FIELDS and needed <= content.keys() <= kind.model_fields.keys()
