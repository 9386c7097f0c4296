"""What decides the price of instances beside their type: warm pools, platform, maximum spot price, reservations that end, addresses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from inferstack.pricing.bill.bill import UNKNOWN, bill, until_expiry
from inferstack.pricing.rates.rates import on_demand, rate, spot_zones
from inferstack.records.preview import Bill, BillLine
from tests.pricing.cluster import REGION, registration

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TEMPLATE, GROUP = "aws:ec2/launchTemplate:LaunchTemplate", "aws:autoscaling/group:Group"
USD = 10.49264  # g6e.12xlarge on demand in us-east-1


def billed(*registrations: Any, hours: float | None = None) -> Bill:
    return bill(registrations, region=REGION, hours_until_expiry=hours, now=NOW)


def group(template: dict[str, Any] | None = None, **inputs: Any) -> tuple[Any, Any]:
    """A group of somebody else, of g6e.12xlarge."""
    sizes = {"desiredCapacity": 1, "minSize": 1, "maxSize": 4}
    return (
        registration(TEMPLATE, "lt", {"instanceType": "g6e.12xlarge", **(template or {})}),
        registration(GROUP, "nodes", {**sizes, **inputs}, launchTemplate=("urn:lt",)),
    )


def disk(size: int = 500, **more: Any) -> dict[str, Any]:
    return {"blockDeviceMappings": [{"deviceName": "/dev/sda1", "ebs": {"volumeSize": size, "volumeType": "gp3", **more}}]}


def lines(found: Bill, part: str) -> list[BillLine]:
    return [line for line in found.lines if part in line.component]


@pytest.mark.parametrize(
    ("pool", "running", "volumes"),
    [
        ({"poolState": "Running", "minSize": 2}, 3, 3),
        ({"poolState": "Stopped", "minSize": 2}, 1, 3),
        ({"minSize": 1}, 1, 2),
        ({"poolState": "Hibernated", "minSize": 3}, 1, 4),
        ({"poolState": "Running"}, 4, 4),
        ({"poolState": "Running", "maxGroupPreparedCapacity": 2}, 2, 2),
        ({"poolState": "Stopped", "maxGroupPreparedCapacity": 6}, 1, 6),
    ],
)
def test_a_warm_pool_is_billed_by_its_state(pool: dict[str, Any], running: int, volumes: int) -> None:
    """Running instances whole, others by their volumes; without a size of its own the pool fills the group up to its maximum."""
    found = billed(*group(disk(), warmPool=pool))
    assert pytest.approx(running * USD + volumes * 500 * 0.08 / 730) == found.usd_per_hour


def test_a_warm_pool_of_unknown_size_refuses_the_total() -> None:
    """It may hold any number of GPUs."""
    assert "warm pool" not in str(billed(*group()).refused)
    for pool in ({"minSize": UNKNOWN}, {"poolState": UNKNOWN, "minSize": 1}):
        assert None is billed(*group(warmPool=pool)).usd_per_hour


@pytest.mark.parametrize(
    ("platform", "known"),
    [
        ("Linux/UNIX", True),
        ("Windows", False),
        ("Red Hat Enterprise Linux", False),
        ("SUSE Linux", False),
        ("Windows with SQL Server Standard", False),
        ("Linux with SQL Server Enterprise", False),
        (UNKNOWN, False),
    ],
)
def test_a_reservation_of_another_platform_has_no_linux_price(platform: str, known: bool) -> None:
    """Its licence is dearer than nothing."""
    inputs = {"instanceType": "g6e.xlarge", "instanceCount": 1, "instancePlatform": platform, "availabilityZone": "us-east-1a"}
    found = billed(registration("aws:ec2/capacityReservation:CapacityReservation", "o", inputs))
    assert known == (found.usd_per_hour is not None)
    assert known or "ec2/on-demand-" in str(found.refused)


@pytest.mark.parametrize(
    "image", ["resolve:ssm:/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base", "RHEL-9.4.0_HVM", "suse-sles-15-sp6"]
)
def test_an_image_that_names_another_system_has_no_linux_price(image: str) -> None:
    """In an instance and in a launch template."""
    root = {"rootBlockDevice": {"volumeSize": 10, "volumeType": "gp3"}}
    assert None is billed(*group({"imageId": image})).usd_per_hour
    assert None is billed(registration("aws:ec2/instance:Instance", "i", {"instanceType": "g6e.xlarge", "ami": image, **root})).usd_per_hour
    plain = registration("aws:ec2/instance:Instance", "i", {"instanceType": "g6e.xlarge", "ami": "ami-1", **root})
    assert "as Linux: the image is not read" in lines(billed(plain), "instances")[0].note
    windows = registration(
        "aws:ec2/instance:Instance", "i", {"instanceType": "g6e.xlarge", "ami": "ami-1", "getPasswordData": True, **root}
    )
    assert None is billed(windows).usd_per_hour


def test_a_reservation_of_another_platform_covers_no_linux_instance() -> None:
    """AWS matches the platform too."""
    held = {"instanceType": "g6e.12xlarge", "instanceCount": 4, "instancePlatform": "Windows", "availabilityZone": "us-east-1a"}
    reservation = registration("aws:ec2/capacityReservation:CapacityReservation", "win", held)
    found = billed(reservation, *group(availabilityZones=["us-east-1a"]))
    line = next(line for line in lines(found, "instances") if line.resource_type == GROUP)
    assert 1 == line.quantity and "another platform" in line.note


def spot(maximum: Any, kind: str = "g6e.12xlarge") -> tuple[Any, ...]:
    return group(
        {"instanceType": kind, "instanceMarketOptions": {"marketType": "spot", "spotOptions": {"maxPrice": maximum}}}, desiredCapacity=2
    )


@pytest.mark.parametrize(("maximum", "usd"), [("2.00", 2.0), (2, 2.0), ("9", 5.0889), ("", 5.0889), (None, 5.0889)])
def test_spot_never_costs_more_than_its_maximum(maximum: Any, usd: float) -> None:
    """In the options of a template and in the distribution of a mixed group."""
    assert pytest.approx(2 * usd) == billed(*spot(maximum)).usd_per_hour
    shares = {"onDemandPercentageAboveBaseCapacity": 0, "spotMaxPrice": maximum}
    policy = {"instancesDistribution": shares, "launchTemplate": {}}
    template, one = group(desiredCapacity=2, mixedInstancesPolicy=policy)
    assert pytest.approx(2 * usd) == billed(template, one).usd_per_hour


def test_a_maximum_is_a_price_where_no_reading_of_the_market_is_known() -> None:
    """Never more than that is paid."""
    assert None is rate("ec2/spot/g4dn.metal", REGION)
    assert 6 == billed(*spot("3", "g4dn.metal")).usd_per_hour
    assert None is billed(*spot(None, "g4dn.metal")).usd_per_hour


def test_zones_at_the_on_demand_price_are_no_spot_price() -> None:
    """Two of seven zones have no spare capacity: nothing starts there at that price."""
    zones, left_out = spot_zones("p5.48xlarge", REGION)
    found, full = rate("ec2/spot/p5.48xlarge", REGION), on_demand("p5.48xlarge", REGION)
    assert found and full and (5, 2) == (len(zones), left_out)
    assert max(one.usd for one in zones) == found.usd < full.usd / 2


@pytest.mark.parametrize(
    ("ends", "hours", "billed_hours", "in_a_month"),
    [
        ("2026-12-02T00:00:00Z", 240, 36, 36),
        ("2026-12-02T00:00:00Z", 10, 10, 36),
        ("2026-11-30T18:00:00+05:00", 240, 1, 1),
        ("2026-11-01T00:00:00Z", 240, 0, 0),
        (None, 240, 240, 730),
        (UNKNOWN, 240, 240, 730),
    ],
)
def test_a_reservation_with_an_end_is_billed_until_then(ends: str | None, hours: float, billed_hours: float, in_a_month: float) -> None:
    """The stack may live longer."""
    inputs = {
        "instanceType": "p5.48xlarge",
        "instanceCount": 2,
        "availabilityZone": "us-east-1a",
        "endDateType": "limited",
        "endDate": ends,
    }
    found = billed(registration("aws:ec2/capacityReservation:CapacityReservation", "o", inputs), hours=hours)
    assert pytest.approx(2 * 55.04 * billed_hours) == found.usd_until_expiry == until_expiry(found, hours)
    assert pytest.approx(2 * 55.04 * in_a_month) == found.usd_per_month


def test_what_runs_in_a_reservation_that_ends_goes_on() -> None:
    """Covered for nothing it would be free after the end; both are counted, and the line says so."""
    held = {"instanceType": "g6e.12xlarge", "instanceCount": 1, "availabilityZone": "us-east-1a", "endDate": "2026-12-02T00:00:00Z"}
    reservation = registration("aws:ec2/capacityReservation:CapacityReservation", "held", held)
    found = billed(reservation, *group(availabilityZones=["us-east-1a"]), hours=240)
    assert (found.usd_until_expiry or 0) >= 240 * USD
    assert any("which ends earlier" in line.note for line in found.lines)


@pytest.mark.parametrize("sizes", [{"desiredCapacity": 0, "minSize": 0, "maxSize": 50}, {"minSize": 0, "maxSize": 50}])
def test_a_group_of_somebody_else_at_0_costs_nothing_now(sizes: dict[str, int]) -> None:
    """And the range says what it may become; this project's own group is raised by `up` and billed so."""
    template, one = group({"instanceType": "p5.48xlarge"}, **{"desiredCapacity": None, **sizes})
    found = billed(template, one)
    assert (0, 0, pytest.approx(50 * 55.04)) == (found.usd_per_hour, found.usd_per_hour_min, found.usd_per_hour_max)
    ours = registration(GROUP, "nodes", {**sizes, "tags": [{"key": "inferstack:stack", "value": "a"}]}, launchTemplate=("urn:lt",))
    assert pytest.approx(50 * 55.04) == billed(template, ours).usd_per_hour


def test_a_block_of_somebody_else_costs_nothing_by_the_hour() -> None:
    """It was paid when it was bought."""
    market = {"instanceMarketOptions": {"marketType": "capacity-block"}}
    target = {"capacityReservationSpecification": {"capacityReservationTarget": {"capacityReservationId": "cr-1"}}}
    found = billed(*group({"instanceType": "p5en.48xlarge", **market, **target}))
    assert 0 == found.usd_per_hour
    assert "paid when the block was bought" in lines(found, "instances")[0].note


@pytest.mark.parametrize("kind", ["aws:ec2/eip:Eip", "aws:ec2/eipAssociation:EipAssociation"])
def test_a_fixed_address_takes_the_place_of_the_automatic_one(kind: str) -> None:
    """One network interface keeps one of them."""
    inputs = {"instanceType": "g6e.xlarge", "associatePublicIpAddress": True, "rootBlockDevice": {"volumeSize": 10, "volumeType": "gp3"}}
    one = registration("aws:ec2/instance:Instance", "i", inputs)
    fixed = registration(kind, "e", {}, instance=("urn:i",))
    automatic = billed(one)
    assert 1 == len(lines(automatic, "address"))
    assert 1 == len(
        [line for line in lines(billed(one, registration("aws:ec2/eip:Eip", "x", {}), fixed), "address") if line.resource.endswith("::x")]
    )
    assert [] == lines(billed(one, fixed), "public IPv4 addresses")


@pytest.mark.parametrize(("hours", "usd"), [(0.75, 0.75), (0.1, 0.75), (1, 0.75), (3, 2.25)])
def test_a_fast_restore_is_billed_for_an_hour_at_least(hours: float, usd: float) -> None:
    """As the vendor's own example of 45 minutes."""
    one = registration("aws:ebs/fastSnapshotRestore:FastSnapshotRestore", "f", {"snapshotId": "s", "availabilityZone": "us-east-1a"})
    assert pytest.approx(usd) == billed(one, hours=hours).usd_until_expiry
    assert pytest.approx(0.75 * 730) == billed(one).usd_per_month


def test_volumes_that_outlive_their_instances_are_named_with_what_they_go_on_to_cost() -> None:
    """2 x 2000 GB are $320 a month after the instances are gone; a volume that is deleted with them is not named."""
    stays = bill(group(disk(2000, deleteOnTermination="false"), desiredCapacity=2), region=REGION, hours_until_expiry=4, today=NOW.date())
    assert any(one.kind == "outlives" and "afterwards $320.00 a month continues" in one.sentence for one in stays.remarks)
    goes = bill(group(disk(2000, deleteOnTermination="true"), desiredCapacity=2), region=REGION, hours_until_expiry=4, today=NOW.date())
    assert [] == [one for one in goes.remarks if one.kind == "outlives"]
