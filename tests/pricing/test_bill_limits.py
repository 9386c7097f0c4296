"""A bill beside its limits: one line, or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from inferstack.pricing.bill.bill import bill
from inferstack.pricing.bill.limits import over, passed
from inferstack.records.preview import BillLine
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


@pytest.mark.parametrize(
    ("gpu_bearing", "bucket", "limits", "refused"),
    [
        (True, "unpriced", {}, True),
        (True, "priced", {}, False),
        (False, "unpriced", {}, False),
        (False, "unpriced", {"max_usd": 100.0}, True),
        (False, "unpriced", {"max_usd_per_hour": 100.0}, True),
    ],
)
def test_a_gpu_without_a_price_is_refused_without_a_limit(gpu_bearing: bool, bucket: Any, limits: dict[str, float], refused: bool) -> None:
    """What has no price and no GPU can only miss a limit that somebody set."""
    line = BillLine(resource="a::b", resource_type="a", component="c", bucket=bucket, gpu_bearing=gpu_bearing)
    without = FOUR_HOURS.model_copy(update={"lines": (line,), "usd_per_hour": None, "usd_until_expiry": None, "refused": "no total: b"})
    assert ("no total: b" if refused else None) == passed(without, **{"max_usd_per_hour": None, "max_usd": None, **limits})


@pytest.mark.parametrize(("usd", "limit"), [(None, 1.0), (1.0, None), (1.0, 1.0), (0.99, 1.0)])
def test_nothing_is_over_what_is_not_known_or_not_reached(usd: float | None, limit: float | None) -> None:
    """At the limit is within it."""
    assert over(usd, limit, "an hour", "max_usd") is None


@pytest.mark.parametrize(
    ("usd", "limit", "shown"),
    [(1.01, 1, "$1.01"), (1.0101, 1.01, "$1.0101"), (1.000001, 1, "$1.000001"), (1.0000000001, 1, "$1.000000000")],
)
def test_a_figure_has_two_four_or_six_digits_until_it_is_over(usd: float, limit: float, shown: str) -> None:
    """The fewest that show that it is; nine where even six do not."""
    assert f"{shown} an hour is over max_usd {limit:g}" == over(usd, limit, "an hour", "max_usd")
