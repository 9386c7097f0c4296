"""What is used: once or a month, in the steps of a price, at a price of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferstack.pricing.bill import usage
from inferstack.pricing.bill.bill import bill, until_expiry
from inferstack.pricing.bill.limits import passed
from inferstack.pricing.services.tiers import steps
from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from inferstack.records.preview import Bill
from tests.pricing.cluster import REGION, registration

NAT = "aws:ec2/natGateway:NatGateway"


def read(folder: Path, text: str) -> usage.Usage:
    path = folder / "usage.yaml"
    path.write_text(text, encoding="utf-8")
    return usage.read(path)


def billed(folder: Path, kind: str, use: str, *, hours: float | None = None, **inputs: object) -> Bill:
    found = read(folder, f'usage: {{"*::one": {{{use}}}}}')
    return bill([registration(kind, "one", inputs)], region=REGION, hours_until_expiry=hours, usage=found)


@pytest.mark.parametrize(
    ("kind", "use", "inputs", "usd"),
    [
        (NAT, "data_gb_once: 140", {}, 4 * 0.045 + 140 * 0.045),
        (NAT, "data_gb_once: 140, data_gb: 730", {}, 4 * 0.045 + 140 * 0.045 + 4 * 0.045),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", "data_gb_once: 200", {"vpcEndpointType": "Interface", "subnetIds": ["a"]}, 4 * 0.01 + 2),
        ("aws:cloudwatch/logGroup:LogGroup", "ingest_gb_once: 10, storage_gb: 0", {}, 5),
        ("aws:s3/bucket:Bucket", "storage_gb: 0, put_requests_once: 1000000, get_requests: 0", {}, 5),
        ("aws:sqs/queue:Queue", "requests_once: 1000000", {}, 0.4),
    ],
)
def test_what_is_used_once_counts_whole_until_expiry(tmp_path: Path, kind: str, use: str, inputs: dict[str, object], usd: float) -> None:
    """A pull of weights happens once, however short the stack lives; it is in no hour and no month."""
    found = billed(tmp_path, kind, use, hours=4, **inputs)
    assert pytest.approx(usd) == found.usd_until_expiry == until_expiry(found, 4)
    assert 0 < found.usd_used_once and 0 == found.usd_once
    assert passed(found, max_usd_per_hour=None, max_usd=usd * 0.9) and not passed(found, max_usd_per_hour=0.1, max_usd=usd * 1.1)


def test_every_key_that_flows_can_be_said_once() -> None:
    """Amounts a month have a `KEY_once`; what is kept or counted has none."""
    for kind, keys in load("pricing")["usage"]["assumed"].items():
        for key, told in keys.items():
            assert (" a month" in told["unit"]) == bool(told.get("flows")) == (f"{key}_once" in usage.keys(kind)), (kind, key)


@pytest.mark.parametrize(
    ("kind", "use", "inputs", "usd"),
    [
        ("aws:s3/bucket:Bucket", "storage_gb: 600000, put_requests: 0, get_requests: 0", {}, 13163.2),
        ("aws:s3/bucket:Bucket", "storage_gb: 51200, put_requests: 0, get_requests: 0", {}, 51200 * 0.023),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", "data_gb: 7000000", {"vpcEndpointType": "Interface", "subnetIds": ["a"]},
         7.3 + 1048576 * 0.01 + 4 * 1048576 * 0.006 + (7000000 - 5242880) * 0.004),
        ("aws:route53/zone:Zone", "queries: 1100000000", {}, 0.5 + 400 + 20),
        ("aws:lambda/function:Function", "requests: 0, gb_seconds: 61440000000", {}, 100000.2 + 135000 + 619203.1),
    ],
)  # fmt: skip
def test_a_price_falls_in_its_steps(tmp_path: Path, kind: str, use: str, inputs: dict[str, object], usd: float) -> None:
    """As in the pages of the vendor and the golden tests of infracost."""
    assert pytest.approx(usd, rel=1e-5) == billed(tmp_path, kind, use, **inputs).usd_per_month


def test_every_step_has_a_price_that_is_below_the_one_before() -> None:
    """A step without a rate would make a large bill unpriced."""
    from inferstack.pricing.rates import rates

    for key in load("pricing")["steps"]["steps"]:
        found = [rates.rate(step.key, REGION) for step in steps(key)]
        assert all(found)
        prices = [one.usd for one in found if one]
        assert prices == sorted(prices, reverse=True) and len(set(prices)) == len(prices)
        ends = [step.up_to for step in steps(key)]
        assert None is ends[-1] and [end for end in ends if end] == sorted(end for end in ends if end)


OWN = '{key: %s, region: %s, usd: %s, as_of: "2026-11-01", source: our agreement}'


@pytest.mark.parametrize(
    ("key", "kind", "inputs", "usd"),
    [
        ("ec2/on-demand/p5.48xlarge", "aws:ec2/instance:Instance", {"instanceType": "p5.48xlarge"}, 38.5),
        ("ec2/on-demand-windows/g6e.xlarge", "aws:ec2/capacityReservation:CapacityReservation",
         {"instanceType": "g6e.xlarge", "instanceCount": 1, "instancePlatform": "Windows"}, 38.5),
        ("vpc/nat-gateway/hour", NAT, {}, 38.5),
        ("ec2/on-demand/q9.48xlarge", "aws:ec2/instance:Instance", {"instanceType": "q9.48xlarge"}, 38.5),
    ],
)  # fmt: skip
def test_a_price_of_ones_own_goes_before_the_facts_in_its_region_alone(
    tmp_path: Path, key: str, kind: str, inputs: dict[str, object], usd: float
) -> None:
    """The line names the key, the source and the day that the file says."""
    one = registration(kind, "one", inputs)
    here = read(tmp_path, f"usage: {{}}\nrates:\n  - {OWN % (key, REGION, usd)}\n")
    line = next(line for line in bill([one], region=REGION, hours_until_expiry=None, usage=here).lines if line.rate_id == key)
    assert (usd, "2026-11-01", "our agreement (usage.yaml)") == (line.usd_per_hour, str(line.as_of), line.source)
    other = read(tmp_path, f"rates: [{OWN % (key, 'eu-west-3', usd)}]")
    assert [] == [line for line in bill([one], region=REGION, hours_until_expiry=None, usage=other).lines if line.unit_price_usd == usd]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rates: {}", "rates: must be a list"),
        ("rates: [{key: vpc/nat-gateway/hour}]", "rates.0.region: is missing"),
        ("rates:\n  - " + OWN % ("vpc/nat/hour", REGION, 1), "is not a price key; did you mean vpc/nat-gateway/hour?"),
        ("rates:\n  - " + OWN % ("vpc/nat-gateway/hour", "virginia", 1), "is not a region"),
        ("rates:\n  - " + OWN % ("vpc/nat-gateway/hour", REGION, "-1"), "rates.0.usd: -1 is not allowed"),
        ("rates:\n  - " + (OWN % ("vpc/nat-gateway/hour", REGION, 1)).replace("2026-11-01", "soon"), "is not a date"),
        ("rates:\n  - " + (OWN % ("vpc/nat-gateway/hour", REGION, 1)).replace("source", "zone: a, source"), "is not a field of a rate"),
    ],
)
def test_a_wrong_rate_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    """With its place and what is allowed."""
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value) and "usage.yaml:" in str(caught.value)


@pytest.mark.parametrize(
    ("use", "sold"),
    [
        ("duration_hours: 48", True), ("duration_hours: 336", True), ("duration_hours: 4368", True), ("duration_hours: 5000", False),
        ("duration_hours: 360", False), ("duration_hours: 48, instance_count: 65", False), ("duration_hours: 48, instance_count: 64", True),
    ],
)  # fmt: skip
def test_a_block_that_is_not_sold_has_no_fee(tmp_path: Path, use: str, sold: bool) -> None:
    """At most 64 instances, up to 14 days by the day, then by the week, up to 182 days."""
    more = "" if "instance_count" in use else ", instance_count: 2"
    kind = "aws:ec2/capacityBlockReservation:CapacityBlockReservation"
    found = billed(tmp_path, kind, f"{use}{more}, instance_type: p5.48xlarge", instancePlatform="Linux/UNIX")
    assert sold == (found.usd_per_hour is not None) == bool(found.usd_once)


def test_an_archived_snapshot_is_the_vendors_example_and_is_billed_for_90_days(tmp_path: Path) -> None:
    """200 GB are $2.50 a month."""
    found = billed(tmp_path, "aws:ebs/snapshot:Snapshot", "snapshot_gb: 200", hours=4, storageTier="archive")
    assert (pytest.approx(2.5), pytest.approx(2.5 * 90 * 24 / 730)) == (found.usd_per_month, found.usd_until_expiry)
