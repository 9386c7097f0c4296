"""The limits on the command line and in the settings: what they do to a plan, a preview, an `up` and an `extend`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from inferstack.cli import limits
from inferstack.cli.settings import Settings
from inferstack.records.errors import Finding
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from inferstack.stack.workdir import StackDir
from tests.inferstack.command_line import CommandLine

PLAN = ("plan", "--model", "meta-llama/Llama-3.1-8B-Instruct", "--concurrency", "4", "--isl", "512", "--osl", "128", "--rehearse")


@pytest.mark.parametrize(
    ("own", "settings", "expected"),
    [
        (None, {}, None),
        (3.0, {}, 3.0),
        (None, {"max_usd_per_hour": 5.0}, 5.0),
        (7.0, {"max_usd_per_hour": 5.0}, 7.0),
        (None, {"max_usd": 20.0}, 5.0),
        (3.0, {"max_usd": 20.0}, 3.0),
        (7.0, {"max_usd": 20.0}, 5.0),
        (None, {"max_usd": 20.0, "max_usd_per_hour": 4.0, "expires_in": "2h"}, 4.0),
        (None, {"max_usd": 20.0, "max_usd_per_hour": 4.0, "expires_in": "10h"}, 2.0),
    ],
)
def test_a_plan_keeps_the_lowest_limit_for_its_whole_life(own: float | None, settings: dict[str, Any], expected: float | None) -> None:
    """A request's own limit goes before that of the settings; what is allowed in all is spread over the hours."""
    request = Request(model="meta-llama/Llama-3.1-8B-Instruct", concurrency=4, isl=512, osl=128, max_usd_per_hour=own)
    assert expected == limits.within(request, Settings(**settings)).max_usd_per_hour


def test_a_plan_under_a_limit_in_all_says_what_it_leaves_an_hour(command_line: CommandLine) -> None:
    """And the request that is written holds it, so that the same file gives the same plan."""
    done = command_line.run(*PLAN, "--max-usd", "5", "--expires-in", "5h")
    assert (0, True) == (done.code, "max_usd 5 in 5h allows instances of at most $1.00/h" in done.out)
    run = StackDir(command_line.work / "default").current()
    assert run and 1.0 == run.read(Request).max_usd_per_hour


def test_a_plan_that_no_limit_allows_is_a_finding(command_line: CommandLine) -> None:
    """Exit 1: the budget binds, and nothing is written."""
    done = command_line.run(*PLAN, "--max-usd", "0.1")
    assert (1, True) == (done.code, "$0.10 in 4 h (--max-usd, --expires-in) is $0.03/h, which is too little" in done.err)
    assert not command_line.work.exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--max-usd-per-hour", "0.5"), "$0.80 an hour is over max_usd_per_hour 0.5"),
        (("--max-usd", "3"), "$3.22 in 4 h is over max_usd 3"),
        (("--max-usd", "3", "--expires-in", "8h"), "$6.44 in 8 h is over max_usd 3"),
    ],
)
def test_up_refuses_before_it_opens_anything(command_line: CommandLine, flags: tuple[str, ...], said: str) -> None:
    """The instances alone are over it: no embedded AWS is started, no key made, no stack configured; one line."""
    assert 0 == command_line.run(*PLAN).code
    before = command_line.tree()
    done = command_line.run("up", "--yes", *flags)
    assert (1, True) == (done.code, f"Error: 1 x g6.xlarge: {said}\n" in done.err), done.err
    assert before == command_line.tree()


def test_a_limit_of_the_settings_holds_as_one_of_the_flags_does(command_line: CommandLine) -> None:
    """A team writes it once."""
    assert 0 == command_line.run(*PLAN).code
    (command_line.here / "inferstack.yaml").write_text("max_usd: 1\n")
    assert 1 == command_line.run("up", "--yes").code


@pytest.mark.parametrize(("hours", "refused"), [(4, False), (6, True)])
def test_a_longer_life_is_held_to_the_limit(hours: int, refused: bool) -> None:
    """`extend` counts from now: five hours at a dollar are allowed, six are not."""
    settings = Settings(max_usd=5.0)
    if refused:
        with pytest.raises(Finding, match=r"x: \$6\.00 in 6 h is over max_usd 5"):
            limits.refuse_rate(1.0, settings, span=timedelta(hours=hours), what="x")
    else:
        limits.refuse_rate(1.0, settings, span=timedelta(hours=hours), what="x")


@pytest.mark.engine
def test_a_bill_over_the_limit_stops_preview_and_up_before_anything_exists(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The instances are within it, the gateway and the endpoints are not: exit 1, one document, and AWS holds nothing of the stack."""
    monkeypatch.setenv("INFERSTACK_HOSTS", "none")
    assert 0 == command_line.run(*PLAN, "--stack", "dear").code
    run = StackDir(command_line.work / "dear").current()
    assert run
    limit = f"{run.read(Plan).usd_per_hour + 0.001:.4f}"
    try:
        seen = command_line.run("preview", "--stack", "dear", "--json", "--max-usd-per-hour", limit)
        assert (1, "bill" in seen.document) == (seen.code, True)
        assert f"an hour is over max_usd_per_hour {limit}" in seen.err
        done = command_line.run("up", "--yes", "--stack", "dear", "--max-usd-per-hour", limit)
        assert (1, f"an hour is over max_usd_per_hour {limit}" in done.err) == (done.code, True), done.err
        gone = command_line.run("down", "--yes", "--stack", "dear", "--json")
        assert [] == gone.document["deleted"]
    finally:
        command_line.run("down", "--yes", "--stack", "dear")


def test_a_plan_with_guards_is_no_bill_and_no_cluster(command_line: CommandLine) -> None:
    """The limit counts them; preview and up, which would leave the flags out, refuse by name."""
    assert 0 == command_line.run(*PLAN, "--guard", "Llama-Guard-3-8B").code
    for verb in ("preview", "up"):
        done = command_line.run(verb, "--yes") if verb == "up" else command_line.run(verb)
        assert (1, True) == (done.code, "meta-llama/Llama-Guard-3-8B: guards are planned and priced, but not deployed" in done.err), (
            done.err
        )
    dear = command_line.run(*PLAN, "--guard", "Llama-Guard-3-8B", "--max-usd-per-hour", "0.9")
    assert (1, True) == (dear.code, "of guards, above $0.90/h" in dear.err), dear.err
