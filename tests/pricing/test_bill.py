"""The bill of a cluster: sums by hand, buckets, joins, refusal."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from inferstack.pricing.bill.bill import UNKNOWN, Registration, bill
from inferstack.records.preview import Bill, BillLine
from tests.pricing.cluster import REGION, TOKENS, cluster, endpoint, group, registration, template


def billed(*registrations: Registration, region: str = REGION, hours: float | None = 4) -> Bill:
    return bill(registrations, region=region, hours_until_expiry=hours)


def lines(found: Bill, bucket: str) -> dict[str, float | None]:
    return {line.component: line.usd_per_hour for line in found.lines if line.bucket == bucket}


def test_the_total_of_a_cluster_is_the_sum_worked_out_by_hand() -> None:
    """Two g6.12xlarge with a 500 GB gp3 volume each, NAT, one endpoint in two zones, a key and a secret, to the last digit."""
    instances = 2 * 4.6016
    volumes = 2 * (500 * 0.08 + (4000 - 3000) * 0.005 + (500 - 125) * 0.04) / 730
    network = 0.045 + 0.005 + 2 * 0.01
    monthly = (1.0 + 0.4) / 730
    found = billed(*cluster())
    assert found.usd_per_hour == pytest.approx(instances + volumes + network + monthly, rel=1e-12)
    assert found.usd_per_month == pytest.approx(found.usd_per_hour * 730)
    assert found.usd_until_expiry == pytest.approx(found.usd_per_hour * 4)
    assert (date(2026, 7, 20), date(2024, 7, 1)) == (found.price_date, found.oldest_price_date)
    assert found.price_date_share == pytest.approx(instances / found.usd_per_hour)
    assert {"unpriced": 0, "priced": 6, "usage-based": 2, "free": 10} == found.resources_by_bucket


def test_a_stack_without_expiry_has_no_cost_until_then() -> None:
    """The base lives on; a figure until expiry would be an invention."""
    found = billed(registration("aws:kms/key:Key", "key"), hours=None)
    assert (None, None) == (found.usd_until_expiry, found.hours_until_expiry)
    assert 1 / 730 == found.usd_per_hour


def test_a_group_that_is_created_empty_is_billed_at_its_largest_size() -> None:
    """The group starts at 0 and `up` raises it: a preview that said 0 dollars would be the peers' oldest bug."""
    line = next(line for line in billed(template(), group(maxSize=3)).lines if line.component == "g6.12xlarge instances")
    assert (3, "on-demand") == (line.quantity, line.purchase_option)
    assert "created empty" in line.note


def test_a_group_that_is_created_full_is_billed_at_its_desired_size() -> None:
    """The desired size is what AWS starts; what the group may become stands beside it."""
    line = next(
        line
        for line in billed(template(), group(desiredCapacity=2, minSize=1, maxSize=9)).lines
        if line.component == "g6.12xlarge instances"
    )
    assert (2, "as Linux: the image is not read") == (line.quantity, line.note)
    assert line.range is not None
    assert (1, 9, 4.6016, 9 * 4.6016) == pytest.approx(tuple(line.range.model_dump().values()))


def test_a_group_without_its_launch_template_refuses_the_total() -> None:
    """Instances that cannot be told may be GPUs."""
    found = billed(group())
    assert (None, None, None) == (found.usd_per_hour, found.usd_per_month, found.usd_until_expiry)
    assert "launch template is not among the resources" in str(found.refused)


def test_a_group_whose_size_is_not_known_refuses_the_total() -> None:
    """Unknown is not zero."""
    found = billed(template(), group(desiredCapacity=UNKNOWN, maxSize=UNKNOWN))
    assert "known only after up" in str(found.refused)


def test_a_region_without_facts_refuses_the_total_and_names_the_price() -> None:
    """Never the price of another region."""
    assert "ec2/on-demand/g6.12xlarge is known for eu-west-1" in str(billed(template(), group(), region="eu-west-1").refused)


def test_a_mixed_group_is_split_into_on_demand_and_spot_at_the_dearest_type() -> None:
    """Base 1, half of the other 4 on demand: 3 on demand, 2 spot; which override starts is unknown, so the dearest counts."""
    policy = {
        "instancesDistribution": {"onDemandBaseCapacity": 1, "onDemandPercentageAboveBaseCapacity": 50},
        "launchTemplate": {"overrides": [{"instanceType": "g6.xlarge"}, {"instanceType": "p5.48xlarge"}]},
    }
    mixed = registration(
        "aws:autoscaling/group:Group",
        "nodes",
        {"desiredCapacity": 5, "maxSize": 5, "mixedInstancesPolicy": policy},
        mixedInstancesPolicy=("urn:nodes-template",),
    )
    on_demand, spot = (line for line in billed(template(), mixed).lines if "instances" in line.component)
    assert ("p5.48xlarge instances", "on-demand", 3) == (on_demand.component, on_demand.purchase_option, on_demand.quantity)
    assert ("p5.48xlarge instances", "spot", 2) == (spot.component, spot.purchase_option, spot.quantity)
    assert "most expensive of 2 types" in on_demand.note


def test_a_mixed_group_with_weights_starts_fewer_of_the_heavy_type() -> None:
    """Capacity 8 at weight 8 is one instance; the volumes are counted for the lightest type, which starts the most."""
    overrides = [{"instanceType": "g6.48xlarge", "weightedCapacity": "8"}, {"instanceType": "g6.xlarge", "weightedCapacity": "1"}]
    mixed = registration(
        "aws:autoscaling/group:Group",
        "nodes",
        {"desiredCapacity": 8, "maxSize": 8, "mixedInstancesPolicy": {"launchTemplate": {"overrides": overrides}}},
        mixedInstancesPolicy=("urn:nodes-template",),
    )
    found = billed(template(), mixed)
    instances = next(line for line in found.lines if "instances" in line.component)
    assert ("g6.48xlarge instances", 1) == (instances.component, instances.quantity)
    assert 8 * 500 == next(line.quantity for line in found.lines if line.component == "/dev/sda1 storage")


@pytest.mark.parametrize(("market", "quantity", "unit"), [("spot", 2, "instance-hour"), ("capacity-block", 0, "accelerator-hour")])
def test_a_template_that_buys_otherwise_is_billed_otherwise(market: str, quantity: float, unit: str) -> None:
    """Spot has rates of its own; a block that this program does not buy was paid when it was bought."""
    bought = template(instanceType="p5.48xlarge", instanceMarketOptions={"marketType": market})
    line = next(line for line in billed(bought, group(), region="us-west-2").lines if "instances" in line.component)
    assert (market, quantity, unit) == (line.purchase_option, line.quantity, line.unit)


def test_an_unknown_type_that_may_bear_a_gpu_refuses_the_total() -> None:
    """A fleet, a training job, a node group: whatever starts instances and is not priced."""
    unknown = registration(
        "aws:sagemaker/endpointConfiguration:EndpointConfiguration", "x", {"variants": [{"instanceType": "ml.p5.48xlarge"}]}
    )
    assert "EndpointConfiguration::x may have a GPU" in str(billed(*cluster(), unknown).refused)
    fleet = registration("aws:ec2/fleet:Fleet", "fleet", {"launchTemplateConfigs": [{}]}, launchTemplateConfigs=("urn:nodes-template",))
    assert "aws:ec2/fleet:Fleet::fleet" in str(billed(*cluster(), fleet).refused)


def test_an_unknown_type_without_instances_is_unpriced_and_leaves_the_total() -> None:
    """It is counted and shown; it cannot be a GPU."""
    found = billed(
        *cluster(),
        registration("aws:glue/job:Job", "job", {"name": "x"}),
        registration("aws:eks/nodeGroup:NodeGroup", "cpu", {"instanceTypes": ["c7i.8xlarge"]}),
    )
    assert None is found.refused
    assert 2 == found.resources_by_bucket["unpriced"]


@pytest.mark.parametrize("kind", TOKENS)
def test_every_type_that_a_stack_may_register_is_classified(kind: str) -> None:
    """None of ours ends as a type that the bill does not know."""
    assert [] == [line for line in billed(registration(kind, "one")).lines if "does not know" in line.note]


def test_a_reservation_that_a_group_uses_is_not_counted_twice() -> None:
    """3 reserved are billed from their creation; the 2 that run in it cost nothing more; without users it is the same 3."""
    reserved = registration("aws:ec2/capacityReservation:CapacityReservation", "odcr", {"instanceType": "g6.12xlarge", "instanceCount": 3})
    holder = Registration(**{**vars(template()), "refs": {"capacityReservationSpecification": ("urn:odcr",)}})
    found = billed(reserved, holder, group())
    held = next(line for line in found.lines if line.purchase_option == "capacity reservation")
    runs = next(line for line in found.lines if line.component == "g6.12xlarge instances")
    assert (3, pytest.approx(3 * 4.6016)) == (held.quantity, held.usd_per_hour)
    assert (0, 0) == (runs.quantity, runs.usd_per_hour)
    assert "2 of it used" in held.note and "2 of 2 run in odcr and are billed with it" in runs.note
    assert 3 == billed(reserved).lines[0].quantity


def test_a_capacity_block_has_a_fee_that_a_preview_cannot_know() -> None:
    """Paid up front, fixed by the offering: no total until it is known."""
    assert "fee" in str(billed(registration("aws:ec2/capacityBlockReservation:CapacityBlockReservation", "block")).refused)


def test_an_instance_bills_its_own_volumes_and_address() -> None:
    """One instance, a gp3 root, an io2 volume in its three tiers, a public address."""
    io2 = {"deviceName": "/dev/sdf", "volumeType": "io2", "volumeSize": 100, "iops": 70_000}
    one = registration(
        "aws:ec2/instance:Instance",
        "node",
        {
            "instanceType": "g6.xlarge",
            "rootBlockDevice": {"volumeType": "gp3", "volumeSize": 73},
            "ebsBlockDevices": [io2],
            "associatePublicIpAddress": True,
        },
    )
    expected = {
        "g6.xlarge instances": 0.8048,
        "root volume storage": 73 * 0.08 / 730,
        "/dev/sdf storage": 100 * 0.125 / 730,
        "/dev/sdf iops-to-32000": 32_000 * 0.065 / 730,
        "/dev/sdf iops-to-64000": 32_000 * 0.0455 / 730,
        "/dev/sdf iops-over-64000": 6_000 * 0.03185 / 730,
        "public IPv4 addresses": 0.005,
    }
    assert pytest.approx(expected) == lines(billed(one), "priced")


@pytest.mark.parametrize(
    "ebs", [{"volumeSize": 100}, {"volumeSize": 100, "volumeType": "io9"}, {"volumeSize": UNKNOWN, "volumeType": "gp3"}]
)
def test_a_volume_whose_size_or_kind_cannot_be_told_is_unpriced(ebs: dict[str, Any]) -> None:
    """It is shown as such and does not refuse the total: it bears no GPU."""
    found = billed(template(blockDeviceMappings=[{"deviceName": "/dev/sda1", "ebs": ebs}]), group())
    assert ["/dev/sda1 storage"] == list(lines(found, "unpriced"))
    assert (None, 1) == (found.refused, found.resources_by_bucket["unpriced"])


def test_a_template_without_a_volume_leaves_it_to_the_image_and_says_so() -> None:
    """The image brings a volume that bills; silence would hide it."""
    assert ["root volume"] == list(lines(billed(template(blockDeviceMappings=[]), group()), "unpriced"))


def test_interface_endpoints_bill_each_zone_and_gateway_endpoints_nothing() -> None:
    """Counted by the list where it is known, by reference where it is not, unpriced where it is neither."""
    subnets = [registration("aws:ec2/subnet:Subnet", f"subnet-{zone}") for zone in "ab"]
    assert pytest.approx({"hours in each zone": 0.03}) == lines(billed(endpoint(subnetIds=["a", "b", "c"])), "priced")
    assert pytest.approx({"hours in each zone": 0.02}) == lines(billed(endpoint(subnetIds=UNKNOWN), *subnets), "priced")
    assert ["hours in each zone"] == list(lines(billed(endpoint(subnetIds=UNKNOWN)), "unpriced"))
    assert {"resource": 0.0} == lines(billed(endpoint(vpcEndpointType="Gateway")), "free")


@pytest.mark.parametrize(
    ("inputs", "usd_per_month"),
    [
        ({"deploymentType": "SCRATCH_2", "storageCapacity": 1200}, 1200 * 0.14),
        ({"deploymentType": "PERSISTENT_2", "perUnitStorageThroughput": 250, "storageCapacity": 2400}, 2400 * 0.21),
    ],
)
def test_lustre_is_billed_by_size_and_tier(inputs: dict[str, Any], usd_per_month: float) -> None:
    """No peer prices FSx for Lustre."""
    assert usd_per_month == pytest.approx(billed(registration("aws:fsx/lustreFileSystem:LustreFileSystem", "fs", inputs)).usd_per_month)


def test_a_lustre_tier_without_a_price_is_unpriced() -> None:
    """There is no PERSISTENT_1 of 60 MB/s for each TiB."""
    inputs = {"deploymentType": "PERSISTENT_1", "perUnitStorageThroughput": 60, "storageCapacity": 1200}
    found = billed(registration("aws:fsx/lustreFileSystem:LustreFileSystem", "fs", inputs))
    assert "fsx-lustre/persistent1-ssd-60/storage" in found.lines[0].note


def test_a_public_load_balancer_bills_its_addresses_too() -> None:
    """An address in each of its subnets; an internal one has none."""
    public = registration("aws:lb/loadBalancer:LoadBalancer", "lb", {"subnets": ["a", "b"]})
    internal = registration("aws:lb/loadBalancer:LoadBalancer", "lb", {"subnets": ["a", "b"], "internal": True})
    assert pytest.approx({"hours": 0.0225, "public IPv4 addresses": 0.01}) == lines(billed(public), "priced")
    assert pytest.approx({"hours": 0.0225}) == lines(billed(internal), "priced")


def test_an_alarm_on_seconds_costs_three_times_one_on_minutes() -> None:
    """High resolution is a rate of its own, for each metric of the alarm."""
    slow, fast = (registration("aws:cloudwatch/metricAlarm:MetricAlarm", "a", {"period": period}) for period in (60, 10))
    assert (0.1, 0.3) == pytest.approx((billed(slow).usd_per_month, billed(fast).usd_per_month))


def test_each_priced_line_carries_what_makes_it_checkable() -> None:
    """Quantity, unit, unit price, source, date and confidence stand on every line that counts in the total."""

    def complete(line: BillLine) -> bool:
        return None not in (line.quantity, line.unit, line.unit_price_usd, line.usd_per_hour, line.source, line.as_of, line.confidence)

    assert [] == [line for line in billed(*cluster()).lines if line.bucket == "priced" and not complete(line)]


def test_a_volume_of_size_zero_is_in_a_bucket_too() -> None:
    """Without a line it was in none of the four, and no bill came of it at all."""
    found = bill([Registration("aws:ebs/volume:Volume", "v", "u", {"size": 0})], region="us-east-1", hours_until_expiry=4)
    assert [("priced", 0.0)] == [(line.bucket, line.usd_per_hour) for line in found.lines]
