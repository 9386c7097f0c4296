"""What stands is what was built: a newer plan hides it from no verb, and after its end no verb builds or measures anything of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inferstack.chain import lifetime
from inferstack.cli import limits
from inferstack.cli.command import Command
from inferstack.cli.screen import Screen
from inferstack.records.errors import InputError
from inferstack.records.outputs import ClusterOutputs, Node
from inferstack.records.plan import Plan
from inferstack.records.preview import Bill
from inferstack.stack.workdir import StackRecord, Workdir
from tests.inferstack.command_line import CommandLine

NOW = datetime.now(UTC)


def plan(command_line: CommandLine, kind: str, *more: str) -> None:
    done = command_line.run(
        *("plan", "--stack", "x", "--rehearse", "--model", "Llama-3.1-8B-Instruct", "--users", "1", "--instance-type", kind, *more)
    )
    assert 0 == done.code, done.err


def build(command_line: CommandLine, *, ends: datetime = NOW + timedelta(hours=4), usd_per_hour: float = 0.6375) -> None:
    """As `up` leaves it: the newest run is built."""
    stack = Workdir(command_line.work).stack("x")
    run = stack.current()
    assert run
    outputs = ClusterOutputs(
        created_at=NOW,
        stack="x",
        base_stack="x-base",
        rehearsal=True,
        region="us-east-1",
        account_id="000000000000",
        expires_at=ends,
        autoscaling_group_name="inferstack-x-nodes",
        launch_template_id="lt-01",
        schedule_group_name="inferstack-x",
        node_role_name="inferstack-x-node",
        security_group_id="sg-01",
        weights_bucket="b",
        kms_key_arn="k",
        api_key_secret_arn="s",
        endpoint_hostname="x.inferstack.internal",
        egress="nat",
        ami_id="ami-01",
        nodes=(
            Node(instance_id="i-01", private_ip="10.0.0.1", availability_zone="us-east-1a", instance_type=run.read(Plan).instance_type),
        ),
        estimated_usd_per_hour=usd_per_hour,
    )
    run.write(outputs)
    stack.write(stack.record().replaced(built_at=NOW - timedelta(hours=1), built_run=run.name, expires_at=ends, account_id="000000000000"))


def test_a_newer_plan_hides_no_running_cluster(command_line: CommandLine) -> None:
    """status tells nodes and price of what was built, and names the newer plan as not built."""
    plan(command_line, "g6.xlarge")
    build(command_line)
    plan(command_line, "g5.xlarge")
    told = command_line.run("status", "--stack", "x", "--json").document
    assert ("1 x g6.xlarge", 0.6375) == (told["run"]["plan"], told["run"]["usd_per_hour"])
    assert ["g6.xlarge"] == [node["instance_type"] for node in told["nodes"]]
    assert "1 x g5.xlarge" == told["newest_plan"]["plan"]
    assert "newest plan, not built: 1 x g5.xlarge" in command_line.run("status", "--stack", "x").out


def test_the_run_that_is_built_is_the_one_that_stands(command_line: CommandLine) -> None:
    """Whatever was planned or previewed since; `down` and its receipt price this one."""
    plan(command_line, "g6.xlarge")
    build(command_line)
    stack = Workdir(command_line.work).stack("x")
    built = stack.standing()
    plan(command_line, "g5.xlarge")
    assert built == stack.standing() != stack.current()
    stack.write(stack.record().replaced(built_at=None, built_run=None))
    assert stack.current() == stack.standing()


@pytest.mark.parametrize("verb", [("extend", "--by", "2h"), ("bench",), ("configure",)])
def test_after_the_end_nothing_is_built_or_measured(command_line: CommandLine, verb: tuple[str, ...]) -> None:
    """Exit 2, before anything is opened: AWS has removed the nodes, `up` makes them again. A newer plan changes nothing of it."""
    plan(command_line, "g6.xlarge")
    build(command_line, ends=NOW - timedelta(minutes=1))
    plan(command_line, "g5.xlarge")
    done = command_line.run(*verb, "--stack", "x", "--yes")
    assert 2 == done.code
    assert "expired at" in done.err
    assert "inferstack up --stack x" in done.err
    assert not (command_line.work / "sandbox" / "daemon.json").exists()


def two_nodes(command_line: CommandLine) -> None:
    asked = ("--stack", "x", "--rehearse", "--model", "Llama-3.1-405B-Instruct", "--users", "4", "--instance-type", "p5.48xlarge")
    done = command_line.run("plan", *asked, "--tp", "8", "--pp", "2")
    assert 0 == done.code, done.err
    assert "up cannot build this plan: a replica over 2 nodes of p5.48xlarge" in done.out


@pytest.mark.parametrize("verb", ["up", "preview"])
def test_a_plan_that_no_role_can_configure_is_refused_before_a_node_is_bought(command_line: CommandLine, verb: str) -> None:
    """Exit 2, and not even the embedded AWS was started; the plan says it first."""
    two_nodes(command_line)
    done = command_line.run(verb, "--stack", "x", *(["--yes"] if verb == "up" else []))
    assert 2 == done.code
    assert "a replica over 2 nodes of p5.48xlarge: the roles deploy replicas of one node only" in done.err
    assert not (command_line.work / "sandbox").exists()


def command(folder: Path, now: datetime) -> Command:
    made = Command("up", "x", Screen(), Workdir(folder), {})
    made.now = lambda: now  # type: ignore[method-assign]
    return made


PLAN = Plan.read(Path(__file__).parents[1] / "stacks" / "data" / "plan.json")


@pytest.mark.parametrize(("minutes", "rehearsal", "refused"), [(10, False, True), (600, False, False), (10, True, False), (-1, True, True)])
def test_nodes_are_not_started_shortly_before_the_end(tmp_path: Path, minutes: int, rehearsal: bool, refused: bool) -> None:
    """The weights may have taken hours: the end is looked at again before the group is raised."""
    at = command(tmp_path, NOW)
    ends = NOW + timedelta(minutes=minutes)
    if not refused:
        lifetime.refuse_late(at, PLAN, ends, rehearsal=rehearsal)
        return
    with pytest.raises(InputError, match="none was started") as told:
        lifetime.refuse_late(at, PLAN, ends, rehearsal=rehearsal)
    assert "inferstack extend --stack x" in told.value.hint


def bill() -> Bill:
    figures = {"usd_per_hour": 110.2, "usd_per_month": 80446.0, "usd_until_expiry": 441.79, "hours_until_expiry": 4.0}
    return Bill(region="us-east-1", lines=(), price_date=None, resources_by_bucket={}, **figures)


@pytest.mark.parametrize("rehearsal", [True, False])
def test_the_question_names_the_whole_price_the_account_and_the_end(rehearsal: bool) -> None:
    """Not the instances alone; a rehearsal says that nothing is bought."""
    record = StackRecord(stack="x", rehearsal=rehearsal, region="us-east-1", base="x-base", created_at=NOW, account_id="111122223333")
    asked = limits.question(record, PLAN, bill(), ends=datetime(2026, 11, 30, 18, 4, tzinfo=UTC))
    assert f"{PLAN.instance_count} x {PLAN.instance_type} in us-east-1" in asked
    assert "$110.20 an hour, $441.79 until 2026-11-30 18:04 UTC" in asked
    assert ("Nothing is bought" in asked) is rehearsal
    assert ("account 111122223333" in asked) is not rehearsal
