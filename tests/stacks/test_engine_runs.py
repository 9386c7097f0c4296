"""Base and cluster through the real engine against the embedded AWS: up, nothing to do, drift, kill, repair, lost state, down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from embedded import ROOT, World

from inferstack.records.errors import CloudRefused, InputError
from infra import naming
from infra.calls import nodes
from infra.calls.outputs import cluster_outputs
from infra.leftovers import sweep
from stacks.engine.run import Engine, EngineProgress

pytestmark = pytest.mark.engine

CHILD = """
import json, os, sys
from pathlib import Path
from stacks.engine.run import Engine
engine = Engine(Path(sys.argv[1]), sys.argv[2], dict(os.environ), Path(sys.argv[3]))
engine.up(on_event=lambda event: print(event.status, event.op, event.name, flush=True))
"""


@pytest.fixture
def engine(world: World) -> Engine:
    """A configured cluster stack, in whatever state the test before left it: an `up` brings it up."""
    world.sandbox.clear_faults()
    made = world.engine("x")
    made.select_or_create(world.cluster())
    return made


@pytest.fixture
def nothing(world: World, engine: Engine) -> Iterator[Engine]:
    """A configured cluster stack of which nothing exists."""
    if engine.recorded_ids():
        engine.destroy()
    assert {} == world.there()
    yield engine
    world.sandbox.clear_faults()
    engine.repair(world.aws)


def changed(events: list[EngineProgress]) -> list[tuple[str, str]]:
    return [(event.op, event.name) for event in events if event.op not in ("same", "read", "refresh")]


def test_up_again_changes_nothing_and_a_preview_says_the_price(world: World, nothing: Engine) -> None:
    """Outputs make a record; the bill of the preview is the program's own."""
    config = world.cluster()
    first = nothing.preview(config=config)
    outputs = nothing.up()
    record = cluster_outputs(outputs, recorded_ids=nothing.recorded_ids(), now=datetime.now(UTC))
    assert record.autoscaling_group_name == naming.group("x")
    assert outputs["estimatedUsdPerHour"] == pytest.approx(first.bill.usd_per_hour, abs=1e-4)
    assert {"create"} == {one.op for one in first.changes if one.type.startswith("aws:")}
    events: list[EngineProgress] = []
    nothing.up(on_event=events.append)
    assert [] == changed(events)
    assert {"same", "read"} == {one.op for one in nothing.preview(config=config).changes}


def test_drift_is_seen_by_a_refresh_and_mended(world: World, engine: Engine) -> None:
    """A tag changed by hand goes back to what the program says."""
    group = engine.up()["securityGroupId"]
    ec2 = world.aws.client("ec2")
    ec2.create_tags(Resources=[group], Tags=[{"Key": "by-hand", "Value": "yes"}])
    events: list[EngineProgress] = []
    engine.up(refresh=True, on_event=events.append)
    assert ("update", "node-access-group") in changed(events)
    tags = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["Tags"]
    assert "by-hand" not in {tag["Key"] for tag in tags}


def test_plain_pulumi_runs_the_same_program_on_the_same_state(world: World, engine: Engine) -> None:
    """`pulumi preview` after our own `up` has nothing to do and shows the cost."""
    engine.up()
    (world.folder / "stacks" / "__main__.py").write_text((ROOT / "stacks" / "__main__.py").read_text())
    done = subprocess.run(
        [world.cli, "preview", "--stack", "x", "--non-interactive", "--expect-no-changes", "--diff", "--show-sames"],
        cwd=world.folder,
        env=world.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    assert "warning" not in done.stdout + done.stderr


def test_what_vanished_is_made_again(world: World, engine: Engine) -> None:
    """The reaper, the sweep or a hand removed the group: the next `up` brings it back."""
    engine.up()
    world.aws.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=naming.group("x"), ForceDelete=True)
    assert ("nodes-group",) == engine.repair(world.aws).vanished
    engine.up()
    assert 1 == world.there()["aws:autoscaling/group:Group"]


def test_with_the_state_lost_the_sweep_removes_all_and_the_base_stays(world: World, engine: Engine) -> None:
    """By tag alone; an `up` on the lost state refuses to touch running nodes."""
    group = engine.up()["autoscalingGroupName"]
    base = len(world.engine("x-base").recorded_ids())
    nodes.scale(world.aws, group, 1)
    world.state().unlink()
    lost = world.engine("x")
    lost.select_or_create(world.cluster())
    with pytest.raises(InputError, match="does not contain inferstack-x-nodes, which has 1 node in it"):
        lost.repair(world.aws)
    result = sweep.sweep(world.aws, "x", deadline_s=60)
    assert () == result.left
    assert {} == world.there()
    assert base == len(world.engine("x-base").recorded_ids())
    assert not world.engine("x-base").repair(world.aws).anything


def test_a_killed_up_is_repaired_and_converges_without_a_duplicate(world: World, nothing: Engine) -> None:
    """SIGKILL while creates are in flight: lock and pending creates stay, repair adopts, `up` completes."""
    from inferstack.sandbox.control import FaultSpec

    world.sandbox.inject([FaultSpec.parse("SlowCreate")])
    child = begin(world)
    wait_for(child, "started create api-key")
    time.sleep(2)
    child.kill()
    child.wait()
    repaired = nothing.repair(world.aws)
    assert repaired.lock_lifted
    assert repaired.adopted
    world.sandbox.clear_faults()
    nothing.up()
    assert {1} == set(one_of_each(world.there()).values())
    events: list[EngineProgress] = []
    nothing.up(on_event=events.append)
    assert [] == changed(events)


def test_a_checkpoint_beside_which_a_kill_tore_the_attributes_is_read(world: World, engine: Engine) -> None:
    """Plain Pulumi ends in "failed to load checkpoint: EOF" there."""
    engine.up()
    world.state().with_name("x.json.attrs").write_text("")
    again = world.engine("x")
    assert again.select()
    assert again.outputs()["autoscalingGroupName"] == naming.group("x")


def test_an_interrupted_up_ends_cleanly_and_goes_on(world: World, nothing: Engine) -> None:
    """SIGINT once: what is in flight is finished and recorded; no lock, nothing pending."""
    from inferstack.sandbox.control import FaultSpec

    world.sandbox.inject([FaultSpec.parse("SlowCreate")])
    child = begin(world)
    wait_for(child, "started create api-key")
    os.kill(child.pid, signal.SIGINT)
    rest = child.communicate(timeout=60)[0]
    assert "Interrupted: stack x: stopped" in rest
    world.sandbox.clear_faults()
    assert not nothing.repair(world.aws).anything
    nothing.up()
    assert {1} == set(one_of_each(world.there()).values())


def test_a_killed_provider_leaves_an_orphan_that_the_repair_removes(world: World, nothing: Engine) -> None:
    """Neither state nor pending operations know it; without the repair the next create would clash with its name."""
    from inferstack.sandbox.control import FaultSpec

    world.sandbox.inject([FaultSpec.parse("ProviderKilled@LaunchTemplate")])
    with pytest.raises(CloudRefused, match="provider"):
        nothing.up()
    world.sandbox.clear_faults()
    nothing.repair(world.aws)
    nothing.up()
    assert {1} == set(one_of_each(world.there()).values())


def test_a_refusal_is_one_line_with_its_kind(world: World, nothing: Engine) -> None:
    """Permission, and the action that is missing."""
    from inferstack.sandbox.control import FaultSpec

    world.sandbox.inject([FaultSpec.parse("UnauthorizedOperation@CreateLaunchTemplate")])
    with pytest.raises(CloudRefused, match="permission") as told:
        nothing.up()
    assert ("permission", True) == (told.value.kind, "ec2:CreateLaunchTemplate" in told.value.hint)


def test_a_protected_base_refuses_in_one_line(world: World) -> None:
    """Weights are not removed by a slip."""
    with pytest.raises(InputError, match="stack x-base is protected"):
        world.engine("x-base").destroy()


def begin(world: World) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-c", CHILD, str(world.folder), "x", str(world.cli)],
        env=world.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(child: subprocess.Popen[str], line: str) -> None:
    assert child.stdout
    seen = []
    for told in child.stdout:
        seen.append(told)
        if told.startswith(line):
            return
    raise AssertionError("".join(seen))


def one_of_each(there: Counter[str]) -> dict[str, int]:
    """The types of which a cluster has exactly one."""
    single = ("autoscaling/group", "launchTemplate", "natGateway", "eip", "secret:", "scheduleGroup", "instanceProfile")
    found = {kind: number for kind, number in there.items() if any(word in kind for word in single)}
    assert len(single) == len(found), there
    return found
