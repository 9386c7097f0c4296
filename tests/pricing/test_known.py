"""Which prices are known, how old they are, and what is missing by region."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from inferstack.pricing.rates import known, rates
from inferstack.pricing.rates.price_queries import SERVICES

TODAY = date(2026, 11, 27)


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERSTACK_DIR", str(tmp_path))


def test_of_each_key_and_region_the_newest_is_listed() -> None:
    """The one that a bill would use."""
    (one,) = known.listed(region="us-east-1", pattern="ec2/on-demand/p5.48xlarge", today=TODAY)
    assert rates.on_demand("p5.48xlarge", "us-east-1") == one.rate
    assert (TODAY - one.rate.as_of).days == one.age_days


@pytest.mark.parametrize(("day", "stale"), [(date(2026, 8, 19), False), (date(2026, 8, 20), True)])
def test_a_price_is_old_after_30_days(day: date, stale: bool) -> None:
    """The same 30 days as in a bill's caveats; the price is of 2026-07-20."""
    (one,) = known.listed(region="us-east-1", pattern="ec2/on-demand/g6.xlarge", today=day)
    assert ("2026-07-20", stale) == (str(one.rate.as_of), one.stale)


def test_a_pattern_is_a_part_or_has_signs() -> None:
    """`nat` finds both gateway prices, `ec2/spot/p5*` the spot prices by zone."""
    assert ["vpc/nat-gateway/data", "vpc/nat-gateway/hour"] == [
        one.rate.key for one in known.listed(region="us-east-1", pattern="nat-gat", today=TODAY)
    ]
    zones = [one.rate.zone for one in known.listed(region="us-west-2", pattern="ec2/spot/p5.*", today=TODAY)]
    assert len(zones) > 1 and None not in zones
    assert [] == list(known.listed(region="us-west-2", pattern="spot/p5.*", today=TODAY))


def test_everything_listed_is_in_its_region_or_everywhere() -> None:
    """No price of another region is shown."""
    assert {"eu-central-1", "global"} >= {one.rate.region for one in known.listed(region="eu-central-1", pattern=None, today=TODAY)}


def test_what_a_bill_could_need_is_what_some_region_prices_or_the_list_is_asked_for() -> None:
    """Tokens and owned hardware are no part of an AWS bill, instances are counted by type."""
    needed = known.needed()
    assert {key for query in SERVICES for wanted in query.wanted for key in wanted.keys} <= set(needed)
    assert not [key for key in needed if key.startswith(("tokens/", "owned/", "ec2/on-demand"))]
    assert "transfer/us-east-2" not in needed


def test_gaps_and_prices_together_are_what_is_needed() -> None:
    """Nothing is hidden: each needed price is known there or stands in the gaps."""
    for region in ("us-east-1", "eu-central-1"):
        found = known.gaps(region, today=TODAY)
        priced = {key for key in known.needed() if rates.rate(key, region)}
        assert set(known.needed()) == priced | set(found.services) and not priced & set(found.services)
        assert found.types and not set(found.types) & set(found.unpriced_types)
        assert "ec2/savings-plan-1y" in found.without


def test_a_region_without_facts_lacks_everything() -> None:
    """It is said, not left out."""
    found = known.gaps("mx-central-1", today=TODAY)
    assert ((), known.needed(), 0) == (found.types, found.services, found.stale)
