"""receipt.json: what a removal comes to, what the run cost, and how a second `down` keeps the proof of the first."""

from __future__ import annotations

from datetime import datetime

from inferstack.chain.removal import Removal
from inferstack.chain.run_cost import cost
from inferstack.records.errors import InferstackError
from inferstack.records.receipt import Receipt
from inferstack.stack.workdir import Run, StackRecord

__all__ = ["cost", "earlier", "write"]


def write(run: Run, record: StackRecord, removal: Removal, *, now: datetime) -> Receipt:
    """A `down` that finds nothing more leaves an earlier receipt as it is."""
    before = earlier(run)
    if before and not removal.deleted and not removal.left and not before.left:
        return before
    nodes = {one.instance_id: one for one in (*(before.nodes if before else ()), *removal.nodes)}
    removal.nodes = list(nodes.values())
    receipt = Receipt(
        created_at=now,
        stack=record.stack,
        rehearsal=record.rehearsal,
        state_was_found=removal.state_was_found,
        deleted=tuple({(one.type, one.id): one for one in (*(before.deleted if before else ()), *removal.deleted)}.values()),
        kept=tuple(removal.kept),
        left=tuple(removal.left),
        unknown=tuple(removal.unknown),
        gone_before=tuple(one for one in removal.gone_before if before is None or one.id not in {item.id for item in before.deleted}),
        nodes=tuple(removal.nodes),
        swept_by=removal.swept_by,
        cost=cost(run, record, now=removal.clock or now, removal=removal, before=before),
    )
    run.write(receipt)
    return receipt


def earlier(run: Run) -> Receipt | None:
    """Return the receipt of an earlier `down` of the run; one that cannot be read is none."""
    try:
        return run.read(Receipt) if run.has(Receipt) else None
    except InferstackError:
        return None
