"""inferstack.pricing.purchase.purchase: every way to buy the same instances, and which satisfies the schedule at least cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferstack.pricing.purchase.purchase import FindRate, Need, block_days, costs
from inferstack.pricing.purchase.schedule import ALWAYS, MONTH_H, WEEKS_A_MONTH, of_hours, parse
from inferstack.pricing.rates.rates import Rate, rate
from inferstack.records.comparison import PurchaseCost, Span

START = Span(value=0.2, low=0.1, high=0.5)
P5 = Need("p5.48xlarge", "us-east-1", 2, 1, ALWAYS, START, 12.0)


def found(need: Need, find: FindRate = rate) -> dict[str, PurchaseCost]:
    return {one.option: one for one in costs(need, find=find)}


def with_rate(key: str, usd: float) -> FindRate:
    """The facts and one rate more."""
    made = Rate(key, "us-east-1", usd, "instance-hour", "a test", date(2026, 11, 1), "verified")
    return lambda asked, region: made if asked == key else rate(asked, region)


def uncommitted(key: str, region: str) -> Rate | None:
    """The facts without commitments of years."""
    return None if "reserved" in key or "savings" in key else rate(key, region)


def chosen(need: Need, find: FindRate = rate) -> str:
    return next(one.option for one in costs(need, find=find) if one.chosen)


def test_on_demand_by_the_month() -> None:
    """Two at $55.04 through 730 hours."""
    one = found(P5, uncommitted)["on-demand"]
    assert one.usd_per_month and pytest.approx(2 * 55.04 * 730) == one.usd_per_month.value
    assert one.chosen and one.source and date(2026, 7, 20) == one.as_of


def test_a_schedule_pays_its_hours_and_starts_and_a_reservation_every_hour() -> None:
    """50 hours and five starts of 12 minutes a week, against 730 hours a month."""
    office = replace(P5, schedule=parse("Mon-Fri 08:00-18:00"))
    on, held = found(office, uncommitted)["on-demand"], found(office, uncommitted)["capacity-reservation"]
    assert on.usd_per_month and pytest.approx(2 * 55.04 * 51 * WEEKS_A_MONTH) == on.usd_per_month.value
    assert held.usd_per_month and pytest.approx(2 * 55.04 * 730) == held.usd_per_month.value
    assert held.satisfies and "more expensive than on-demand" in held.reason


def test_spot_is_refused_unless_interruption_is_accepted() -> None:
    """With one instance more and a start for each that is taken; accepted, it needs no spare and wins."""
    need = replace(P5, instance_type="g6.xlarge")
    spot = found(need, uncommitted)["spot"]
    assert (3, False) == (spot.instances, spot.satisfies)
    assert "--interruptible" in spot.reason and "assumed" in spot.reason and "prices from" in spot.reason
    accepted = found(replace(need, interruptible=True), uncommitted)["spot"]
    assert (2, True, True) == (accepted.instances, accepted.satisfies, accepted.chosen)
    assert accepted.paid_hours_per_month and pytest.approx(MONTH_H + 0.2 * 0.2) == accepted.paid_hours_per_month.value


def test_a_commitment_without_a_rate_has_no_figure() -> None:
    """Never a typical discount in place of a rate."""
    for name in ("savings-plan-1y", "savings-plan-3y"):
        one = found(P5, uncommitted)[name]
        assert (None, None, False) == (one.usd_per_hour, one.usd_total, one.satisfies)
        assert "no price known for this type" in one.reason


@pytest.mark.parametrize("key", ["ec2/savings-plan-1y", "ec2/reserved-1y"])
def test_a_commitment_is_paid_for_begun_terms_in_every_hour(key: str) -> None:
    """A year for 12 months, two for 13; it wins where it is used all the time, and not for a tenth of the week."""
    find = with_rate(f"{key}/p5.48xlarge", 40.0)
    year = found(P5, find)["savings-plan-1y"]
    assert year.usd_total and pytest.approx(2 * 40 * 8760) == year.usd_total.value
    assert year.chosen and ("reserved" in key) == ("reserved instance" in year.reason)
    longer = found(replace(P5, months=13), find)["savings-plan-1y"]
    assert longer.usd_total and pytest.approx(2 * 2 * 40 * 8760) == longer.usd_total.value
    assert "commits to 24 months, but 13 are needed" in longer.reason
    assert "on-demand" == chosen(replace(P5, schedule=of_hours(17)), find)


def test_a_block_is_whole_days_up_front() -> None:
    """Half a month is 15.2 days, sold as 21: three weeks times 8 accelerators; the fee stands before the first hour."""
    one = found(replace(P5, months=0.5))["capacity-block"]
    assert one.usd_up_front and pytest.approx(2 * 8 * 5.97 * 21 * 24) == one.usd_up_front
    assert one.satisfies and "21 days" in one.reason


def test_a_block_that_is_too_long_or_too_large_is_refused_with_the_limit() -> None:
    """182 days and 64 instances."""
    assert "182 days" in found(P5)["capacity-block"].reason and not found(P5)["capacity-block"].satisfies
    assert "at most 64" in found(replace(P5, months=0.1, count=65))["capacity-block"].reason


@pytest.mark.parametrize(("months", "days"), [(0.01, 1), (14 / 30.4167, 14), (14.5 / 30.4167, 21), (182 / 30.4167, 182), (6.1, None)])
def test_days_of_a_block(months: float, days: int | None) -> None:
    """By the day up to 14, then by the week, none beyond 182."""
    assert days == block_days(months)


def test_every_way_has_a_reason_and_one_is_chosen() -> None:
    """Also where nothing has a rate: then none."""
    assert all(one.reason for one in costs(P5))
    assert 1 == sum(one.chosen for one in costs(P5))
    nothing = costs(P5, find=lambda key, region: None)
    assert not any(one.chosen or one.satisfies or one.usd_total for one in nothing) and all(one.reason for one in nothing)


@given(st.floats(1, 168), st.floats(1, 168), st.floats(0.1, 36))
def test_cost_is_monotone_in_hours(one: float, other: float, months: float) -> None:
    """More open hours never cost less, by any way."""
    few, many = (found(replace(P5, schedule=of_hours(hours), months=months)) for hours in sorted((one, other)))
    for name, cost in few.items():
        if cost.usd_total and name in many:
            more = many[name].usd_total
            assert more and cost.usd_total.value <= more.value * (1 + 1e-9)


@given(st.floats(0.1, 60), st.floats(0.1, 60))
def test_cost_is_monotone_in_months(one: float, other: float) -> None:
    """A longer need never costs less in all."""
    find = with_rate("ec2/savings-plan-1y/p5.48xlarge", 40.0)
    short, long = (found(replace(P5, months=months), find) for months in sorted((one, other)))
    for name in ("on-demand", "capacity-reservation", "savings-plan-1y"):
        a, b = short[name].usd_total, long[name].usd_total
        assert a and b and a.value <= b.value * (1 + 1e-9)
