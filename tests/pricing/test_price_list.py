"""Products of the price list into records: each trap of the list alone, without a network."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferstack.pricing.bill.lines import hours_of
from inferstack.pricing.rates import price_list
from inferstack.pricing.rates.price_list import Readings, UnreadablePrice
from inferstack.pricing.rates.price_queries import SERVICES, PricedRate, Query
from tests.pricing.products import product

TODAY = date(2026, 11, 27)
HOURLY = PricedRate("vpc/nat-gateway/hour", "gateway-hour", "NatGateway-Hours", ("Hrs",))


def read(*products: dict[str, Any], wanted: PricedRate = HOURLY, prefixes: frozenset[str] = frozenset({"EUC1-"})) -> Readings:
    return price_list.read(Query("AmazonEC2", {}, (wanted,)), products, region="eu-central-1", today=TODAY, prefixes=prefixes)


def why(*products: dict[str, Any], wanted: PricedRate = HOURLY) -> str:
    found = read(*products, wanted=wanted)
    assert [] == found.records
    return found.failed[wanted.key]


def test_a_price_becomes_a_dated_record() -> None:
    """As of the day that it was read; the day from which it holds stands beside it."""
    (record,) = read(product("EUC1-NatGateway-Hours", "0.0520000000")).records
    assert record == {
        "key": "vpc/nat-gateway/hour",
        "usd": 0.052,
        "region": "eu-central-1",
        "unit": "gateway-hour",
        "as_of": "2026-11-27",
        "confidence": "verified",
        "kind": "vendor",
        "effective": "2026-11-01",
    }


@pytest.mark.parametrize(
    "usage", ["EUC1-LZX1-NatGateway-Hours", "USE2-NatGateway-Hours", "EUC1-Regional-NatGateway-Hours", "NatGateway-Hours"]
)
def test_only_the_regions_own_usage_type_counts(usage: str) -> None:
    """A local zone, another region and a product that ends alike are other prices."""
    assert "no product of AmazonEC2 matches (usage type NatGateway-Hours)" == why(product(usage, "1.0"))


def test_a_product_of_another_region_is_left_out() -> None:
    """Local zones carry their own region code."""
    assert "no product" in why(product("EUC1-NatGateway-Hours", "1.0", region="eu-central-1-ham-1"))


@pytest.mark.parametrize(
    ("region", "usages", "expected"),
    [
        ("eu-west-1", ["EU-BoxUsage:g6.xlarge"], {"EU-", "eu-west-1-"}),
        ("ap-south-1", ["APS3-BoxUsage:g6.xlarge", "APS3-DEL1-BoxUsage:g6.xlarge"], {"APS3-", "ap-south-1-"}),
        ("us-east-1", ["BoxUsage:p5.48xlarge"], {"", "USE1-", "us-east-1-"}),
        ("mx-central-1", ["MXC1-BoxUsage:g6.xlarge"], {"MXC1-", "mx-central-1-"}),
        ("eu-west-1", ["EU-Reservation:g6.xlarge"], set()),
    ],
)
def test_a_region_says_its_own_prefix(region: str, usages: list[str], expected: set[str]) -> None:
    """No table of regions can be out of date: the prefix is read from the region's instances."""
    assert expected == price_list.prefixes([product(usage, "1.0", region=region) for usage in usages], region=region)


def test_throughput_is_per_mib_and_listed_per_gib() -> None:
    """$40.96 per GiB/s are $0.04 per MiB/s."""
    (query,) = (one for one in SERVICES if any(wanted.key == "ebs/gp3/throughput" for wanted in one.wanted))
    listed = product("EUC1-EBS:VolumeP-Throughput.gp3", "40.96", unit="GiBps-mo")
    (record,) = price_list.read(query, [listed], region="eu-central-1", today=TODAY).records
    assert (0.04, "MiBps-month") == (record["usd"], record["unit"])


def test_the_first_step_above_zero_is_the_rate_and_all_steps_are_kept() -> None:
    """A free step is no price; the steps are counted in the unit of the rate."""
    wanted = PricedRate("kms/requests", "10k-requests", "KMS-Requests", ("Requests",), factor=10_000)
    listed = product("eu-central-1-KMS-Requests", [(0, "0"), (20_000, "0.000003")], unit="Requests")
    (record,) = read(listed, wanted=wanted, prefixes=frozenset({"EUC1-", "eu-central-1-"})).records
    assert (0.03, [{"from": 0.0, "usd": 0.0}, {"from": 2.0, "usd": 0.03}]) == (record["usd"], record["tiers"])


def test_steps_with_keys_of_their_own_are_one_rate_each() -> None:
    """Data out is billed by four rates; a list with another number of steps is not guessed into them."""
    wanted = PricedRate("a/first", "GB", "DataTransfer-Out-Bytes", ("GB",), tiers=("a/first", "a/rest"))
    both = product("EUC1-DataTransfer-Out-Bytes", [(0, "0.09"), (10_240, "0.085")], unit="GB")
    assert [("a/first", 0.09), ("a/rest", 0.085)] == [(one["key"], one["usd"]) for one in read(both, wanted=wanted).records]
    three = product("EUC1-DataTransfer-Out-Bytes", [(0, "0.09"), (1, "0.08"), (2, "0.07")], unit="GB")
    assert {"a/first": "its price has 3 steps, expected 2", "a/rest": "its price has 3 steps, expected 2"} == read(
        three, wanted=wanted
    ).failed


def test_the_newest_term_in_effect_counts() -> None:
    """A price that is announced does not count before its day."""
    listed = product("EUC1-NatGateway-Hours", "0.05")
    terms = listed["terms"]["OnDemand"]
    for name, usd, effective in (("old", "0.04", "2024-01-01"), ("announced", "9.0", "2026-11-28")):
        terms[name] = {**product("", usd)["terms"]["OnDemand"]["T"], "effectiveDate": f"{effective}T00:00:00Z"}
    assert [0.05] == [one["usd"] for one in read(listed).records]


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        (product("EUC1-NatGateway-Hours", "0.05", unit="Days"), "its price is per Days, expected Hrs"),
        (product("EUC1-NatGateway-Hours", {"CNY": "0.33"}), "its price is in CNY, not in USD"),
        (product("EUC1-NatGateway-Hours", {}), "its price is in no currency, not in USD"),
        (product("EUC1-NatGateway-Hours", "0.0000000000"), "every one of its prices is $0.00"),
        (product("EUC1-NatGateway-Hours", "-1"), "its price '-1' is not a price"),
        (product("EUC1-NatGateway-Hours", "nan"), "its price 'nan' is not a price"),
        (product("EUC1-NatGateway-Hours", "free"), "its price 'free' is not a number"),
        (product("EUC1-NatGateway-Hours", "0.05", effective="2027-01-01"), "the product has no on-demand price in effect"),
        (product("EUC1-NatGateway-Hours", "0.05", effective="soon"), "its effective date 'soon' is not a date"),
        (product("EUC1-NatGateway-Hours", []), "its term has no price: the answer was cut off"),
    ],
)
def test_what_cannot_be_used_says_why(listed: dict[str, Any], said: str) -> None:
    """One reason in words for each way in which a price can be wrong; never a number."""
    assert said == why(listed)


def test_two_prices_that_differ_are_no_answer() -> None:
    """Which of them is billed cannot be told; two that agree are one."""
    assert "2 products match and their prices differ ($0.05, $0.06)" == why(
        product("EUC1-NatGateway-Hours", "0.06"), product("EUC1-NatGateway-Hours", "0.05")
    )
    assert 1 == len(read(product("EUC1-NatGateway-Hours", "0.05"), product("EUC1-NatGateway-Hours", "0.05")).records)


def test_what_is_not_sold_everywhere_is_absent_and_no_failure() -> None:
    """A file system that a region does not sell is not an error of the list."""
    wanted = PricedRate("fsx-lustre/x/storage", "GB-month", "", ("GB-Mo",), attributes={"throughputCapacity": "125"}, optional=True)
    found = read(wanted=wanted)
    assert ({}, {"fsx-lustre/x/storage": "no product of AmazonEC2 matches (throughputCapacity 125)"}) == (found.failed, found.absent)


@pytest.mark.parametrize(("said", "fits"), [("125", True), ("125 MB/s", True), ("1250", False), ("12", False)])
def test_a_number_is_compared_whole(said: str, fits: bool) -> None:
    """125 MB/s a TiB and 1,250 are two file systems."""
    wanted = PricedRate("fsx", "GB-month", "", ("GB-Mo",), attributes={"throughputCapacity": "125"})
    assert fits == bool(read(product("x", "0.1", unit="GB-Mo", throughputCapacity=said), wanted=wanted).records)


def test_instances_are_those_with_an_accelerator_and_those_that_are_known() -> None:
    """A type that no fact knows is priced all the same; $0.00 is a capacity block's row."""
    listed = [
        product("EUC1-BoxUsage:g9x.large", "3.5", instanceType="g9x.large", gpu="2", instanceFamily="GPU instance"),
        product("EUC1-BoxUsage:p5.48xlarge", "0", instanceType="p5.48xlarge", gpu="8"),
        product("EUC1-BoxUsage:p5.48xlarge", "60.5", instanceType="p5.48xlarge", gpu="8"),
        product("EUC1-BoxUsage:c7i.8xlarge", "1.5", instanceType="c7i.8xlarge", gpu="NA"),
        product("EUC1-BoxUsage:m9.large", "0.1", instanceType="m9.large"),
        product("EUC1-BoxUsage:p9.large", "0", instanceType="p9.large", gpu="8"),
    ]
    found = price_list.read_instances(listed, region="eu-central-1", today=TODAY, known=frozenset({"c7i.8xlarge"}))
    assert [("c7i.8xlarge", 1.5, None), ("g9x.large", 3.5, 2), ("p5.48xlarge", 60.5, 8)] == [
        (one["key"].rsplit("/", 1)[1], one["usd"], one.get("accelerators")) for one in found.records
    ]
    assert {"ec2/on-demand/p9.large": "every one of its prices is $0.00, which marks a capacity block and is not a price"} == found.failed


@pytest.mark.parametrize("text", ['{"product": {"attri', "null", "[]", "{}", '{"product": 3}', ""])
def test_a_page_that_came_cut_off_is_not_read_in_part(text: str) -> None:
    """Half a page would look like a region that sells less."""
    whole = json.dumps(product("a", "1"))
    with pytest.raises(UnreadablePrice, match="was cut off"):
        price_list.parsed([whole, text])


@given(st.floats(min_value=1e-9, max_value=1e6), st.sampled_from([1.0, 1 / 1024, 1_000.0, 10_000.0]))
def test_a_rate_is_the_listed_price_times_the_factor(usd: float, factor: float) -> None:
    """To ten digits, whatever the unit of the list."""
    wanted = PricedRate("a", "hour", "A", ("Hrs",), factor=factor)
    (record,) = read(product("EUC1-A", f"{usd:.12f}"), wanted=wanted).records or [{"usd": 0.0}]
    assert record["usd"] == pytest.approx(float(f"{usd:.12f}") * factor, rel=1e-9, abs=1e-12)


def test_every_rate_that_is_asked_for_has_one_query_and_a_unit_that_the_bill_can_read() -> None:
    """A key in two queries would be read twice; a unit is the one of the facts."""
    from inferstack.pricing.rates import rates

    keys = [key for query in SERVICES for wanted in query.wanted for key in wanted.keys]
    assert len(keys) == len(set(keys)) > 35
    for query in SERVICES:
        for wanted in query.wanted:
            known = rates.rate(wanted.keys[0], "us-east-1")
            assert known is None or known.unit == wanted.unit, wanted
            if wanted.unit.endswith(("hour", "month")):
                assert hours_of(wanted.unit) in (1, 730)
