"""Spot prices, savings plans and capacity blocks into records."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from inferstack.pricing.rates import offers
from inferstack.pricing.rates.price_list import Readings

TODAY = date(2026, 11, 27)


def spot(*rows: dict[str, Any]) -> Readings:
    return offers.spot(rows, region="us-east-1", today=TODAY, zone_ids={"us-east-1a": "use1-az4"}, on_demand={"g6.xlarge": 0.8})


def row(**changed: Any) -> dict[str, Any]:
    told = {"InstanceType": "g6.xlarge", "ProductDescription": "Linux/UNIX", "SpotPrice": "0.400000", "AvailabilityZone": "us-east-1a"}
    return {**told, "Timestamp": 2, **changed}


def test_the_newest_spot_price_of_a_zone_counts_under_the_zones_id() -> None:
    """A zone's name means another place in another account; its id does not."""
    (record,) = spot(row(Timestamp=1, SpotPrice="9.0"), row(), row(Timestamp=0, SpotPrice="8.0")).records
    assert ("ec2/spot/g6.xlarge", "use1-az4", 0.4) == (record["key"], record["zone"], record["usd"])


def test_a_zone_without_an_id_and_another_system_are_left_out() -> None:
    """Windows is another price; a zone that this account cannot name would be counted twice later."""
    assert [] == spot(row(AvailabilityZone="us-east-1z"), row(ProductDescription="Windows")).records


def test_a_spot_price_equal_to_on_demand_says_so() -> None:
    """There is no spare capacity then, and nothing to save."""
    (record,) = spot(row(SpotPrice="0.8")).records
    assert "no spare capacity" in record["note"]
    assert "note" not in spot(row()).records[0]


@pytest.mark.parametrize("price", ["0", "-1", "", None, "inf"])
def test_a_spot_price_that_is_none_is_told(price: Any) -> None:
    """The zone stands in the line."""
    found = spot(row(SpotPrice=price))
    assert [] == found.records
    assert found.failed["ec2/spot/g6.xlarge"].startswith("use1-az4: its price ")


def plan(
    rate: str = "0.5", *, years: int = 1, kind: str = "EC2Instance", unit: str = "Hrs", currency: str = "USD", **properties: str
) -> dict[str, Any]:
    told = {"instanceType": "g6.xlarge", "region": "us-east-1", "tenancy": "shared", "productDescription": "Linux/UNIX", **properties}
    offering = {"planType": kind, "durationSeconds": years * 31_536_000, "currency": currency}
    return {"savingsPlanOffering": offering, "rate": rate, "unit": unit, "properties": [{"name": n, "value": v} for n, v in told.items()]}


def plans(*rows: dict[str, Any]) -> Readings:
    return offers.savings_plans(rows, region="us-east-1", today=TODAY, wanted=frozenset({"g6.xlarge"}))


def test_a_savings_plan_is_a_rate_of_its_kind_and_years() -> None:
    """31,536,000 s are a year; a Compute plan is another price than one of the instance family."""
    found = plans(plan("0.59"), plan("0.4", years=3), plan("0.66", kind="Compute"), plan("0.1", kind="SageMaker"))
    assert {"ec2/savings-plan-1y/g6.xlarge": 0.59, "ec2/savings-plan-3y/g6.xlarge": 0.4, "ec2/compute-savings-plan-1y/g6.xlarge": 0.66} == {
        one["key"]: one["usd"] for one in found.records
    }


def test_what_is_not_linux_on_shared_hardware_here_is_left_out() -> None:
    """Dedicated tenancy, Windows, another region and another type are other rates."""
    others = (plan(tenancy="dedicated"), plan(productDescription="Windows"), plan(region="eu-west-1"), plan(instanceType="m5.large"))
    assert ([], {}) == (plans(*others).records, plans(*others).failed)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((plan(unit="Request"),), "its rate is per Request, expected Hrs"),
        ((plan(currency="CNY"),), "its price is in CNY, not in USD"),
        ((plan("0.5"), plan("0.6")), "2 rates differ ($0.5, $0.6)"),
    ],
)
def test_a_rate_that_cannot_be_used_says_why(rows: tuple[dict[str, Any], ...], said: str) -> None:
    """And makes no record."""
    found = plans(*rows)
    assert ([], said) == (found.records, found.failed["ec2/savings-plan-1y/g6.xlarge"])


def block(fee: str = "768.0", **changed: Any) -> dict[str, Any]:
    told = {"InstanceType": "p5.48xlarge", "InstanceCount": 1, "CapacityBlockDurationHours": 24, "UpfrontFee": fee, "CurrencyCode": "USD"}
    return {**told, **changed}


def blocks(*rows: dict[str, Any]) -> Readings:
    return offers.capacity_blocks(rows, region="us-east-1", today=TODAY, accelerators={"p5.48xlarge": 8}.get)


def test_a_block_is_priced_by_the_accelerator_hour_at_its_dearest() -> None:
    """$1,536 for two instances of eight for a day are $4.00."""
    (record,) = blocks(block("1536.0", InstanceCount=2), block("600")).records
    assert (4.0, "accelerator-hour", 8) == (record["usd"], record["unit"], record["accelerators"])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (block(CurrencyCode="CNY"), "its price is in CNY, not in USD"),
        (block(CapacityBlockDurationHours=0), "the fee covers no hours"),
        (block("gratis"), "its price 'gratis' is not a number"),
        (block(InstanceType="p9.48xlarge"), "the number of accelerators of the type is not known"),
    ],
)
def test_an_offering_that_cannot_be_used_says_why(row: dict[str, Any], said: str) -> None:
    """And makes no record."""
    found = blocks(row)
    assert ([], [said]) == (found.records, list(found.failed.values()))
