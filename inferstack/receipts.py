"""receipt.json: what a removal comes to, what the run cost, and how a second `down` keeps the proof of the first."""

from __future__ import annotations

from datetime import datetime

from inferstack.removal import Removal
from inferstack.run_cost import cost
from inferstack.workdir import Run, StackRecord
from records.errors import InferstackError
from records.receipt import Receipt

__all__ = ["cost", "write"]


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
        unknown=tuple(removal.unknown),
        gone_before=tuple(one for one in removal.gone_before if earlier is None or one.id not in {item.id for item in earlier.deleted}),
        nodes=tuple(removal.nodes),
        swept_by=removal.swept_by,
        cost=cost(run, record, now=removal.clock or now, removal=removal),
    )
    run.write(receipt)
    return receipt


def _earlier(run: Run) -> Receipt | None:
    try:
        return run.read(Receipt) if run.has(Receipt) else None
    except InferstackError:
        return None
