"""What two bills differ in: what holds of every difference, and each reason for which a line may cost something else."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.pricing.bill.bill import Registration, bill
from inferstack.pricing.bill.difference import difference, peak
from inferstack.records.difference import Difference, LineChange
from inferstack.records.preview import Bill
from tests.pricing.cluster import REGION, cluster, group, registration, template
from tests.pricing.test_bill_properties import programs, swapped

GROUP = "aws:autoscaling/group:Group::nodes"
SIGNS = {"+": "-", "-": "+", "~": "~"}
REASONS = {"new": "removed", "removed": "new"}


def billed(program: Any) -> Bill:
    return bill(program, region=REGION, hours_until_expiry=4)


def differ(old: Any, new: Any, **more: Any) -> Difference:
    return difference(billed(old), billed(new), old_name="a", new_name="b", **more)


def only(found: Difference, *, resource: str = GROUP) -> LineChange:
    changes = [one for one in found.changes if one.resource == resource]
    assert 1 == len(changes), found.changes
    return changes[0]


@settings(max_examples=150, deadline=None)
@given(programs())
def test_a_bill_does_not_differ_from_itself(program: list[Registration]) -> None:
    """No line changes, whatever is in it, and an update that replaces nothing never costs more than the bill."""
    found = differ(program, program, replaced=())
    assert () == found.changes
    assert found.change_usd_per_hour == (None if found.refused else 0)
    assert found.refused or found.peak_usd_per_hour == pytest.approx(found.new.usd_per_hour)


@settings(max_examples=150, deadline=None)
@given(programs(), programs())
def test_the_changes_sum_to_the_change_of_the_total(old: list[Registration], new: list[Registration]) -> None:
    """A line that costs something else is never left out; where a side has no total there is no change of it, with the reason."""
    found = differ(old, new)
    refused = found.old.refused is not None or found.new.refused is not None
    assert refused == (found.change_usd_per_hour is None) == (found.refused is not None)
    if found.change_usd_per_hour is not None:
        assert math.fsum(one.change_usd_per_hour for one in found.changes) == pytest.approx(found.change_usd_per_hour, abs=1e-6, rel=1e-6)
        assert math.fsum(one.change_usd_per_month for one in found.changes) == pytest.approx(found.change_usd_per_month, abs=1e-3, rel=1e-6)


@settings(max_examples=150, deadline=None)
@given(programs(), programs())
def test_the_other_way_round_is_the_mirror_image(old: list[Registration], new: list[Registration]) -> None:
    """What is added one way is removed the other way, for the same money."""
    there, back = differ(old, new), differ(new, old)
    assert sorted(map(_mirrored, there.changes), key=str) == sorted(back.changes, key=str)
    assert (there.unchanged, there.old.unpriced) == (back.unchanged, back.new.unpriced)


@settings(max_examples=100, deadline=None)
@given(programs(), programs(), st.data())
def test_the_peak_is_at_least_either_total_and_at_most_both(old: list[Registration], new: list[Registration], data: st.DataObject) -> None:
    """While an update runs nothing is free that was paid before or will be after; more than both bills at once is impossible."""
    names = [f"{one.type}::{one.name}" for one in old]
    before, after = billed(old), billed(new)
    most = peak(before, after, replaced=data.draw(st.lists(st.sampled_from(names), unique=True)) if names else ())
    totals = [math.fsum(line.usd_per_hour or 0 for line in one.lines) for one in (before, after)]
    assert most >= max(totals) - 1e-6 * max(1, *totals)
    assert most <= sum(totals) + 1e-6 * max(1, *totals)


def _mirrored(one: LineChange) -> LineChange:
    return LineChange(
        sign=SIGNS[one.sign],  # type: ignore[arg-type]
        resource=one.resource,
        old=one.new,
        new=one.old,
        change_usd_per_hour=-one.change_usd_per_hour,
        change_usd_per_month=-one.change_usd_per_month,
        reasons=tuple(REASONS.get(reason, reason) for reason in one.reasons),  # type: ignore[arg-type]
    )


def test_more_nodes_are_a_quantity() -> None:
    """Two to three nodes: the instances and each of their volumes, one `~` each with its quantities."""
    found = differ(cluster(), swapped(group(maxSize=3)))
    assert {("~", ("quantity",))} == {(one.sign, one.reasons) for one in found.changes}
    instances = found.changes[0]
    assert instances.old and instances.new
    assert (2, 3) == (instances.old.quantity, instances.new.quantity)
    assert instances.change_usd_per_month == pytest.approx(730 * instances.change_usd_per_hour)
    assert found.change_share == pytest.approx((found.new.usd_per_hour or 0) / (found.old.usd_per_hour or 0) - 1)


def test_another_instance_type_is_one_line_with_both_names() -> None:
    """Not a `-` here and a `+` there: the reader sees what became of the nodes."""
    one = only(differ(cluster(), swapped(template(instanceType="g6.48xlarge"))))
    assert one.old and one.new
    assert ("~", "g6.12xlarge instances", "g6.48xlarge instances") == (one.sign, one.old.component, one.new.component)
    assert ("instance type", "unit price") == one.reasons


def test_spot_instead_of_on_demand_is_a_purchase_option() -> None:
    """The same instances, bought otherwise."""
    spot = template(instanceMarketOptions={"marketType": "spot"}, instanceType="g6.xlarge")
    old = swapped(template(instanceType="g6.xlarge"))
    new = tuple(spot if one.name == spot.name else one for one in old)
    one = only(differ(old, new))
    assert "purchase option" in one.reasons
    assert one.old and one.new and ("on-demand", "spot") == (one.old.purchase_option, one.new.purchase_option)


def test_another_price_of_the_same_thing_is_a_unit_price() -> None:
    """Two previews of the same stack on two days."""
    old = billed(cluster())
    line = next(line for line in old.lines if line.resource == GROUP)
    dearer = line.model_copy(update={"unit_price_usd": 2 * (line.unit_price_usd or 0), "usd_per_hour": 2 * (line.usd_per_hour or 0)})
    new = old.model_copy(update={"lines": tuple(dearer if one is line else one for one in old.lines)})
    assert ("unit price",) == only(difference(old, new, old_name="a", new_name="b")).reasons


def test_a_price_that_is_lost_is_a_change_of_bucket() -> None:
    """A volume whose type nobody can price leaves the total, and the difference says why."""
    disk = template(blockDeviceMappings=[{"deviceName": "/dev/sda1", "ebs": {"volumeSize": 500, "volumeType": "st9"}}])
    found = differ(cluster(), swapped(disk))
    assert ("bucket",) == next(one.reasons for one in found.changes if one.sign == "~")
    assert found.old.unpriced + 1 == found.new.unpriced


def test_what_is_new_and_what_is_gone_is_said() -> None:
    """A second NAT gateway, and no secret any more; what is free is not told."""
    nat = registration("aws:ec2/natGateway:NatGateway", "nat-b", {"connectivityType": "public"})
    new = (*(one for one in cluster() if one.name not in ("api-key", "node")), nat)
    found = differ(cluster(), new)
    assert {("+", "nat-b"), ("-", "api-key")} == {(one.sign, one.resource.rsplit("::", 1)[1]) for one in found.changes}


def test_a_replaced_resource_is_paid_twice_while_both_exist() -> None:
    """The engine makes the new one before it deletes the old one; a difference of two files knows nothing of that."""
    nat = "aws:ec2/natGateway:NatGateway::nat"
    found = differ(cluster(), cluster(), replaced=[nat])
    own = math.fsum(line.usd_per_hour or 0 for line in billed(cluster()).lines if line.resource == nat)
    assert own > 0
    assert found.peak_usd_per_hour == pytest.approx((found.new.usd_per_hour or 0) + own)
    assert ((nat,), ()) == (found.replaced_resources, found.changes)
    assert differ(cluster(), cluster()).peak_usd_per_hour is None


def test_a_side_without_total_has_no_difference() -> None:
    """A GPU without a price: which side, and why."""
    found = differ(cluster(), swapped(template(instanceType="p9.48xlarge")), replaced=())
    assert (None, None, None, None) == (
        found.change_usd_per_hour,
        found.change_usd_per_month,
        found.change_share,
        found.peak_usd_per_hour,
    )
    assert found.refused and found.refused.startswith("b: no total: aws:autoscaling/group:Group::nodes may have a GPU")
    assert 0 == differ([], []).change_usd_per_hour
    assert differ([], cluster()).change_share is None
