"""What is said beside a total."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from inferstack.pricing.bill import caveats
from inferstack.pricing.bill.bill import bill
from inferstack.pricing.rates.rates import on_demand
from tests.pricing.cluster import REGION, cluster, group, registration, template

TODAY = date(2026, 11, 23)


def kinds(found: tuple[caveats.Caveat, ...]) -> list[str]:
    return [one.kind for one in found]


def test_old_prices_are_said_with_their_number_and_the_oldest_date() -> None:
    """8 of the 9 prices of the cluster are older than 30 days; the ninth is from memory, which is said too."""
    found = caveats.caveats(bill(cluster(), region=REGION, hours_until_expiry=4), today=TODAY)
    assert ["stale", "unverified", "usage-based"] == kinds(found)
    assert found[0].sentence.startswith("8 of 9 prices are older than 30 days, the oldest of 2024-07-01 (875 days)")
    assert "1 price is recalled or assumed, not read from AWS" == found[1].sentence
    assert ["public IPv4 address"] == [line.component for line in found[1].lines]


@pytest.mark.parametrize(("days", "stale"), [(0, False), (30, False), (31, True)])
def test_a_price_is_stale_after_thirty_days(days: int, stale: bool) -> None:
    """The day counts, not the month."""
    rate = on_demand("g6.12xlarge", REGION)
    assert rate is not None
    bare = bill([template(blockDeviceMappings=[]), group()], region=REGION, hours_until_expiry=4)
    assert stale == (caveats.stale(bare, today=rate.as_of + timedelta(days=days)) is not None)


def test_a_refused_total_comes_first_and_what_has_no_price_after_it() -> None:
    """The reader meets the worst news first."""
    found = caveats.caveats(bill(cluster(), region="eu-west-1", hours_until_expiry=4), today=TODAY)
    assert ["refused", "unpriced"] == kinds(found)
    assert found[0].sentence.startswith("no total: aws:autoscaling/group:Group::nodes")


def test_a_bill_without_charge_needs_no_word() -> None:
    """Nothing to say is said with nothing."""
    assert () == caveats.caveats(bill([registration("aws:ec2/vpc:Vpc", "vpc")], region=REGION, hours_until_expiry=None), today=TODAY)
