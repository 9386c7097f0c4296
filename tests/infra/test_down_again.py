"""A `down` that AWS did not show everything forgets nothing: a second one ends what is left, and only then is the stack taken down."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from test_down_refused import Engine
from test_sweep import STACK
from test_sweep_refused import DENIED, Rounds, answered, furnish, gpus

from inferstack.chain import teardown
from inferstack.cli.command import Command
from inferstack.cli.screen import Screen
from inferstack.records.outputs import RecordedId
from inferstack.records.receipt import Receipt
from inferstack.stack import keys, world
from inferstack.stack.workdir import StackRecord, Workdir
from inferstack.verbs import down
from infra.calls.aws import Aws
from infra.leftovers import sweep
from tests.inferstack.test_receipts import outputs, preview

STANDS_FOR = timedelta(hours=2)
ADDRESS, SECRET, ROLE = "aws:ec2/eip:Eip", "aws:secretsmanager/secret:Secret", "aws:iam/role:Role"


class State(Engine):
    """What the first `down` destroyed is out of the engine's state: a second one learns of it from outputs.json alone."""


@pytest.fixture
def at(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """A stack that is real as far as its records say; beside what carries its tag an address that has lost it."""
    command = Command("down", STACK, Screen(yes=True, out=io.StringIO(), err=io.StringIO()), Workdir(tmp_path), {})
    stack = command.stack
    built = datetime.now(UTC) - STANDS_FOR
    run = stack.new_run(built)
    stack.write(StackRecord(
        stack=STACK, rehearsal=False, region="us-east-1", base="b", created_at=built, account_id="0" * 12,
        expires_at=built + timedelta(days=1), built_at=built, built_run=run.name,
    ))  # fmt: skip
    furnish(aws)
    address = aws.client("ec2").allocate_address(Domain="vpc")["AllocationId"]
    run.write(outputs(usd_per_hour=3.0).replaced(stack=STACK, recorded_ids=(RecordedId(type=ADDRESS, id=address, name="nat"),)))
    run.write(preview({ADDRESS: 1.0, SECRET: 2.0}))
    (stack.folder / keys.PRIVATE).write_text("key")

    here = SimpleNamespace(now=lambda: datetime.now(UTC), aws=lambda: aws)
    base = SimpleNamespace(select=lambda: False)

    class Stacks:
        def __init__(self, command: Command, *_: Any) -> None:
            self.command, self.aws, self.cluster, self.base, self.world = command, aws, State(aws), base, here
            self.record = command.stack.record()

    @contextmanager
    def opened(*_: Any) -> Iterator[Any]:
        yield here

    monkeypatch.setattr(teardown, "Stacks", Stacks)
    monkeypatch.setattr(world, "opened", opened)
    rounds = Rounds()
    monkeypatch.setattr(sweep, "time", rounds)
    monkeypatch.setitem(sweep.sweep.__kwdefaults__, "sleep", rounds.sleep)
    monkeypatch.setitem(sweep.sweep.__kwdefaults__, "deadline_s", 2.5)
    yield command


def receipt(at: Command) -> Receipt:
    run = at.stack.standing()
    assert run is not None
    return run.read(Receipt)


@pytest.mark.parametrize(
    "call", ["ec2.DescribeAddresses", "secretsmanager.ListSecrets", "ec2.DescribeInstances", "autoscaling.DescribeAutoScalingGroups"]
)
def test_a_second_down_converges_from_what_the_first_could_not_see(aws: Aws, at: Command, call: str) -> None:
    """Exit 1 and everything kept that a second one needs; then 0 left, exit 0, and the stack is one that is not built."""
    built = at.stack.record().built_at
    with answered(aws, lambda name: DENIED if name == call else None):
        assert 1 == down.take_down(at)
    first = receipt(at)
    assert first.unknown and {one.type for one in first.unknown} <= {one.type for one in first.left}
    record = at.stack.record()
    assert built and built == record.built_at and record.built_run and record.expires_at
    assert (at.stack.folder / keys.PRIVATE).exists()

    assert 0 == down.take_down(at)
    second = receipt(at)
    assert ((), ()) == (second.left, second.unknown)
    assert {(one.type, one.id) for one in second.deleted} >= {(one.type, one.id) for one in first.deleted}
    assert [] == gpus(aws)
    assert [] == aws.client("ec2").describe_addresses()["Addresses"], "what only outputs.json names is released too"
    assert [] == aws.client("secretsmanager").list_secrets()["SecretList"]
    assert (None, None) == (at.stack.record().built_at, at.stack.record().built_run)
    assert not (at.stack.folder / keys.PRIVATE).exists()


def test_a_third_down_changes_nothing(aws: Aws, at: Command) -> None:
    """The proof stays as it is, byte by byte."""
    with answered(aws, lambda name: DENIED if name == "ec2.DescribeAddresses" else None):
        down.take_down(at)
    down.take_down(at)
    proof = json.loads(receipt(at).model_dump_json())
    assert 0 == down.take_down(at)
    assert proof == json.loads(receipt(at).model_dump_json())


def test_the_second_receipt_goes_on_counting_what_the_first_one_ended(aws: Aws, at: Command) -> None:
    """Its cost is not that of the leftovers alone: what ended with the first `down` cost until then."""
    with answered(aws, lambda name: DENIED if name == "ec2.DescribeAddresses" else None):
        down.take_down(at)
    first = receipt(at)
    assert SECRET in {one.type for one in first.deleted}
    down.take_down(at)
    second = receipt(at)
    assert first.cost.usd and second.cost.usd
    assert first.cost.usd == pytest.approx(6.0, rel=0.05)
    assert second.cost.usd == pytest.approx(6.0, rel=0.05)
