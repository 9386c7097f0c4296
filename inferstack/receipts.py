"""receipt.json: what a removal comes to, what the run cost, and how a second `down` keeps the proof of the first."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from inferstack.workdir import Run, StackRecord
from records.errors import InferstackError
from records.outputs import ClusterOutputs
from records.plan import Plan
from records.preview import Preview
from records.receipt import Receipt, RunCost

if TYPE_CHECKING:
    from inferstack.teardown import Removal

REHEARSED = "a rehearsal costs nothing; this is what the same would have cost on AWS: "
BASIS = "list prices from the first create to the last delete; what is billed by usage is not in it"


def write(run: Run, record: StackRecord, removal: Removal, *, now: datetime) -> Receipt:
    """A `down` that finds nothing more leaves an earlier receipt as it is."""
    earlier = _earlier(run)
    if earlier and not removal.deleted and not removal.left and not earlier.left:
        return earlier
    receipt = Receipt(
        created_at=now,
        stack=record.stack,
        rehearsal=record.rehearsal,
        state_was_found=removal.state_was_found,
        deleted=tuple({(one.type, one.id): one for one in (*(earlier.deleted if earlier else ()), *removal.deleted)}.values()),
        kept=tuple(removal.kept),
        left=tuple(removal.left),
        swept_by=removal.swept_by,
        cost=cost(run, record, now=now),
    )
    run.write(receipt)
    return receipt


def cost(run: Run, record: StackRecord, *, now: datetime) -> RunCost:
    per_hour, price_date = _price(run)
    hours = (now - record.built_at).total_seconds() / 3600 if record.built_at else 0.0
    if record.built_at is None:
        return RunCost(usd=0.0, hours=0.0, usd_per_hour=per_hour, price_date=price_date, note="nothing was built")
    note = (REHEARSED if record.rehearsal else "") + BASIS
    usd = None if per_hour is None else per_hour * hours
    return RunCost(usd=usd, hours=hours, usd_per_hour=per_hour, price_date=price_date, note=note)


def _price(run: Run) -> tuple[float | None, str | None]:
    """The whole cluster's if a bill was made, else the instances' alone."""
    try:
        if run.has(ClusterOutputs):
            outputs = run.read(ClusterOutputs)
            if outputs.estimated_usd_per_hour is not None:
                return outputs.estimated_usd_per_hour, outputs.price_date
        if run.has(Preview):
            bill = run.read(Preview).bill
            return bill.usd_per_hour, str(bill.price_date) if bill.price_date else None
        if run.has(Plan):
            plan = run.read(Plan)
            return plan.usd_per_hour, str(plan.price_date)
    except InferstackError:
        pass
    return None, None


def _earlier(run: Run) -> Receipt | None:
    try:
        return run.read(Receipt) if run.has(Receipt) else None
    except InferstackError:
        return None
