"""The receipt: what it comes to, what the run cost, and that a second `down` keeps the proof of the first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inferstack.chain import receipt
from inferstack.chain.removal import Removal
from inferstack.records.outputs import ClusterOutputs, RecordedId
from inferstack.records.preview import Bill, BilledResource, Preview
from inferstack.records.receipt import Item, NodeLife
from inferstack.stack.workdir import Run, StackRecord
from infra.leftovers.sweep import SweepResult

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GROUP = Item(type="aws:autoscaling/group:Group", id="g", name="g")


SECRET = "aws:secretsmanager/secret:Secret"


def outputs(*, usd_per_hour: float) -> ClusterOutputs:
    names = ("stack", "base_stack", "region", "autoscaling_group_name", "launch_template_id", "schedule_group_name", "log_group_name")
    names += ("node_role_name", "security_group_id", "weights_bucket", "kms_key_arn", "api_key_secret_arn", "endpoint_hostname", "ami_id")
    given = {"rehearsal": True, "account_id": "0" * 12, "expires_at": NOW, "created_at": NOW, "egress": "nat"}
    return ClusterOutputs(**dict.fromkeys(names, "x"), **given, estimated_usd_per_hour=usd_per_hour, price_date="2026-07-20")


def preview(rates: dict[str, float]) -> Preview:
    """A bill of one resource a type."""
    resources = tuple(
        BilledResource(
            resource=f"{kind}::x",
            resource_type=kind,
            name="x",
            bucket="priced",
            lines=1,
            usd_per_hour=rate,
            usd_per_month=0.0,
            assumed_usd_per_month=0.0,
        )
        for kind, rate in rates.items()
    )
    total = sum(rates.values())
    none = {"usd_per_month": None, "usd_until_expiry": None, "hours_until_expiry": None, "price_date": None, "resources_by_bucket": {}}
    bill = Bill(region="us-east-1", lines=(), resources=resources, usd_per_hour=total, **none)
    return Preview(created_at=NOW, stack="a", base_stack="a-base", rehearsal=True, changes=(), bill=bill)


def record(built_at: datetime | None = NOW - timedelta(hours=2)) -> StackRecord:
    return StackRecord(stack="a", rehearsal=True, region="us-east-1", base="a-base", created_at=NOW, built_at=built_at)


def test_a_second_down_that_finds_nothing_keeps_the_first_receipt(tmp_path: Path) -> None:
    """The proof of what was deleted is never overwritten with an empty one."""
    run = Run(tmp_path)
    first = receipt.write(run, record(), Removal(deleted=[GROUP]), now=NOW)
    again = receipt.write(run, record(built_at=None), Removal(), now=NOW + timedelta(hours=1))
    assert first == again
    assert (GROUP,) == again.deleted


def test_what_an_earlier_down_left_and_a_later_one_removes_ends_as_deleted(tmp_path: Path) -> None:
    """Each resource once."""
    run = Run(tmp_path)
    receipt.write(run, record(), Removal(left=[GROUP]), now=NOW)
    again = receipt.write(run, record(), Removal(deleted=[GROUP]), now=NOW)
    assert ((GROUP,), ()) == (again.deleted, again.left)


def test_what_was_never_built_cost_nothing(tmp_path: Path) -> None:
    """No hours, no dollars, and it says why."""
    cost = receipt.cost(Run(tmp_path), record(built_at=None), now=NOW)
    assert (0.0, 0.0, "nothing was built") == (cost.usd, cost.hours, cost.note)


def test_without_a_price_the_cost_is_unknown_and_not_zero(tmp_path: Path) -> None:
    """Nothing is silent."""
    cost = receipt.cost(Run(tmp_path), record(), now=NOW)
    assert (None, 2.0) == (cost.usd, cost.hours)
    assert "a rehearsal costs nothing" in cost.note


def test_a_run_is_not_charged_for_hours_after_the_reaper_ended_its_nodes(tmp_path: Path) -> None:
    """Built three days ago with an expiry of four hours: four hours, at the rate of the outputs."""
    run = Run(tmp_path)
    run.write(outputs(usd_per_hour=1.7321))
    built = NOW - timedelta(days=3)
    cost = receipt.cost(run, record(built).replaced(expires_at=built + timedelta(hours=4)), now=NOW)
    assert (6.9284, 4.0) == (pytest.approx(cost.usd), cost.hours)


def test_each_part_is_charged_until_its_own_end(tmp_path: Path) -> None:
    """Nodes until expiry, gateway ten minutes longer, its address twenty-five, the secret until it was deleted."""
    run = Run(tmp_path)
    rates = {"aws:autoscaling/group:Group": 10.0, "aws:ec2/natGateway:NatGateway": 1.0, "aws:ec2/eip:Eip": 1.0, SECRET: 0.1}
    run.write(preview(rates))
    built = NOW - timedelta(hours=20)
    cost = receipt.cost(run, record(built).replaced(expires_at=built + timedelta(hours=4)), now=NOW)
    assert cost.usd == pytest.approx(10 * 4 + (4 + 10 / 60) + (4 + 25 / 60) + 0.1 * 20)


def test_nodes_are_charged_for_the_time_that_aws_says_they_ran(tmp_path: Path) -> None:
    """Not from the first create, which may be an hour before the first node."""
    run = Run(tmp_path)
    run.write(preview({"aws:autoscaling/group:Group": 10.0}))
    ran = NodeLife(instance_id="i-0a", began=NOW - timedelta(minutes=90), ended=NOW - timedelta(minutes=60))
    cost = receipt.cost(run, record(), now=NOW, removal=Removal(nodes=[ran], deleted=[GROUP]))
    assert (5.0, 0.5) == (pytest.approx(cost.usd), cost.hours)


def test_what_was_never_seen_is_not_charged(tmp_path: Path) -> None:
    """An `up` that was killed before it made the gateway owes nothing for one."""
    run = Run(tmp_path)
    run.write(preview({"aws:ec2/natGateway:NatGateway": 1.0, SECRET: 0.1}))
    removal = Removal(deleted=[Item(type=SECRET, id="s")])
    assert receipt.cost(run, record(), now=NOW, removal=removal).usd == pytest.approx(0.2)


def test_who_removed_what_was_gone_is_said_only_as_far_as_it_is_known() -> None:
    """A schedule that was due is named with its time; anything else was somebody else."""
    removal, expired = Removal(), NOW - timedelta(minutes=12)
    recorded = [RecordedId(type=kind, id=kind, name="") for kind in ("aws:ec2/natGateway:NatGateway", "aws:ec2/eip:Eip")]
    removal.was_gone(recorded, expires_at=expired, now=NOW)
    notes = [item.note for item in removal.gone_before]
    assert "the reaper's schedule for it was due at 2026-11-23T11:58:00Z" in notes[0]
    assert "deleted by somebody else or by an earlier command" in notes[1]


def test_the_engine_is_named_only_for_what_it_said_it_deleted() -> None:
    """A recorded id is no deletion; what was gone before is not the engine's."""
    removal = Removal()
    recorded = [RecordedId(type=SECRET, id=name, name=name) for name in ("deleted", "gone", "untouched")]
    removal.was_gone(recorded[1:2], expires_at=None, now=NOW)
    removal.engine_deleted(recorded, [(SECRET, "deleted"), (SECRET, "gone")])
    assert [("deleted", "deleted by the engine")] == [(item.id, item.note) for item in removal.deleted]


def test_what_the_sweep_could_not_see_is_left_and_unknown() -> None:
    """And what the engine said of that kind was not checked again."""
    removal = Removal(deleted=[Item(type=SECRET, id="s", note="deleted by the engine")])
    hidden = Item(type=SECRET, id="unknown", note="not listed: permission: no")
    removal.swept(SweepResult((), (), (), {}, (hidden,)))
    assert ([hidden], [hidden]) == (removal.left, removal.unknown)
    assert removal.deleted[0].note.endswith("AWS did not list this kind")
