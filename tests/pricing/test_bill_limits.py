"""A bill beside its limits: one line, or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from inferstack.pricing.bill import bill
from inferstack.pricing.limits import over, passed
from tests.pricing.cluster import REGION, cluster, template
from tests.pricing.test_bill_properties import swapped

FOUR_HOURS = bill(cluster(), region=REGION, hours_until_expiry=4)
HOURLY = FOUR_HOURS.usd_per_hour or 0


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({}, None),
        ({"max_usd_per_hour": HOURLY}, None),
        ({"max_usd": 4 * HOURLY}, None),
        ({"max_usd_per_hour": 1.0}, f"${HOURLY:,.2f} an hour is over max_usd_per_hour 1"),
        ({"max_usd": 10.0}, f"${4 * HOURLY:,.2f} until it expires in 4.0 h is over max_usd 10"),
        ({"max_usd_per_hour": 1.0, "max_usd": 10.0}, f"${HOURLY:,.2f} an hour is over max_usd_per_hour 1"),
    ],
)
def test_one_line_says_which_limit_is_passed(limits: dict[str, float], said: str | None) -> None:
    """At the limit is within it."""
    assert said == passed(FOUR_HOURS, **{"max_usd_per_hour": None, "max_usd": None, **limits})


def test_no_total_keeps_no_limit() -> None:
    """Even where none is set: what cannot be priced cannot be allowed."""
    refused = bill(swapped(template(instanceType="p9.48xlarge")), region=REGION, hours_until_expiry=4)
    assert (passed(refused, max_usd_per_hour=None, max_usd=None) or "").startswith("no total")


def test_what_never_expires_has_no_total_to_limit() -> None:
    """A base stack."""
    assert passed(bill(cluster(), region=REGION, hours_until_expiry=None), max_usd_per_hour=None, max_usd=0.01) is None


@pytest.mark.parametrize(("usd", "limit", "shown"), [(5.004, 5, "$5.0040"), (5.01, 5, "$5.01"), (5.0000001, 5, "$5.000000100")])
def test_a_figure_is_never_rounded_onto_the_limit(usd: float, limit: float, shown: str) -> Any:
    """`$5.00 is over 5` would be nonsense."""
    assert (over(usd, limit, "an hour", "max_usd_per_hour") or "").startswith(shown + " an hour")
