"""Any step may be killed; the next command converges, and `down` leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import leftovers
from tests.e2e.conftest import PLAN, Checkout, a_checkout, wait_for

pytestmark = pytest.mark.e2e

# What the demo says last before it is killed, and how long it then goes on.
MOMENTS = {
    "at its first line": ("inferstack demo", 0.0),
    "while the base is made": ("base ...", 3.0),
    "while nodes are configured": ("configure ...", 6.0),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout in which another rehearsal keeps the embedded AWS alive, so that it can be looked into after `down`."""
    with a_checkout(tmp_path_factory.mktemp("kept")) as made:
        made.run("plan", "--stack", "keeper", "--rehearse", *PLAN)
        made.run("preview", "--stack", "keeper")
        yield made


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_demo_killed_at_any_moment_is_taken_down_without_a_trace(checkout: Checkout, moment: str) -> None:
    """SIGKILL of `inferstack demo`, then `inferstack down`: no process, mount, bridge, resource; `left` is empty."""
    line, more_s = MOMENTS[moment]
    process = checkout.start("demo", "--yes")
    wait_for(lambda: line in (checkout.folder / "started.log").read_text(), within_s=120, what=line)
    time.sleep(more_s)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    checkout.run("down", "--stack", "demo", "--yes")
    assert [] == receipt_of(checkout, "demo")["left"]
    assert {} == checkout.left_on_this_machine()


def test_an_up_killed_in_the_middle_converges_without_a_duplicate(kept: Checkout) -> None:
    """SIGKILL while resources are being created, then `up` again: one of each; then nothing, looked at from outside."""
    kill_up_while_creating(kept, "killed")
    assert leftovers.in_the_embedded_aws(kept.endpoint(), kept.access_key(), "killed"), "it must have been killed with something made"
    kept.run("up", "--stack", "killed", "--yes")
    kinds = [entry.split()[0] for entry in leftovers.in_the_embedded_aws(kept.endpoint(), kept.access_key(), "killed")]
    planned = json.loads((kept.work("killed", "current") / "plan.json").read_text())["instance_count"]
    wanted = {"group": 1, "nat": 1, "address": 1, "launch": 1, "secret": 1, "instance": planned}
    assert wanted == {kind: kinds.count(kind) for kind in wanted}
    kept.run("down", "--stack", "killed", "--yes")
    assert [] == leftovers.in_the_embedded_aws(kept.endpoint(), kept.access_key(), "killed")


def test_an_up_killed_in_the_middle_is_taken_down_whole(kept: Checkout) -> None:
    """SIGKILL while resources are being created, then `down`, looked at from outside."""
    kill_up_while_creating(kept, "killed")
    kept.run("down", "--stack", "killed", "--yes")
    assert [] == receipt_of(kept, "killed")["left"]
    assert [] == leftovers.in_the_embedded_aws(kept.endpoint(), kept.access_key(), "killed")


def test_with_the_state_file_deleted_down_still_finds_and_removes_everything(kept: Checkout) -> None:
    """The sweep needs no state: by tag, by recorded id, by name."""
    build_with_plain_pulumi(kept, "lost")
    state = state_file(kept, "lost")
    for path in state.parent.glob("lost.json*"):
        path.unlink()
    assert len(leftovers.in_the_embedded_aws(kept.endpoint(), kept.access_key(), "lost")) > 10
    kept.run("down", "--stack", "lost", "--yes")
    receipt = receipt_of(kept, "lost")
    assert len(receipt["deleted"]) > 10 and not receipt["left"]
    assert [] == leftovers.in_the_embedded_aws(kept.endpoint(), kept.access_key(), "lost")


def test_when_the_embedded_aws_died_the_next_command_says_so_and_clears_up(checkout: Checkout) -> None:
    """A dead daemon means a lost rehearsal: said in one line, its hosts and records cleared."""
    build_with_plain_pulumi(checkout, "gone")
    daemon = checkout.daemon()
    assert daemon is not None
    os.kill(daemon["pid"], signal.SIGKILL)
    done = checkout.run("down", "--stack", "gone", "--yes")
    assert "lost" in (done.stdout + done.stderr).lower()
    assert {} == checkout.left_on_this_machine()


def build_with_plain_pulumi(checkout: Checkout, stack: str) -> None:
    checkout.run("plan", "--stack", stack, "--rehearse", *PLAN)
    checkout.run("preview", "--stack", stack)
    environment = checkout.pulumi_environment(stack)
    for name in (f"{stack}-base", stack):
        command = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", name]
        subprocess.run(command, cwd=checkout.folder, env=environment, check=True, capture_output=True, timeout=120)


def kill_up_while_creating(checkout: Checkout, stack: str) -> None:
    checkout.run("plan", "--stack", stack, "--rehearse", *PLAN)
    process = checkout.start("up", "--stack", stack, "--yes", "--fault", "SlowCreate@NatGateway")
    state = state_file(checkout, stack)
    wait_for(lambda: state.exists() and "aws:ec2/eip:Eip" in state.read_text(), within_s=120, what="the address of the NAT gateway")
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def state_file(checkout: Checkout, stack: str) -> Path:
    return checkout.work("sandbox", "state", ".pulumi", "stacks", "inferstack", f"{stack}.json")


def receipt_of(checkout: Checkout, stack: str) -> dict:
    """The newest one: it lies with the run that was built, which a later plan does not hide."""
    found = checkout.work(stack, "runs").glob("*/receipt.json")
    return dict(json.loads(max(found, key=lambda path: path.stat().st_mtime_ns).read_text()))
