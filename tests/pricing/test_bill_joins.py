"""What is priced by another resource: reservations and their users, blocks, ranges of groups, addresses, budgets, snapshots."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from inferstack.pricing.bill import usage
from inferstack.pricing.bill.bill import UNKNOWN, bill
from inferstack.pricing.bill.registration import Registration
from inferstack.records.preview import Bill, BillLine
from tests.pricing.cluster import REGION, group, registration, template
from tests.pricing.examples import example

RESERVATION = "aws:ec2/capacityReservation:CapacityReservation"
BLOCK = "aws:ec2/capacityBlockReservation:CapacityBlockReservation"


def billed(*registrations: Registration, used: usage.Usage | None = None) -> Bill:
    return bill(registrations, region=REGION, hours_until_expiry=4, usage=used or usage.Usage())


def line(found: Bill, component: str, resource: str = "") -> BillLine:
    return next(one for one in found.lines if component in one.component and one.resource.endswith(resource))


def reserved(count: int, **changes: Any) -> Registration:
    return registration(RESERVATION, "odcr", {"instanceType": "g6.12xlarge", "instanceCount": count, **changes})


def held(name: str = "nodes-template") -> Registration:
    return replace(template(), name=name, urn=f"urn:{name}", refs={"capacityReservationSpecification": ("urn:odcr",)})


def test_what_does_not_fit_into_the_reservation_is_billed_beside_it() -> None:
    """2 reserved, 3 running: 2 are billed with the reservation, 1 on demand."""
    found = billed(reserved(2), held(), group(maxSize=3))
    assert (2, 1) == (line(found, "reserved").quantity, line(found, "g6.12xlarge instances").quantity)
    assert "2 of 3 run in odcr" in line(found, "g6.12xlarge instances").note


def test_two_users_share_a_reservation_in_the_order_of_the_program() -> None:
    """3 reserved: the first group takes 2, the second finds 1 left for its 2."""
    second = replace(group(), name="more", urn="urn:more")
    found = billed(reserved(3), held(), group(), second)
    assert [0, 1] == [one.quantity for one in found.lines if one.component == "g6.12xlarge instances"]
    assert pytest.approx(4 * 4.6016, rel=0.1) == found.usd_per_hour


@pytest.mark.parametrize("market", [{"marketType": "spot"}, None])
def test_spot_and_another_type_never_run_in_a_reservation(market: dict[str, str] | None) -> None:
    """Their price is not taken off."""
    other = {"instanceMarketOptions": market} if market else {"instanceType": "g6e.12xlarge"}
    inputs = {**template().inputs, **other, **({"instanceType": "g6.xlarge"} if market else {})}
    found = billed(reserved(2), replace(held(), inputs=inputs), group())
    assert 2 == line(found, " instances", "nodes").quantity


@pytest.mark.parametrize(("zones", "covered"), [(["us-east-1a"], True), (["us-east-1a", "us-east-1b"], False), ([UNKNOWN], False)])
def test_an_open_reservation_covers_only_what_lies_in_its_zone_for_certain(zones: list[str], covered: bool) -> None:
    """A group over two zones may start elsewhere, so nothing is taken off its price."""
    held_open = reserved(2, availabilityZone="us-east-1a")
    spread = replace(group(), inputs={**group().inputs, "availabilityZones": zones})
    assert (0 if covered else 2) == line(billed(held_open, template(), spread), "g6.12xlarge instances").quantity


def test_a_reservation_outside_the_program_is_said() -> None:
    """Its owner pays the on-demand price all the same; the line says where it runs."""
    target = {"capacityReservationTarget": {"capacityReservationId": "cr-0123"}}
    found = billed(template(capacityReservationSpecification=target), group())
    assert 2 == line(found, "g6.12xlarge instances").quantity
    assert "reservation outside this program" in line(found, "g6.12xlarge instances").note


def test_a_block_is_a_fee_that_is_due_whole() -> None:
    """48 hours of 2 x 8 GPUs: the fee falls due whole, though the stack expires after 4 hours, and an hour is its 48th part."""
    whole = example("capacity-block")
    found = whole.billed(hours=4)
    fee = 2 * 8 * 48 * 5.97
    block = line(found, "block")
    assert pytest.approx((fee, fee / 48, fee, fee)) == (block.usd_once, block.usd_per_hour, block.usd_per_month, block.usd_until_expiry)
    assert pytest.approx(fee) == found.usd_once


def test_a_block_longer_than_a_month_counts_a_month_of_it() -> None:
    """182 days: 730 hours of them are a month's cost; the fee is due at once all the same."""
    found = example("capacity-block").billed(used=said("block", duration_hours=182 * 24.0))
    block = line(found, "block")
    assert pytest.approx(2 * 8 * 730 * 5.97) == block.usd_per_month
    assert pytest.approx(2 * 8 * 182 * 24 * 5.97) == block.usd_once


def test_the_offerings_own_fee_goes_before_the_list_rate() -> None:
    """Fixed at purchase: what AWS asked is what is paid, and the source says who said it."""
    block = line(example("capacity-block").billed(used=said("block", duration_hours=48.0, fee_usd=4000.0)), "block")
    assert (4000.0, pytest.approx(4000 / 48), None) == (block.usd_once, block.usd_per_hour, block.as_of)
    assert "usage.yaml" in str(block.source)


@pytest.mark.parametrize("given", [{}, {"duration_hours": 0.0}, {"duration_hours": 48.0, "instance_type": "p9.huge"}])
def test_a_block_whose_cost_cannot_be_told_refuses_the_total(given: dict[str, Any]) -> None:
    """No duration, no hours, or a type without a rate."""
    found = example("capacity-block").billed(used=said("block", **given))
    assert "may have a GPU and has no price" in str(found.refused)


def test_the_ends_of_a_group_are_whole_bills() -> None:
    """At its smallest and its largest size the bill is what it would be if the group were made so."""
    whole = example("spot-mixed")
    nodes = next(one for one in whole.registrations if one.name == "nodes")
    found = whole.billed()

    def fixed(size: int) -> float | None:
        return (
            whole.changed(nodes, inputs={**nodes.inputs, "desiredCapacity": size, "minSize": size, "maxSize": size}).billed().usd_per_hour
        )

    assert fixed(1) == pytest.approx(found.usd_per_hour_min)
    assert fixed(8) == pytest.approx(found.usd_per_hour_max)


def test_spot_that_only_a_larger_group_has_is_in_its_range() -> None:
    """One instance wanted, all of it on demand; at four there are three on spot, and the range shows them."""
    policy = {"instancesDistribution": {"onDemandBaseCapacity": 1, "onDemandPercentageAboveBaseCapacity": 0}}
    inputs = {"desiredCapacity": 1, "minSize": 1, "maxSize": 4, "mixedInstancesPolicy": policy}
    mixed = registration("aws:autoscaling/group:Group", "nodes", inputs, mixedInstancesPolicy=("urn:nodes-template",))
    found = billed(template(instanceType="g6.xlarge"), mixed)
    spot = next(one for one in found.lines if one.purchase_option == "spot")
    assert spot.range and (0, 0, 3) == (spot.quantity, spot.range.quantity_min, spot.range.quantity_max)


@pytest.mark.parametrize("inputs", [{"placement": {"tenancy": "host"}}, {"placement": {"tenancy": "dedicated"}}])
def test_dedicated_hardware_has_another_price(inputs: dict[str, Any]) -> None:
    """The shared price would be wrong: no total."""
    assert "dedicated" in str(billed(template(**inputs), group()).refused)


def test_addresses_that_the_program_allocates_are_not_billed_twice() -> None:
    """A balancer with three own addresses: three lines of a cent, none at the balancer."""
    found = example("nlb-three-zones").billed()
    assert [1, 1, 1] == [one.quantity for one in found.lines if "IPv4" in one.component]


def test_only_the_third_budget_with_actions_is_charged_and_once() -> None:
    """Two have no charge; the third has two actions and one price, $0.10 a day."""
    found = example("monitoring").billed()
    actions = [one for one in found.lines if one.resource_type.endswith("BudgetAction")]
    assert ["free", "free", "priced", "free"] == [one.bucket for one in actions]
    assert pytest.approx(0.1 / 24) == actions[2].usd_per_hour


def test_a_snapshot_is_assumed_as_its_volume_and_a_copy_as_its_snapshot() -> None:
    """1,000 GB of io2 behind both; nothing is counted, because changed blocks alone are kept later."""
    found = example("io2-snapshots").billed(used=usage.Usage())
    kept = {one.resource.split("::")[-1]: one.quantity for one in found.lines if one.component == "snapshot storage"}
    assert {"data-snapshot": 1000, "data-copy": 1000, "image": 100, "image-copy": 100} == kept


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ({"storageType": "INTELLIGENT_TIERING"}, "Intelligent-Tiering"),
        (
            {
                "deploymentType": "PERSISTENT_2",
                "perUnitStorageThroughput": 125,
                "metadataConfiguration": {"mode": "USER_PROVISIONED", "iops": 12000},
            },
            "12000",
        ),
        ({"deploymentType": "PERSISTENT_1", "storageType": "HDD", "perUnitStorageThroughput": 12, "driveCacheType": "READ"}, "SSD cache"),
    ],
)
def test_a_part_of_lustre_without_a_rate_is_a_gap_in_the_bill(inputs: dict[str, Any], why: str) -> None:
    """Shown and counted as unpriced, never as nothing."""
    found = billed(registration("aws:fsx/lustreFileSystem:LustreFileSystem", "fs", {"storageCapacity": 6000, **inputs}))
    assert [one for one in found.lines if one.bucket == "unpriced" and why in one.note]
    assert 1 == found.resources_by_bucket["unpriced"]


def said(name: str, **values: float | str) -> usage.Usage:
    return usage.Usage(tuple(usage.UsageEntry(f"{BLOCK}::{name}", key, value, "usage.yaml:3") for key, value in values.items()))
