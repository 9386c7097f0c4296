"""What an update costs, and the policy pack, through the real engine against the embedded AWS."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from embedded import ROOT, World
from recording import DATA, base_config

from inferstack.records.difference import Difference
from infra import naming
from stacks import cost_of_change
from stacks.engine.events import Listener
from stacks.engine.run import Engine

pytestmark = pytest.mark.engine

GROUP = "aws:autoscaling/group:Group::nodes-group"
NAT = "aws:ec2/natGateway:NatGateway::nat-gateway"


@pytest.fixture(scope="module")
def built(world: World) -> Iterator[Engine]:
    """A cluster of one node, up."""
    made = world.engine("x")
    made.select_or_create(world.cluster())
    made.up()
    yield made


def planned(folder: Path, **changes: Any) -> str:
    """The test's plan with these changes; a mapping is merged."""
    plan = json.loads((DATA / "plan.json").read_text())
    for name, value in changes.items():
        plan[name] = {**plan[name], **value} if isinstance(value, dict) else value
    (folder / "plan.json").write_text(json.dumps(plan))
    return str(folder / "plan.json")


def previewed(world: World, engine: Engine, **changes: Any) -> Difference:
    config = world.cluster(**changes)
    engine.select_or_create(config)
    found = engine.preview(config=config).difference
    assert found
    return found


def test_a_preview_of_a_stack_as_it_is_changes_no_line(world: World, built: Engine) -> None:
    """The state and the program give the same bill: one code path, known ids or not."""
    found = previewed(world, built)
    assert ((), 0, None) == (found.changes, found.change_usd_per_hour, found.refused)
    assert found.unchanged > 5
    assert found.peak_usd_per_hour == pytest.approx(found.new.usd_per_hour)


def test_two_nodes_and_a_bigger_volume_are_lines_of_their_own(world: World, built: Engine, tmp_path: Path) -> None:
    """Updates in place: quantities of the group, old and new; nothing is paid twice."""
    found = previewed(world, built, plan=planned(tmp_path, instance_count=2, storage={"root_volume_gib": 300}))
    quantities = {
        one.new.component: (one.sign, one.old.quantity, one.new.quantity)
        for one in found.changes
        if one.resource == GROUP and one.old and one.new
    }
    assert ("~", 1, 2) == quantities["p5.48xlarge instances"]
    assert ("~", 200, 600) == quantities["/dev/sda1 storage"]
    assert {("quantity",)} == {one.reasons for one in found.changes}
    assert found.peak_usd_per_hour == pytest.approx(found.new.usd_per_hour)
    assert found.change_usd_per_hour and found.change_usd_per_hour > 55


def test_without_a_gateway_its_lines_are_gone(world: World, built: Engine) -> None:
    """`-`; and they are paid until the update's end."""
    found = previewed(world, built, egress="none")
    assert {"-"} == {one.sign for one in found.changes}
    assert NAT in {one.resource for one in found.changes}
    assert found.peak_usd_per_hour == pytest.approx(found.old.usd_per_hour)


def test_a_replaced_gateway_is_paid_twice_for_a_while(world: World, built: Engine) -> None:
    """The engine's own order says that the new one is made first."""
    config = world.cluster()
    built.select_or_create(config)
    urn = next(one["urn"] for one in built._exported()["resources"] if one["urn"].endswith("NatGateway::nat-gateway"))
    heard = Listener()
    built._selected().preview(on_event=heard, replace=[urn])
    assert (NAT,) == tuple(name for name in cost_of_change.replaced(heard.changes) if name == NAT)


def test_the_budget_of_the_base_gets_its_alarms_and_loses_them(world: World) -> None:
    """An update of a standing base, both ways; a second `up` has nothing to do."""
    budgets = world.aws.client("budgets")
    base = world.engine("x-base")

    def alarms(**changes: Any) -> list[tuple[str, float]]:
        base.select_or_create(base_config(**changes))
        base.up()
        heard: list[Any] = []
        base.up(on_event=heard.append)
        assert {"same", "read"} >= {one.op for one in heard}
        found = budgets.describe_notifications_for_budget(AccountId="000000000000", BudgetName=naming.budget("x-base"))["Notifications"]
        return sorted((one["NotificationType"], one["Threshold"]) for one in found)

    assert [("ACTUAL", 50.0), ("ACTUAL", 80.0), ("ACTUAL", 100.0), ("FORECASTED", 100.0)] == alarms(budget_alarm_to=("a@b.cd",))
    assert [] == alarms()


@pytest.fixture
def plain(world: World, built: Engine) -> Iterator[Any]:
    """Runs the plain CLI with the pack on the cluster stack."""
    (world.folder / "stacks" / "__main__.py").write_text((ROOT / "stacks" / "__main__.py").read_text())

    def run(verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        pack = ["--policy-pack", str(ROOT / "stacks" / "policy")]
        return subprocess.run(
            [world.cli, verb, "--stack", "x", "--non-interactive", *pack, *arguments],
            cwd=world.folder,
            env=world.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    yield run


def test_the_pack_says_the_total_that_the_outputs_say(world: World, built: Engine, plain: Any) -> None:
    """One advisory line with the same figure; all four outputs without any flag; exit 0."""
    built.select_or_create(world.cluster())
    done = plain("preview", "--diff", "--show-sames")
    assert 0 == done.returncode, done.stdout + done.stderr
    for output in ("estimatedUsdPerHour", "estimatedUsdUntilExpiry", "priceDate", "unpricedCount"):
        assert output in done.stdout
    hourly = built.outputs()["estimatedUsdPerHour"]
    assert f"${hourly:,.4f}/h" in done.stdout
    assert "[advisory]" in done.stdout and "[mandatory]" not in done.stdout


def test_the_pack_refuses_what_is_over_the_limit(world: World, built: Engine, plain: Any) -> None:
    """Mandatory: a preview and an up fail, and nothing is changed."""
    built.select_or_create(world.cluster(max_usd_per_hour=10.0))
    before = world.there()
    for verb, more in (("preview", ()), ("up", ("--yes",))):
        done = plain(verb, *more)
        assert done.returncode != 0
        assert "an hour is over max_usd_per_hour 10" in done.stdout
    assert before == world.there()
