"""Prices that fall in steps: what lies in each step, at its edges."""

from __future__ import annotations

import pytest

from inferstack.pricing.services.tiers import Tier, parts, steps

TIERS = (Tier("first", 10.0), Tier("second", 50.0), Tier("rest", None))


@pytest.mark.parametrize(
    ("quantity", "within"),
    [
        (0.0, [("first", 0.0)]),
        (5.0, [("first", 5.0)]),
        (10.0, [("first", 10.0)]),
        (10.5, [("first", 10.0), ("second", 0.5)]),
        (50.0, [("first", 10.0), ("second", 40.0)]),
        (51.0, [("first", 10.0), ("second", 40.0), ("rest", 1.0)]),
    ],
)
def test_the_first_tier_stands_even_for_a_quantity_of_nothing(quantity: float, within: list[tuple[str, float]]) -> None:
    """Its rate is the one that is shown; a further tier stands only for what lies in it, from its lower end to its upper."""
    assert within == [(tier.key, amount) for tier, amount in parts(quantity, TIERS)]


def test_a_rate_without_steps_is_one_tier_without_an_end() -> None:
    """All of a quantity has its price."""
    assert (Tier("natgateway-hour", None),) == steps("natgateway-hour")
    assert [(Tier("natgateway-hour", None), 7.0)] == list(parts(7.0, steps("natgateway-hour")))


def test_a_tier_is_a_value() -> None:
    """Equal steps are one key of a table."""
    assert 1 == len({Tier("a", 1.0), Tier("a", 1.0)})
