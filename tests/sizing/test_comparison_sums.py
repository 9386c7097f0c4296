"""sizing.compare.comparison: every sum and every sentence, from prices and capacities that are given."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from inferstack.pricing.purchase.hosted import HostedOffer
from inferstack.pricing.purchase.purchase import Need
from inferstack.pricing.purchase.schedule import ALWAYS, MONTH_H, parse
from inferstack.records.comparison import Comparison, Owned, PurchaseCost, Span
from inferstack.records.errors import Finding
from inferstack.records.plan import Plan
from sizing.compare import comparison as module
from sizing.compare.comparison import WantedComparison, cheapest, comparison, paid_hours
from sizing.compare.replica_capacity import HeldLoad, TimeShares

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
PLAN = Plan.read(Path(__file__).parents[1] / "stacks" / "data" / "plan.json").replaced(instance_count=4, nodes_per_replica=2)
REPLICAS = 4 // 2 * 3
TOKENS = 4.0 * 1280 * 3600 * MONTH_H
"""4 requests/s of 1,280 tokens in every hour of a month."""
OWN = HeldLoad(Span(value=1.0, low=0.5, high=2.0), 3, 2, 0, asked=TimeShares(0.25, 4.0), full=TimeShares(0.3, 9.0))
MOST = HeldLoad(Span(value=2.0, low=1.0, high=4.0), 3, 2, 0, asked=TimeShares(0.1, 1.0), full=TimeShares(0.75, 32.0))


def span(value: float, low: float | None = None, high: float | None = None) -> Span:
    return Span(value=value, low=value if low is None else low, high=value if high is None else high)


def option(name: Any = "on-demand", **changes: Any) -> PurchaseCost:
    plain = {"instances": 4, "usd_per_month": span(1000.0, 900.0, 1100.0), "usd_total": span(12_000.0), "satisfies": True, "chosen": True}
    return PurchaseCost(option=name, reason="", **{**plain, **changes})


def offer(host: str, price: float, **changes: Any) -> HostedOffer:
    plain = HostedOffer(
        host=host, model=f"{host} model", same_model=True, current=True, status="listed", ends=None, input=price, output=price, cached=None,
        batch_input=None, batch_output=None, as_of=date(2026, 11, 1), source="x",
    )  # fmt: skip
    return replace(plain, **changes)


class Market:
    """Prices that are given, and what was asked of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.options: list[PurchaseCost] = [option()]
        self.offers: list[HostedOffer] = []
        self.most, self.own = MOST, None
        self.needs: list[Need] = []
        monkeypatch.setattr(module, "held", lambda plan: OWN)
        monkeypatch.setattr(module, "most_held", lambda plan: self.most)
        monkeypatch.setattr(module, "beside", lambda *args, **more: self.own)
        monkeypatch.setattr(module.purchase, "costs", self._costs)
        monkeypatch.setattr(module.hosted, "offers", lambda model, today: tuple(self.offers))

    def _costs(self, need: Need) -> tuple[PurchaseCost, ...]:
        self.needs.append(need)
        return tuple(self.options)

    def compared(self, plan: Plan = PLAN, **wanted: Any) -> Comparison:
        return comparison(plan, WantedComparison(**wanted), now=NOW)


@pytest.fixture
def market(monkeypatch: pytest.MonkeyPatch) -> Market:
    return Market(monkeypatch)


def full_with(market: Market, utilisation: float) -> None:
    """Let the replicas hold so much that the asked load is this share of it."""
    market.most = replace(MOST, requests_per_s=span(4.0 / REPLICAS / utilisation))


@pytest.mark.parametrize("used", [0.2, 0.5, 0.95, 0.999, 1.0])
def test_idle_cost_is_the_unused_share_of_the_month(market: Market, used: float) -> None:
    """Also where it is a twentieth or a thousandth of it; a cluster that is just full has none."""
    full_with(market, used)
    found = market.compared()
    assert used == pytest.approx(found.utilisation)
    assert 1000.0 * (1 - used) == pytest.approx(found.idle_usd_per_month, abs=1e-9)


def test_idle_cost_is_never_below_nothing(market: Market) -> None:
    """A load beyond what the targets allow leaves nothing idle, and nothing comes back."""
    full_with(market, 1.5)
    assert (1.5, 0.0) == (pytest.approx(market.compared().utilisation), market.compared().idle_usd_per_month)


def test_what_the_instances_hold_is_that_of_all_their_replicas(market: Market) -> None:
    """Two groups of two instances with three replicas each, in the layout that holds the most."""
    found = market.compared()
    assert REPLICAS * 2.0 * 1280 * 86_400 == pytest.approx(found.capacity_tokens_per_day.value)
    assert REPLICAS * 1.0 * 1280 * 86_400 == pytest.approx(found.capacity_tokens_per_day.low)
    assert TOKENS == pytest.approx(found.volume.tokens_per_month.value)
    assert 4.0 / (2.0 * REPLICAS) == pytest.approx(found.utilisation)


@pytest.mark.parametrize(("paid", "hours"), [(None, MONTH_H), (200.0, 200.0)])
def test_a_month_is_full_in_the_hours_that_are_paid(market: Market, paid: float | None, hours: float) -> None:
    """Those of the chosen way; all of them where it does not say."""
    market.options = [option(paid_hours_per_month=span(paid) if paid else None)]
    assert hours == paid_hours(market.options[0])
    assert TOKENS / (2.0 * REPLICAS * 1280 * 3600 * hours) == pytest.approx(market.compared().utilisation)


def test_the_cheap_edge_of_a_token_is_the_least_money_for_the_most_tokens(market: Market) -> None:
    """By the million, at the asked load and when full, each with its own shares of the time."""
    asked, full = market.compared().tokens
    assert ("asked load", "full capacity") == (asked.at, full.at)
    tokens = 2.0 * REPLICAS * 1280 * 3600 * MONTH_H
    assert 1000 / TOKENS * 1e6 == pytest.approx(asked.usd_per_mtok.value, rel=1e-9)
    assert 1000 / tokens * 1e6 == pytest.approx(full.usd_per_mtok.value, rel=1e-9)
    assert 900 / (tokens * 2) * 1e6 == pytest.approx(full.usd_per_mtok.low, rel=1e-9)
    assert 1100 / (tokens / 2) * 1e6 == pytest.approx(full.usd_per_mtok.high, rel=1e-9)
    assert (0.25, 4.0, 0.75, 32.0) == (asked.prefill_time_share, asked.batch, full.prefill_time_share, full.batch)


def test_prompts_and_answers_divide_the_cost_by_their_time(market: Market) -> None:
    """A prompt is four fifths of the tokens here: C x s / input, C x (1 - s) / output."""
    for one, share in zip(market.compared().tokens, (0.25, 0.75), strict=True):
        assert one.usd_per_mtok.value * share / 0.8 == pytest.approx(one.usd_per_mtok_input.value)
        assert one.usd_per_mtok.value * (1 - share) / 0.2 == pytest.approx(one.usd_per_mtok_output.value)


@pytest.mark.parametrize("options", [[], [option(chosen=False)], [option(usd_per_month=None)]])
def test_without_a_known_price_there_is_no_comparison(market: Market, options: list[PurchaseCost]) -> None:
    """It names the type and the region."""
    market.options = options
    with pytest.raises(Finding, match=rf"^no price of {PLAN.instance_type} in {PLAN.region} is known for any pricing option$"):
        market.compared()


@pytest.mark.parametrize(
    ("usd", "same", "ends"),
    [
        (0.01, True, "{volume} buy tokens: 4 instances with on-demand pricing at $1,000 a month, A charges $135 for the same model ("),
        (1.0, True, "{volume} self-host: 4 instances with on-demand pricing at $1,000 a month, A charges $13,455 for the same model ("),
        (1.0, False, "{volume}: 4 instances with on-demand pricing at $1,000 a month; no known host offers this model now."),
    ],
)
def test_the_cheaper_of_the_two_is_the_decision(market: Market, usd: float, same: bool, ends: str) -> None:
    """Of the same model alone; another one is no answer to the question."""
    market.offers = [offer("A", usd, same_model=same)]
    assert market.compared().decision.startswith(ends.format(volume="At 13,455 M tokens a month"))


def test_at_the_same_price_tokens_are_bought(market: Market) -> None:
    """Self-hosting has to cost less."""
    market.offers = [offer("A", 0.25)]
    price = market.compared().hosted[0].usd_per_month.value
    market.options = [option(usd_per_month=span(price))]
    assert " buy tokens: " in market.compared().decision
    market.options = [option(usd_per_month=span(price * 0.999999))]
    assert " self-host: " in market.compared().decision


def owned(usd_per_year: float) -> Owned:
    nothing = span(1.0)
    return Owned(
        system="dgx", systems=1, gpus=8, sized_as="x", replicas_per_system=1.0, lines=(), usd_per_year=span(usd_per_year, 1.0, 2e6),
        usd_per_gpu_hour=nothing, usd_per_mtok=nothing, usd_per_mtok_full=nothing, utilisation=0.5, break_even_utilisation={}, inputs={},
    )  # fmt: skip


@pytest.mark.parametrize(("a_year", "said"), [(1200.0, "$100"), (1199.0, "$99.92"), (120.0, "$10.00"), (1_200_000.0, "$100,000")])
def test_owned_hardware_is_told_by_the_month(market: Market, a_year: float, said: str) -> None:
    """With cents below a hundred dollars; and its years are in the totals."""
    market.own = owned(a_year)
    for market.offers in ([], [offer("A", 1.0)]):
        found = market.compared(years=5.0)
        assert found.decision.endswith(f"; owned hardware {said} a month.")
        total = found.totals[-1]
        assert ("owned", a_year * 5, 1.0 * 5, "yearly cost over its whole life") == (
            total.name,
            total.usd.value,
            total.usd.low,
            total.note,
        )
    market.own = None
    assert "owned" not in market.compared().decision + "".join(one.name for one in market.compared().totals)


@pytest.mark.parametrize(("instances", "said"), [(1, ": 1 instance with"), (2, ": 2 instances with")])
def test_one_instance_is_not_several(market: Market, instances: int, said: str) -> None:
    """In the sentence."""
    market.options = [option(instances=instances)]
    assert said in market.compared().decision


def test_the_volume_is_told_in_millions(market: Market) -> None:
    """Every one of them, and the break-even with the price of the same model."""
    market.offers = [offer("A", 1.0)]
    found = market.compared(load_share=1000.0)
    assert found.decision.startswith("At 13,455,360 M tokens a month ")
    turn = found.hosted[0].break_even
    assert turn and turn.says and found.decision.endswith(f" for the same model ({turn.says}).")


def test_what_is_wanted_is_a_value() -> None:
    """Two equal questions are one."""
    assert 1 == len({WantedComparison(), WantedComparison(months=12.0)})


def test_offers_stand_by_model_then_by_whether_they_are_sold_then_by_price(market: Market) -> None:
    """Whatever the facts' order is; only what is sold has a break-even."""
    market.offers = [
        offer("F", 0.1, same_model=False), offer("D", 0.1, current=False), offer("B", 3.0), offer("E", 5.0, same_model=False),
        offer("A", 2.0), offer("C", 0.05, current=False),
    ]  # fmt: skip
    found = market.compared().hosted
    assert ["A", "B", "C", "D", "F", "E"] == [one.host for one in found]
    assert [True, True, False, False, True, True] == [one.break_even is not None for one in found]
    same, other = cheapest(found, same=True), cheapest(found, same=False)
    assert same and other and ("A", "F") == (same.host, other.host)
    assert cheapest(tuple(one for one in found if not one.current), same=True) is None
    assert 2.0 * TOKENS / 1e6 == pytest.approx(found[0].usd_per_month.value)


def test_a_batch_is_taken_where_a_host_has_one(market: Market) -> None:
    """At both of its prices, without the cache; at the plain prices elsewhere; never at half of a price."""
    cached = {"input": 1.0, "output": 2.0, "cached": 0.5}
    market.offers = [
        offer("A", 1.0, **cached, batch_input=0.4, batch_output=0.9), offer("B", 1.0, **cached),
        offer("C", 1.0, batch_output=0.9), offer("D", 1.0, **cached, batch_input=0.4),
    ]  # fmt: skip
    plain = {one.host: one for one in market.compared().hosted}
    batch = {one.host: one for one in market.compared(batch=True).hosted}
    assert ({"A", "B", "C", "D"}, {"A", "B", "D"}) == (plain.keys(), batch.keys())
    prices = [
        (one.usd_per_mtok_input, one.usd_per_mtok_output, one.usd_per_mtok_cached, one.batch)
        for one in (batch["A"], batch["B"], plain["A"])
    ]
    assert [(0.4, 0.9, None, True), (1.0, 2.0, 0.5, False), (1.0, 2.0, 0.5, False)] == prices
    assert 0.8 * 0.4 + 0.2 * 0.9 == pytest.approx(batch["A"].usd_per_mtok)


def test_a_free_half_of_an_offer_costs_nothing(market: Market) -> None:
    """A host that asks nothing for prompts."""
    market.offers = [offer("A", 1.0, input=0.0), offer("B", 2.0, output=0.0)]
    assert [(0.0, 1.0), (2.0, 0.0)] == [(one.usd_per_mtok_input, one.usd_per_mtok_output) for one in market.compared().hosted]


def test_totals_are_of_the_years_of_the_comparison(market: Market) -> None:
    """Instances by each way that has a price and satisfies, the cheapest API of the same model and of another."""
    market.options = [
        option(), option("spot", chosen=False, satisfies=False), option("savings-plan-1y", chosen=False, usd_total=None),
        option("capacity-block", chosen=False, instances=2, usd_total=span(7.0)),
    ]  # fmt: skip
    market.offers = [offer("A", 1.0), offer("B", 2.0), offer("O", 4.0, same_model=False)]
    found = market.compared(years=2.0, months=6.0)
    month = TOKENS / 1e6
    assert [
        ("on-demand", 12_000.0, "4 x p5.48xlarge"), ("capacity-block", 7.0, "2 x p5.48xlarge"),
        ("API, A", pytest.approx(month * 24), "A model"), ("API, O", pytest.approx(month * 4 * 24), "O model, another model"),
    ] == [(one.name, one.usd.value, one.note) for one in found.totals]  # fmt: skip
    assert [6.0, 24.0] == [one.months for one in market.needs]
    assert 2.0 == found.years


def test_what_is_needed_is_asked_of_the_prices(market: Market) -> None:
    """The plan's instances in their groups, for the asked hours; a year, and three of the totals, where nothing else is asked."""
    found = market.compared()
    assert Need(PLAN.instance_type, PLAN.region, 4, 2, ALWAYS, span(0.0), 12.0) == market.needs[0]
    assert [12.0, 36.0] == [one.months for one in market.needs]
    assert (12.0, 3.0) == (found.hours.months, found.years)
    market.compared(interruptible=True)
    assert [False, False, True, True] == [one.interruptible for one in market.needs]


def test_a_start_is_paid_before_each_opening(market: Market) -> None:
    """What the plan says of its time to ready, in hours, with both edges."""
    ready = SimpleNamespace(total=SimpleNamespace(value=1800.0, low=900.0, high=3600.0))
    plan = PLAN.model_copy(update={"time_to_ready": ready})
    found = market.compared(plan, schedule=parse("Mon-Fri 08:00-18:00 Europe/Berlin")).hours
    assert (span(0.5, 0.25, 1.0), 5, 50.0, 5) == (found.start_h, found.starts_per_week, found.open_hours_per_week, found.open_days_per_week)
    assert (52.5, 51.25, 55.0) == (found.paid_hours_per_week.value, found.paid_hours_per_week.low, found.paid_hours_per_week.high)


def test_a_smaller_mean_load_is_fewer_tokens(market: Market) -> None:
    """All of it where nothing is said."""
    whole, half = market.compared(), market.compared(load_share=0.5)
    assert (TOKENS, TOKENS / 2) == (pytest.approx(whole.volume.tokens_per_month.value), pytest.approx(half.volume.tokens_per_month.value))


FREE_START = "the plan has no time to ready: starts count as free"
TODAYS = "costs over {years:g} years assume today's prices throughout"


@pytest.mark.parametrize(
    ("changes", "wanted", "said", "not_said"),
    [
        ({}, {}, [FREE_START, TODAYS.format(years=3)], ["cache", "guards"]),
        ({}, {"months": 36.0}, [FREE_START], ["today's prices"]),
        ({}, {"months": 35.9}, [TODAYS.format(years=3)], []),
        ({}, {"months": 6.0, "years": 0.5}, [], ["today's prices"]),
        ({"guards": (SimpleNamespace(usd_per_hour=1.25), SimpleNamespace(usd_per_hour=0.5))}, {}, ["guards cost $1.75 an hour more"], []),
        ({"time_to_ready": SimpleNamespace(total=span(60.0))}, {}, [], [FREE_START]),
        ({"cached": 0.5}, {}, ["writes to a prompt cache are not counted"], ["batch prices"]),
        ({"cached": 0.5}, {"batch": True}, ["writes to a prompt cache are not counted", "batch prices are used without"], []),
        ({}, {"batch": True}, [], ["batch prices", "prompt cache"]),
    ],
)
def test_what_is_assumed_is_said_where_it_is(
    market: Market, changes: dict[str, Any], wanted: dict[str, Any], said: list[str], not_said: list[str]
) -> None:
    """And nowhere else."""
    request = PLAN.request.replaced(prefix_hit_rate=changes.pop("cached", 0.0))
    found = "\n".join(market.compared(PLAN.model_copy(update={**changes, "request": request}), **wanted).assumptions)
    assert all(one in found for one in said), found
    assert not any(one in found for one in not_said), found


def candidate(name: str, usd: float, capacity: float | None) -> Any:
    return SimpleNamespace(instance_type=name, usd_per_hour=usd, capacity_requests_per_s=capacity)


def test_the_cheapest_type_when_full_is_named(market: Market) -> None:
    """By what a token costs there, not by the hour; one whose capacity is not known is left out."""
    types = (candidate("dear", 10e6, 1.0), candidate("cheap", 20e6, 4.0), candidate("unknown", 0.1, None))
    found = "\n".join(market.compared(PLAN.model_copy(update={"candidates": types})).assumptions)
    usd = 20e6 / 4.0 / (1280 * 3600) * 1e6
    assert f"a larger volume uses more {PLAN.instance_type}; at full utilisation and without targets cheap is" in found
    assert f"the cheapest candidate, ${usd:.3f}" in found
    for nobody in ((), (candidate("unknown", 0.1, None),)):
        assert "at full utilisation" not in "\n".join(market.compared(PLAN.model_copy(update={"candidates": nobody})).assumptions)
