"""The limits that a person set, at their boundaries: what each sentence says, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from inferstack.cli import limits
from inferstack.cli.settings import Settings
from inferstack.records.errors import Finding
from inferstack.records.plan import Plan
from inferstack.records.preview import Bill
from inferstack.records.request import Request
from sizing.planning.over_budget import BudgetTotal, OverBudget

PLAN = Plan.read(Path(__file__).parents[1] / "stacks" / "data" / "plan.json")
ENDS = datetime(2026, 11, 30, 16, 5, tzinfo=UTC)


class Screen:
    """Notes what was said."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json, self.said = as_json, []

    def say(self, line: str) -> None:
        self.said.append(line)


def command(*, as_json: bool = False, **settings: Any) -> Any:
    return SimpleNamespace(loaded=SimpleNamespace(settings=Settings(**settings)), screen=Screen(as_json=as_json))


def bill(**changes: Any) -> Bill:
    plain = {
        "region": "us-east-1", "lines": (), "usd_per_hour": 2.0, "usd_per_month": 1460.0, "usd_until_expiry": 8.0,
        "hours_until_expiry": 4.0, "price_date": None, "resources_by_bucket": {},
    }  # fmt: skip
    return Bill(**{**plain, **changes})


def request(limit: float | None) -> Request:
    return Request(model="meta-llama/Llama-3.1-8B-Instruct", concurrency=4, isl=512, osl=128, max_usd_per_hour=limit)


@pytest.mark.parametrize(
    ("settings", "is_set"),
    [({}, False), ({"max_usd": 1.0}, True), ({"max_usd_per_hour": 1.0}, True), ({"max_usd": 1, "max_usd_per_hour": 1}, True)],
)
def test_either_limit_is_a_limit(settings: dict[str, float], is_set: bool) -> None:
    """Of an hour, or of the whole life."""
    assert is_set is limits.any_set(Settings(**settings))


@pytest.mark.parametrize(("span", "hours"), [(timedelta(minutes=90), 1.5), (timedelta(days=1), 24.0), (timedelta(seconds=36), 0.01)])
def test_a_span_is_counted_in_hours(span: timedelta, hours: float) -> None:
    """Of 3,600 seconds."""
    assert hours == limits.hours(span)


def over_budget(limit: float) -> OverBudget:
    return OverBudget(limit=limit, load="4 at once", cheapest=(BudgetTotal("1 x g6.xlarge", 0.8),), holds="nothing", narrower=None)


def test_a_plan_over_the_limit_of_its_life_is_refused_in_the_words_of_that_limit() -> None:
    """max_usd 2 in 4 hours is 50 cents an hour: the person set dollars and hours, so these are told, with the totals over them."""
    settings = Settings(max_usd=2.0, expires_in="4h")
    with pytest.raises(Finding) as error, limits.worded(settings, request(0.5)):
        raise over_budget(0.5)
    assert not isinstance(error.value, OverBudget)
    assert "$2.00 in 4 h (--max-usd, --expires-in) is $0.50/h, which is too little for 4 at once" in error.value.message
    assert "1 x g6.xlarge $0.80/h = $3.20 in 4 h" in error.value.message
    assert over_budget(0.5).hint == error.value.hint


@pytest.mark.parametrize(("settings", "limit"), [({}, 0.5), ({"max_usd": 2.0}, 0.4), ({"max_usd_per_hour": 0.5}, 0.5)])
def test_a_plan_over_a_limit_of_an_hour_keeps_its_own_words(settings: dict[str, float], limit: float) -> None:
    """The request's own limit bound, or that of the settings; and a plan within its limits says nothing."""
    own = over_budget(limit)
    with pytest.raises(OverBudget) as error, limits.worded(Settings(**settings), request(limit)):
        raise own
    assert own is error.value
    with limits.worded(Settings(**settings), request(limit)):
        pass


def test_what_the_whole_life_leaves_an_hour_is_told() -> None:
    """In the words of the settings."""
    assert "max_usd 20 in 8h allows instances of at most $2.50/h" == limits.told(Settings(max_usd=20.0, expires_in="8h"))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, None),
        ({"max_usd_per_hour": 2.0, "max_usd": 8.0}, None),
        ({"max_usd_per_hour": 1.99}, "$2.00 an hour is over max_usd_per_hour 1.99"),
        ({"max_usd": 7.99}, "$8.00 until it expires in 4.0 h is over max_usd 7.99"),
    ],
)
def test_a_bill_at_its_limit_is_within_it(settings: dict[str, float], problem: str | None) -> None:
    """To the cent; beyond it is refused with what to do."""
    assert problem == limits.passed(command(**settings), bill())
    if problem is None:
        limits.refuse(command(**settings), SimpleNamespace(bill=bill()))
        return
    with pytest.raises(Finding) as error:
        limits.refuse(command(**settings), SimpleNamespace(bill=bill()))
    assert (problem, limits.HINT) == (error.value.message, error.value.hint)


def test_a_bill_without_a_total_is_refused_with_where_prices_are() -> None:
    """No limit can be raised so that it fits."""
    unknown = bill(usd_per_hour=None, usd_until_expiry=None, refused="no total: p9 has no price")
    with pytest.raises(Finding) as error:
        limits.refuse(command(max_usd=1.0), SimpleNamespace(bill=unknown))
    assert ("no total: p9 has no price", limits.NO_PRICE) == (error.value.message, error.value.hint)
    assert limits.HINT == limits.hint(bill())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_usd_per_hour": 1.5, "max_usd": 6.0}, None),
        ({"max_usd_per_hour": 1.49}, "x: $1.50 an hour is over max_usd_per_hour 1.49"),
        ({"max_usd": 5.99}, "x: $6.00 in 4 h is over max_usd 5.99"),
        ({"max_usd_per_hour": 1.0, "max_usd": 1.0}, "x: $1.50 an hour is over max_usd_per_hour 1"),
    ],
)
def test_a_rate_is_held_to_both_limits_for_its_time(settings: dict[str, float], said: str | None) -> None:
    """Dollars an hour, and dollars times hours; the first that it passes is told."""
    if said is None:
        limits.refuse_rate(1.5, Settings(**settings), span=timedelta(hours=4), what="x")
        return
    with pytest.raises(Finding) as error:
        limits.refuse_rate(1.5, Settings(**settings), span=timedelta(hours=4), what="x")
    assert (said, limits.HINT) == (error.value.message, error.value.hint)


@pytest.mark.parametrize(("share", "refused"), [(1.0, False), (0.999, True)])
def test_a_plan_is_held_to_the_limit_by_its_instances_alone(share: float, refused: bool) -> None:
    """For as long as the stack lives, before anything is asked."""
    at = command(max_usd=PLAN.usd_per_hour * 2 * share, expires_in="2h")
    if not refused:
        limits.refuse_plan(at, PLAN)
        return
    with pytest.raises(Finding, match=rf"^{PLAN.instance_count} x {PLAN.instance_type}: \$[\d.,]+ in 2 h is over max_usd"):
        limits.refuse_plan(at, PLAN)


@pytest.mark.parametrize(
    ("changes", "rehearsal", "asked"),
    [
        ({}, False, "Build {what} in account 111122223333 for $2.00 an hour, $8.00 until 2026-11-30 16:05 UTC?"),
        ({}, True, "Rehearse {what}, on AWS for $2.00 an hour, $8.00 until 2026-11-30 16:05 UTC? Nothing is bought"),
        (
            {"at_least": True},
            False,
            "Build {what} in account 111122223333 for at least $2.00 an hour, at least $8.00 until 2026-11-30 16:05 UTC?",
        ),
        ({"usd_until_expiry": None}, False, "Build {what} in account 111122223333 for $2.00 an hour, $0.00 until 2026-11-30 16:05 UTC?"),
        (
            {"usd_per_hour": None, "refused": "p9"},
            False,
            "Build {what} in account 111122223333 at no known price (p9) until 2026-11-30 16:05 UTC?",
        ),
    ],
)
def test_a_person_agrees_to_machines_account_price_and_end(changes: dict[str, Any], rehearsal: bool, asked: str) -> None:
    """And to nothing where it is a rehearsal."""
    record: Any = SimpleNamespace(rehearsal=rehearsal, account_id="111122223333")
    what = f"{PLAN.instance_count} x {PLAN.instance_type} in {PLAN.region}"
    assert asked.format(what=what) == limits.question(record, PLAN, bill(**changes), ends=ENDS)


def test_a_refusal_after_the_answer_leaves_the_document_alone() -> None:
    """With --json the lines go beside it and the exit code is 1; without it is an error like any other."""
    at = command(as_json=True)
    assert 1 == limits.refused(at, "too dear", hint="raise it")
    assert ["Error: too dear", "raise it"] == at.screen.said
    with pytest.raises(Finding, match=r"^too dear$") as error:
        limits.refused(command(), "too dear", hint="raise it")
    assert "raise it" == error.value.hint
