"""Every record by the file of a run directory that holds it."""

from __future__ import annotations

from pathlib import Path

from records.comparison import Comparison, OwnedRequest
from records.configured import Configured, Inventory
from records.difference import Difference
from records.fleet import FleetPlan, FleetRequest
from records.measurement import Measurement, Verdict
from records.outputs import ClusterOutputs
from records.plan import Plan
from records.preview import Preview
from records.receipt import Receipt
from records.record import Record
from records.registrations import BillRecord, Registrations
from records.request import Request
from records.simulation import Simulation

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


def read_any(path: Path) -> Record:
    """The record that the file's name says it is. Raises KeyError for a name that is none."""
    return {record.file_name: record for record in RECORDS}[path.name].read(path)
