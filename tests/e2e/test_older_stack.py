"""A stack that an older version built is taken down by this one: its state, its records and its run folder are read as they lie there.

`data/stack-before-the-rooms.tar.gz` was recorded on 2026-11-30 with the last version before the modules moved into rooms: the folder of a
rehearsal with one node (ansible's own files left out, paths of the machine replaced) and the two files of Pulumi's state.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from tests.e2e.conftest import PLAN, Checkout

pytestmark = pytest.mark.e2e

RECORDED = Path(__file__).parent / "data" / "stack-before-the-rooms.tar.gz"
STACK = "before"


def test_a_stack_of_an_older_version_is_taken_down(checkout: Checkout, tmp_path: Path) -> None:
    """Its AWS has lost everything meanwhile: the engine goes through both states, nothing is left, and each thing is named as gone."""
    checkout.run("plan", "--stack", "keeper", "--rehearse", *PLAN)
    checkout.run("preview", "--stack", "keeper")  # opens the embedded AWS, in which nothing of the older stack is
    with tarfile.open(RECORDED) as recorded:
        recorded.extractall(tmp_path, filter="data")
    (tmp_path / "stack").rename(checkout.work(STACK))
    states = checkout.work("sandbox", "state", ".pulumi", "stacks", "inferstack")
    for file in (tmp_path / "state" / ".pulumi" / "stacks" / "inferstack").iterdir():
        file.rename(states / file.name)

    said = checkout.run("down", "--stack", STACK, "--yes").stdout
    assert "0 LEFT" in said and "destroy: done" in said and "base: done" in said
    receipt = json.loads(checkout.work(STACK, "current", "receipt.json").read_text())
    assert [] == receipt["left"]
    gone = {one["type"] for one in receipt["gone_before"]}
    assert {"aws:autoscaling/group:Group", "aws:ec2/natGateway:NatGateway", "aws:ec2/instance:Instance"} <= gone
    assert [] == list(states.glob(f"{STACK}*.json"))
    checkout.run("down", "--stack", "keeper", "--yes")
    assert {} == checkout.left_on_this_machine()
