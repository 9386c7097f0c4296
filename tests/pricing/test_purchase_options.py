"""inferstack.pricing.purchase.options: ways to buy the same instances, each with its rate or the lack of one."""

from __future__ import annotations

import pytest

from inferstack.pricing.purchase.options import purchase_options
from inferstack.pricing.rates.rates import history, on_demand
from inferstack.records.plan import PurchaseOption

NAMES = ["on-demand", "spot", "capacity-block", "savings-plan"]


def of(instance_type: str, region: str = "us-east-1", count: int = 1) -> dict[str, PurchaseOption]:
    return {one.option: one for one in purchase_options(instance_type, region, count)}


@pytest.mark.parametrize("instance_type", ["g6.xlarge", "p5.48xlarge", "g5.xlarge"])
def test_every_option_is_named_and_only_on_demand_is_deployed(instance_type: str) -> None:
    """One without a rate says that, it is not left out."""
    found = of(instance_type)
    assert NAMES == list(found)
    assert ["on-demand"] == [name for name, one in found.items() if one.deployable]
    assert all(one.note and one.as_of is None for one in found.values() if one.usd_per_hour is None)
    assert all(one.source and one.as_of for one in found.values() if one.usd_per_hour is not None)


def test_the_cost_is_of_all_instances() -> None:
    """Three cost three times one."""
    one, three = of("g6.xlarge"), of("g6.xlarge", count=3)
    rate = on_demand("g6.xlarge", "us-east-1")
    assert rate and pytest.approx(3 * rate.usd) == three["on-demand"].usd_per_hour
    assert pytest.approx(3 * (one["spot"].usd_per_hour or 0)) == three["spot"].usd_per_hour


def test_spot_is_the_dearest_zone_of_the_newest_snapshot() -> None:
    """A plan does not choose the zone; the cheapest is told."""
    usd = [one.usd for one in history("ec2/spot/g6.xlarge") if one.region == "us-east-1"]
    spot = of("g6.xlarge")["spot"]
    assert max(usd) == spot.usd_per_hour
    assert f"from ${min(usd):.2f}/h" in spot.note and "two minutes" in spot.note


def test_a_capacity_block_is_paid_by_the_accelerator() -> None:
    """The newest dated rate times the eight GPUs of the type."""
    newest = max((one for one in history("ec2/capacity-block/p5.48xlarge") if one.region == "us-east-1"), key=lambda one: one.as_of)
    block = of("p5.48xlarge")["capacity-block"]
    assert pytest.approx(8 * newest.usd) == block.usd_per_hour
    assert newest.as_of == block.as_of


def test_a_region_without_rates_has_none() -> None:
    """Never another region's."""
    assert [None] * 4 == [one.usd_per_hour for one in of("g6.xlarge", region="af-south-1").values()]
