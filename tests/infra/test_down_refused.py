"""A whole `down` (repair, destroy, sweep, receipt) under a refused list call: no GPU is left, and what is unknown is said."""

from __future__ import annotations

import io
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from test_sweep import STACK
from test_sweep_refused import DENIED, THROTTLED, Rounds, answered, furnish, gpus

from inferstack.chain import receipt as receipts
from inferstack.chain import teardown
from inferstack.cli.screen import Screen
from inferstack.records.receipt import Receipt
from inferstack.stack.workdir import Run, StackRecord
from infra.calls.aws import Aws, refused
from infra.leftovers import sweep
from stacks.engine import repair as engine_repair

NOW = datetime.now(UTC)


class Engine:
    """An engine with an empty state, whose provider is refused the same calls: repair is the real one."""

    name = STACK

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def select(self) -> bool:
        return True

    def recorded_ids(self) -> tuple[()]:
        return ()

    def repair(self, aws: Aws, **_: Any) -> engine_repair.Repaired:
        return engine_repair.mended({}, aws, stack=STACK, lifted=False)[1]

    def destroy(self, **_: Any) -> None:
        try:
            self._aws.client("autoscaling").describe_auto_scaling_groups()
        except Exception as error:
            raise refused(error) from None


def down(aws: Aws, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Receipt:
    """As the verb does it, on a stack that is real as far as the records say."""
    log = SimpleNamespace(event=lambda *_, **__: None)
    command = SimpleNamespace(name=STACK, screen=Screen(out=io.StringIO()), log=log, now=lambda: NOW, workdir=SimpleNamespace(stacks=list))
    record = StackRecord(stack=STACK, rehearsal=False, region="us-east-1", base="b", created_at=NOW, built_at=NOW - timedelta(hours=1))
    world = SimpleNamespace(now=lambda: NOW)
    base = SimpleNamespace(select=lambda: False)
    stacks = SimpleNamespace(record=record, aws=aws, cluster=Engine(aws), base=base, command=command, world=world)
    monkeypatch.setattr(teardown, "Stacks", lambda *_: stacks)
    rounds = Rounds()
    monkeypatch.setattr(sweep, "time", rounds)
    monkeypatch.setattr(sweep, "DEADLINE_S", 2.5)
    monkeypatch.setitem(sweep.sweep.__kwdefaults__, "sleep", rounds.sleep)
    monkeypatch.setitem(sweep.sweep.__kwdefaults__, "deadline_s", 2.5)

    @contextmanager
    def step(name: str) -> Any:
        yield SimpleNamespace(item=lambda *_: None)

    run = Run(folder)
    removal = teardown.remove(SimpleNamespace(command=command, step=step), world, run)  # type: ignore[arg-type]
    return receipts.write(run, record, removal, now=NOW)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("autoscaling.DescribeAutoScalingGroups", DENIED),
        ("ec2.DescribeInstances", DENIED),
        ("secretsmanager.ListSecrets", DENIED),
        ("logs.DescribeLogGroups", THROTTLED),
    ],
)
def test_a_whole_down_leaves_no_gpu_whatever_it_may_not_list(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: str
) -> None:
    """The verb exits 1 because of `left`; the receipt names the kind as unknown with AWS's reason."""
    furnish(aws)
    with answered(aws, lambda name: code if name == call else None):
        receipt = down(aws, tmp_path, monkeypatch)
    assert [] == gpus(aws)
    assert receipt.left
    assert all(code in one.note for one in receipt.unknown)
    assert receipt.unknown
    assert {one.type for one in receipt.unknown} <= {one.type for one in receipt.left}
