"""sizing.compare.comparison: a plan by purchase option, per million tokens, beside APIs and owned systems; every sum is done again here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise

import pytest

from inferstack.pricing.purchase.schedule import MONTH_H, WEEKS_A_MONTH, of_hours, parse
from inferstack.records.comparison import Comparison, OwnedRequest
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from sizing.compare.comparison import WantedComparison, comparison
from sizing.compare.replica_capacity import held, most_held
from sizing.planning import planner
from sizing.planning.demand import demand
from sizing.planning.replica_of_plan import replica_of
from sizing.speed.operating_point import operating_point

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
OFFICE = parse("Mon-Fri 08:00-18:00 Europe/Berlin")


@lru_cache(16)
def plan(**asked: object) -> Plan:
    return planner.plan(
        Request.model_validate({"model": "Llama-3.3-70B-Instruct", "weight_quant": "fp8", "isl": 1024, "osl": 256, **asked}), now=NOW
    )


def compared(wanted: WantedComparison = WantedComparison(), **asked: object) -> Comparison:  # noqa: B008  frozen
    return comparison(plan(**asked), wanted, now=NOW)


LOADS = ({"tokens_per_day": 2e7}, {"request_rate": 3.0}, {"users": 50}, {"concurrency": 8}, {"request_rate": 30.0, "ttft_ms": 1000})


@pytest.mark.parametrize("load", LOADS)
def test_cost_over_tokens_is_the_price_of_a_token(load: dict[str, object]) -> None:
    """Of the plan's instances in every hour of the month, at the rate of the chosen way."""
    made, found = plan(**load), compared(**load)
    best = next(one for one in found.options if one.chosen)
    assert best.usd_per_hour and made.instance_count == best.instances
    month = best.usd_per_hour * MONTH_H
    asked, full = found.tokens
    assert pytest.approx(month / found.volume.tokens_per_month.value * 1e6) == asked.usd_per_mtok.value
    assert asked.usd_per_mtok.low <= asked.usd_per_mtok.value <= asked.usd_per_mtok.high
    assert full.usd_per_mtok.value <= asked.usd_per_mtok.value * 1.0001
    assert pytest.approx(full.usd_per_mtok.value / asked.usd_per_mtok.value, rel=1e-6) == found.utilisation


@pytest.mark.parametrize("load", LOADS)
def test_input_and_output_tokens_share_the_whole_cost(load: dict[str, object]) -> None:
    """Each at its price, together they are the bill; the share is that of the prompts in the busy time."""
    found = compared(**load)
    for one in found.tokens:
        mixed = found.volume.input_share * one.usd_per_mtok_input.value + (1 - found.volume.input_share) * one.usd_per_mtok_output.value
        assert pytest.approx(one.usd_per_mtok.value) == mixed
        assert one.usd_per_mtok_output.value > one.usd_per_mtok_input.value


def test_the_share_of_prompts_is_their_time_over_the_time_of_a_request() -> None:
    """prefill / (prefill + osl x step / batch), from the sizing's own functions."""
    made = plan(request_rate=3.0)
    r, t = replica_of(made), demand(made.request).share(made.layout.dp)
    point = operating_point(r, t)
    prompt, answer = r.prefill_s(1024), 256 * r.decode_s(max(point.batch, 1), 1024 + 128) / max(point.batch, 1)
    assert pytest.approx(prompt / (prompt + answer)) == compared(request_rate=3.0).tokens[0].prefill_time_share


def test_longer_answers_move_the_cost_of_a_gpu_hour_to_the_output() -> None:
    """Four times the answer for the same prompt."""
    short, long = compared(request_rate=3.0).tokens[0], compared(request_rate=3.0, osl=1024).tokens[0]
    assert long.prefill_time_share < short.prefill_time_share


@pytest.mark.parametrize("load", LOADS)
def test_the_plans_instances_hold_the_asked_load_and_one_group_less_does_not(load: dict[str, object]) -> None:
    """The steps of the curve and the plan agree on the count."""
    made, found = plan(**load), compared(**load)
    assert found.volume.tokens_per_open_day.value <= found.capacity_tokens_per_day.value * 1.0001
    assert [made.instance_count] == [one.instances for one in found.curve if one.tokens_per_day == found.volume.tokens_per_open_day.value]


@pytest.mark.parametrize("load", LOADS)
def test_the_curve_climbs_and_ends_enclose_it(load: dict[str, object]) -> None:
    """More tokens never cost less in all, and never more a token while the count stays."""
    curve = compared(**load).curve
    for one, other in pairwise(curve):
        assert one.tokens_per_day < other.tokens_per_day and one.self_hosted.value <= other.self_hosted.value
        if one.instances == other.instances:
            assert one.self_hosted.value / one.tokens_per_day >= other.self_hosted.value / other.tokens_per_day
    assert all(one.self_hosted.low <= one.self_hosted.value <= one.self_hosted.high for one in curve)


def test_a_break_even_is_where_the_instances_cost_what_the_tokens_cost() -> None:
    """Volume x price = instances x hours x rate; its utilisation is within what they hold, and both ends enclose it."""
    found = compared(request_rate=3.0)
    best = next(one for one in found.options if one.chosen)
    assert best.usd_per_hour
    each = best.usd_per_hour / best.instances
    turning = [one for one in found.hosted if one.break_even and one.break_even.tokens_per_day]
    assert turning
    for one in turning:
        turn = one.break_even
        assert turn and turn.instances and turn.utilisation and turn.tokens_per_day and turn.low
        month = turn.tokens_per_day * 7 * WEEKS_A_MONTH * one.usd_per_mtok / 1e6
        if turn.utilisation * turn.instances > (turn.instances - 1) * 1.000001:
            assert pytest.approx(turn.instances * each * MONTH_H) == month
        assert 0 < turn.utilisation <= 1
        assert turn.low <= turn.tokens_per_day * 1.000001 and (turn.high is None or turn.high >= turn.tokens_per_day * 0.999999)


def test_only_what_is_sold_now_has_a_break_even() -> None:
    """Retired models are shown with their status and never compared with."""
    found = compared(request_rate=3.0)
    assert {"Groq", "Together", "Cerebras"} == {one.host for one in found.hosted if not one.current}
    assert all((one.break_even is None) != one.current for one in found.hosted)
    assert not any(name in found.decision for name in ("Groq", "Together", "Cerebras"))
    assert not any(total.name in ("API, Groq", "API, Together") for total in found.totals)


def test_closing_at_night_costs_less_and_tokens_come_in_open_hours_only() -> None:
    """50 of 168 hours and five starts; the volume of a rate shrinks with the hours, that of a day's tokens with the days."""
    always, office = compared(request_rate=3.0), compared(WantedComparison(OFFICE), request_rate=3.0)
    assert pytest.approx(50 / 168) == office.volume.tokens_per_month.value / always.volume.tokens_per_month.value
    assert pytest.approx(50 + 5 * office.hours.start_h.value) == office.hours.paid_hours_per_week.value
    on, off = (next(one for one in each.options if one.chosen).usd_per_month for each in (always, office))
    assert on and off and off.value < on.value
    day = compared(WantedComparison(OFFICE), tokens_per_day=2e7)
    assert pytest.approx(2e7 * 5 * WEEKS_A_MONTH) == day.volume.tokens_per_month.value


def test_tokens_of_a_day_that_do_not_fit_the_open_hours_are_refused() -> None:
    """The plan holds three times the day's mean; two hours a day would need twelve times."""
    with pytest.raises(InputError, match=r"^schedule: 2e\+07 tokens in 2 hours are .* more than"):
        compared(WantedComparison(of_hours(14)), tokens_per_day=2e7)
    with pytest.raises(InputError, match=r"^load_share: tokens_per_day"):
        compared(WantedComparison(load_share=0.5), tokens_per_day=2e7)


def test_a_smaller_mean_load_is_fewer_tokens_from_the_same_instances() -> None:
    """Half the tokens at twice the price."""
    whole, half = compared(users=50), compared(WantedComparison(load_share=0.5), users=50)
    assert pytest.approx(2) == whole.volume.tokens_per_month.value / half.volume.tokens_per_month.value
    assert pytest.approx(2) == half.tokens[0].usd_per_mtok.value / whole.tokens[0].usd_per_mtok.value


def test_the_capacity_of_a_replica_breaks_just_beyond() -> None:
    """With a target on the first token that binds, less than without."""
    free, bound = held(plan(request_rate=30.0)), held(plan(request_rate=30.0, instance_type="p5.48xlarge", ttft_ms=200))
    assert 0 < bound.requests_per_s.low <= bound.requests_per_s.value <= bound.requests_per_s.high
    assert free.replicas_per_group >= 1 and free.full.batch >= free.asked.batch


def test_what_instances_hold_is_asked_of_the_layout_that_holds_the_most() -> None:
    """A small load takes tp8 of eight GPUs, which answers fastest; full, the same instance runs several smaller replicas."""
    made = planner.plan(Request(model="Llama-3.1-8B-Instruct", weight_quant="fp8", request_rate=0.5, instance_type="p5.48xlarge"), now=NOW)
    own, most = held(made), most_held(made)
    assert 8 == made.layout.tp and 1 == own.replicas_per_group < most.replicas_per_group
    assert most.requests_per_s.value * most.replicas_per_group > 2 * own.requests_per_s.value
    assert held(plan(request_rate=30.0, dp=8, tp=8, instance_type="p5.48xlarge")) == most_held(
        plan(request_rate=30.0, dp=8, tp=8, instance_type="p5.48xlarge")
    )


def test_owned_systems_cost_by_the_gpu_hour_and_turn_at_a_share() -> None:
    """Their yearly cost over GPUs and hours; the hours rented on demand that would cost the same."""
    made = plan(request_rate=3.0, instance_type="p5.48xlarge")
    found = comparison(made, WantedComparison(owned=OwnedRequest(system="dgx-h100"), owned_plan=made), now=NOW)
    own = found.owned
    assert own and pytest.approx(own.usd_per_year.value / (own.gpus * 8760)) == own.usd_per_gpu_hour.value
    assert pytest.approx(sum(line.usd_per_year.value for line in own.lines) * own.systems) == own.usd_per_year.value
    share = own.break_even_utilisation["hours rented as on-demand"]
    assert share and pytest.approx(own.usd_per_year.value) == share * 55.04 * own.systems * 8760
    assert pytest.approx(own.usd_per_mtok_full.value / own.usd_per_mtok.value) == own.utilisation
    assert own.usd_per_year.low < own.usd_per_year.value < own.usd_per_year.high
    total = next(one for one in found.totals if one.name == "owned")
    assert pytest.approx(3 * own.usd_per_year.value) == total.usd.value


def test_fewer_owned_systems_than_the_load_needs_are_refused() -> None:
    """With how many are needed."""
    made = plan(request_rate=30.0, instance_type="p5.48xlarge")
    asked = replace(WantedComparison(), owned=OwnedRequest(system="dgx-h100", systems=1), owned_plan=made)
    if made.instance_count > 1:
        with pytest.raises(InputError, match=rf"systems: 1 is too few for the load; {made.instance_count} are needed"):
            comparison(made, asked, now=NOW)
    more = comparison(made, replace(asked, owned=OwnedRequest(system="dgx-h100", systems=9)), now=NOW)
    assert more.owned and 9 == more.owned.systems
