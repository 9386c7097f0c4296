"""The receipt: what it comes to, what the run cost, and that a second `down` keeps the proof of the first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from inferstack import receipts
from inferstack.teardown import Removal
from inferstack.workdir import Run, StackRecord
from records.receipt import Item

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GROUP = Item(type="aws:autoscaling/group:Group", id="g", name="g")


def record(built_at: datetime | None = NOW - timedelta(hours=2)) -> StackRecord:
    return StackRecord(stack="a", rehearsal=True, region="us-east-1", base="a-base", created_at=NOW, built_at=built_at)


def test_a_second_down_that_finds_nothing_keeps_the_first_receipt(tmp_path: Path) -> None:
    """The proof of what was deleted is never overwritten with an empty one."""
    run = Run(tmp_path)
    first = receipts.write(run, record(), Removal(deleted=[GROUP]), now=NOW)
    again = receipts.write(run, record(built_at=None), Removal(), now=NOW + timedelta(hours=1))
    assert first == again
    assert (GROUP,) == again.deleted


def test_what_an_earlier_down_left_and_a_later_one_removes_ends_as_deleted(tmp_path: Path) -> None:
    """Each resource once."""
    run = Run(tmp_path)
    receipts.write(run, record(), Removal(left=[GROUP]), now=NOW)
    again = receipts.write(run, record(), Removal(deleted=[GROUP]), now=NOW)
    assert ((GROUP,), ()) == (again.deleted, again.left)


def test_what_was_never_built_cost_nothing(tmp_path: Path) -> None:
    """No hours, no dollars, and it says why."""
    cost = receipts.cost(Run(tmp_path), record(built_at=None), now=NOW)
    assert (0.0, 0.0, "nothing was built") == (cost.usd, cost.hours, cost.note)


def test_without_a_price_the_cost_is_unknown_and_not_zero(tmp_path: Path) -> None:
    """Nothing is silent."""
    cost = receipts.cost(Run(tmp_path), record(), now=NOW)
    assert (None, 2.0) == (cost.usd, cost.hours)
    assert "a rehearsal costs nothing" in cost.note
