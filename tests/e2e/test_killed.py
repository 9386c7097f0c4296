"""Any step may be killed; the next command converges, and `down` leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from tests.e2e import leftovers
from tests.e2e.conftest import PLAN, Checkout, wait_for

pytestmark = pytest.mark.e2e

# Seconds after the first printed line. They fall into plan, preview, base, cluster, hosts, configure and bench on a machine of two cores.
MOMENTS_S = (0.0, 3.0, 9.0, 18.0, 33.0)


@pytest.mark.parametrize("after_s", MOMENTS_S)
def test_a_demo_killed_at_any_moment_is_taken_down_without_a_trace(checkout: Checkout, after_s: float) -> None:
    """SIGKILL of `inferstack demo`, then `inferstack down`: no process, mount, bridge, resource; `left` is empty."""
    process = checkout.start("demo", "--yes")
    wait_for(lambda: (checkout.folder / "started.log").stat().st_size, within_s=30, what="the first line")
    time.sleep(after_s)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    checkout.run("down", "--stack", "demo", "--yes")
    receipt = json.loads((checkout.work("demo", "current") / "receipt.json").read_text())
    assert [] == receipt["left"]
    assert {} == checkout.left_on_this_machine()


def test_an_up_killed_in_the_middle_converges_without_a_duplicate(checkout: Checkout) -> None:
    """SIGKILL while resources are being created, then `up` again: one of each."""
    kill_up_while_creating(checkout, "killed")
    checkout.run("up", "--stack", "killed", "--yes")
    found = leftovers.in_the_embedded_aws(checkout.endpoint(), "killed")
    kinds = [entry.split()[0] for entry in found]
    for kind in ("group", "nat", "launch", "log", "secret"):
        assert 1 == kinds.count(kind), found
    checkout.run("down", "--stack", "killed", "--yes")
    assert {} == checkout.left_on_this_machine()


def test_an_up_killed_in_the_middle_is_taken_down_whole(checkout: Checkout) -> None:
    """SIGKILL while resources are being created, then `down`, looked at from outside."""
    checkout.run("plan", "--stack", "keeper", "--rehearse", *PLAN)
    checkout.run("up", "--stack", "keeper", "--yes")
    kill_up_while_creating(checkout, "killed")
    checkout.run("down", "--stack", "killed", "--yes")
    assert [] == leftovers.in_the_embedded_aws(checkout.endpoint(), "killed")
    checkout.run("down", "--stack", "keeper", "--yes")


def test_with_the_state_file_deleted_down_still_finds_and_removes_everything(checkout: Checkout) -> None:
    """The sweep needs no state: by tag, by recorded id, by name."""
    checkout.run("plan", "--stack", "keeper", "--rehearse", *PLAN)
    checkout.run("up", "--stack", "keeper", "--yes")
    checkout.run("plan", "--stack", "lost", "--rehearse", *PLAN)
    checkout.run("up", "--stack", "lost", "--yes")
    state = checkout.work("sandbox", "state", ".pulumi", "stacks", "inferstack")
    for path in state.glob("lost.json*"):
        path.unlink()
    assert not (state / "lost.json").exists()
    assert leftovers.in_the_embedded_aws(checkout.endpoint(), "lost")
    checkout.run("down", "--stack", "lost", "--yes")
    receipt = json.loads((checkout.work("lost", "current") / "receipt.json").read_text())
    assert receipt["deleted"] and not receipt["left"]
    assert [] == leftovers.in_the_embedded_aws(checkout.endpoint(), "lost")
    checkout.run("down", "--stack", "keeper", "--yes")
    assert {} == checkout.left_on_this_machine()


def test_when_the_embedded_aws_died_the_next_command_says_so_and_clears_up(checkout: Checkout) -> None:
    """A dead daemon means a lost rehearsal: said in one line, its hosts and records cleared."""
    checkout.run("plan", "--stack", "gone", "--rehearse", *PLAN)
    checkout.run("up", "--stack", "gone", "--yes")
    daemon = checkout.daemon()
    assert daemon is not None
    os.kill(daemon["pid"], signal.SIGKILL)
    done = checkout.run("down", "--stack", "gone", "--yes")
    assert "lost" in (done.stdout + done.stderr).lower()
    assert {} == checkout.left_on_this_machine()


def kill_up_while_creating(checkout: Checkout, stack: str) -> None:
    checkout.run("plan", "--stack", stack, "--rehearse", *PLAN)
    process = checkout.start("up", "--stack", stack, "--yes", "--fault", "SlowCreate@NatGateway")
    state = checkout.work("sandbox", "state", ".pulumi", "stacks", "inferstack", f"{stack}.json")
    wait_for(lambda: state.exists() and "aws:ec2/eip:Eip" in state.read_text(), within_s=120, what="the address of the NAT gateway")
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
