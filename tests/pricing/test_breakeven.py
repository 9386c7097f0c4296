"""inferstack.pricing.purchase.breakeven: the volume at which steps of instances cost what the tokens cost, by solving and by looking."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inferstack.pricing.purchase.breakeven import MOST_WINDOWS, Steps, stretches

STEPS = st.builds(Steps, tokens=st.floats(1e6, 1e12), usd=st.floats(1, 1e6), spare=st.integers(0, 3))
PRICES = st.floats(0.001, 100)


def wins(steps: Steps, price: float, tokens: float) -> bool:
    return steps.cost(tokens) <= price * tokens / 1e6 * (1 + 1e-9)


def test_one_group_that_earns_its_price_alone() -> None:
    """100 $ for up to 200 M tokens at 1 $ a million: from 100 M on; the second step is dearer again until 200 M, which it meets at once."""
    found = stretches(Steps(tokens=200e6, usd=100), 1.0)
    assert [(100e6, None, 1)] == [(one.begin, one.end, one.groups) for one in found]


def test_a_step_is_dearer_again_until_its_own_break_even() -> None:
    """120 M tokens a group: 100 M to 120 M, 200 M to 240 M ... from 500 M on for ever, where the sixth begins cheaper."""
    found = stretches(Steps(tokens=120e6, usd=100), 1.0)
    assert [(100, 120, 1), (200, 240, 2), (300, 360, 3), (400, 480, 4)] == [
        (one.begin / 1e6, one.end / 1e6, one.groups) for one in found[:-1] if one.end
    ]
    assert (500e6, None, 5) == (found[-1].begin, found[-1].end, found[-1].groups)


def test_there_is_none_when_a_full_group_costs_more_than_its_tokens() -> None:
    """Not at any number of groups; nor where the spare one is never earned within the limit."""
    assert () == stretches(Steps(tokens=90e6, usd=100), 1.0)
    assert () == stretches(Steps(tokens=101e6, usd=100, spare=2, most=100), 1.0)


def test_a_spare_group_moves_the_break_even() -> None:
    """Two groups are paid for one that serves: 200 M instead of 100 M tokens."""
    found = stretches(Steps(tokens=250e6, usd=100, spare=1), 1.0)
    assert 200e6 == found[0].begin and 1 == found[0].groups


def test_just_paid_when_full_is_a_single_point() -> None:
    """The break-even is at 100 %, and nowhere between."""
    assert [(100e6, 100e6)] == [(one.begin, one.end) for one in stretches(Steps(tokens=100e6, usd=100), 1.0)]


@given(STEPS, PRICES)
def test_at_the_break_even_volume_the_tokens_cost_what_the_instances_cost(steps: Steps, price: float) -> None:
    """Volume x price = cost, within rounding, wherever the break-even lies inside a step."""
    for one in stretches(steps, price)[:1]:
        if one.begin > (one.groups - 1) * steps.tokens * (1 + 1e-9):
            assert pytest.approx((one.groups + steps.spare) * steps.usd) == one.begin * price / 1e6
            assert one.begin <= one.groups * steps.tokens * (1 + 1e-9)


@given(STEPS, PRICES, st.floats(0.01, 40))
def test_what_is_solved_is_what_looking_finds(steps: Steps, price: float, groups: float) -> None:
    """At any volume: inside a stretch self-hosting wins, outside it does not, as far as windows are listed."""
    found, tokens = stretches(steps, price), groups * steps.tokens
    listed = len(found) <= 1 or tokens < found[0].begin + MOST_WINDOWS * steps.tokens * 0.9 or tokens >= found[-1].begin
    assume(listed)
    near = any(abs(tokens - edge) < 1e-6 * tokens for one in found for edge in (one.begin, one.end) if edge)
    assume(not near)
    inside = any(one.begin <= tokens and (one.end is None or tokens <= one.end) for one in found)
    assert inside == wins(steps, price, tokens)


@given(STEPS, st.floats(0.01, 1), st.floats(0.01, 1), st.integers(1, 50))
def test_more_volume_never_makes_a_token_dearer_within_one_instance_count(steps: Steps, one: float, other: float, groups: int) -> None:
    """The cost of a step is fixed, so each token of it costs less the more there are."""
    low, high = sorted((groups - 1 + one, groups - 1 + other))
    a, b = low * steps.tokens, high * steps.tokens
    assume(steps.groups(a) == steps.groups(b))
    assert steps.cost(b) / b <= steps.cost(a) / a * (1 + 1e-9)


@given(STEPS, PRICES, st.floats(1.01, 10))
def test_a_higher_price_of_tokens_never_moves_the_break_even_up(steps: Steps, price: float, factor: float) -> None:
    """What is dear to buy is sooner made oneself."""
    before, after = stretches(steps, price), stretches(steps, price * factor)
    if before:
        assert after and after[0].begin <= before[0].begin * (1 + 1e-9)
