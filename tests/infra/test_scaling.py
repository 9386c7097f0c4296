"""Raising a group: one zone's refusal is no verdict while another may serve; quota and permission are one at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from embedded_aws import Embedded

from inferstack.records.errors import CloudRefused
from infra.calls import nodes

NO_CAPACITY = "We currently do not have sufficient {kind} capacity in the Availability Zone you requested ({zone})."
NO_QUOTA = "You have requested more vCPU capacity than your current vCPU limit of 0 allows for the instance bucket."


def scale(embedded: Embedded, desired: int, **more: Any) -> tuple[Any, ...]:
    return nodes.scale(embedded.aws, embedded.group, desired, pause=lambda seconds: None, **more)


def refusal(call: Callable[[], Any]) -> CloudRefused:
    with pytest.raises(CloudRefused) as told:
        call()
    return told.value


@pytest.mark.parametrize("zone", ["a", "b"])
def test_a_refusal_of_one_zone_is_a_line_and_the_nodes_come_from_the_other(embedded: Embedded, zone: str) -> None:
    """InsufficientInstanceCapacity in one zone ends in success in the other; the person is told."""
    embedded.make_group()
    embedded.refuse(zone, "InsufficientInstanceCapacity", NO_CAPACITY)
    lines: list[tuple[str, str]] = []
    found = scale(embedded, 2, on_refusal=lambda where, said: lines.append((where, said)))
    assert [{"a": "us-east-1b", "b": "us-east-1a"}[zone]] * 2 == [node.availability_zone for node in found]
    assert {f"us-east-1{zone}"} == {where for where, _ in lines}
    assert all("capacity" in said for _, said in lines)


def test_a_type_that_one_zone_does_not_offer_comes_from_the_other(embedded: Embedded) -> None:
    """Unsupported in a zone is as little a verdict as want of capacity."""
    embedded.make_group(kind="p4de.24xlarge")
    assert ["us-east-1b"] == [node.availability_zone for node in scale(embedded, 1)]


def test_when_every_zone_has_refused_the_line_names_each_of_them(embedded: Embedded) -> None:
    """And the group goes back to what it has, so that nothing starts hours later."""
    embedded.make_group(zones="abc")
    embedded.refuse("abc", "InsufficientInstanceCapacity", NO_CAPACITY)
    told = refusal(lambda: scale(embedded, 1))
    assert "capacity" == told.kind
    assert all(f"us-east-1{zone} (InsufficientInstanceCapacity)" in told.message for zone in "abc"), told.message
    assert 0 == embedded.described()["DesiredCapacity"]


def test_zones_that_refuse_for_unlike_reasons_are_told_apart(embedded: Embedded) -> None:
    """One has no capacity, the other does not offer the type: the want of capacity is what may pass."""
    embedded.make_group(kind="p4de.24xlarge")
    embedded.refuse("b", "InsufficientInstanceCapacity", NO_CAPACITY)
    told = refusal(lambda: scale(embedded, 1))
    assert "capacity" == told.kind
    assert "us-east-1a (Unsupported), us-east-1b (InsufficientInstanceCapacity)" in told.message


def test_no_zone_that_offers_the_type_is_unsupported(embedded: Embedded) -> None:
    """Nothing to wait for."""
    embedded.make_group(kind="p6-b200.48xlarge")
    assert "unsupported" == refusal(lambda: scale(embedded, 1)).kind


def test_a_quota_is_the_verdict_at_once(embedded: Embedded) -> None:
    """It is the region's: the other zone is not waited for."""
    embedded.make_group()
    embedded.refuse("ab", "VcpuLimitExceeded", NO_QUOTA)
    told = refusal(lambda: scale(embedded, 1, on_refusal=lambda where, said: pytest.fail(said)))
    assert "quota" == told.kind


def test_refusals_of_an_earlier_raise_say_nothing_of_this_one(embedded: Embedded) -> None:
    """The same group is raised again when capacity has come back."""
    embedded.make_group()
    embedded.refuse("ab", "InsufficientInstanceCapacity", NO_CAPACITY)
    refusal(lambda: scale(embedded, 1))
    embedded.refuse("", "", "")
    assert 1 == len(scale(embedded, 1))


def test_a_zone_that_never_answers_is_not_waited_for_for_ever(embedded: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    """One zone of two refuses, the other is never tried: after the wait the refusal is told."""
    embedded.make_group()
    embedded.refuse("a", "InsufficientInstanceCapacity", NO_CAPACITY)
    members = "inferstack.sandbox.aws.gaps.members.places"
    monkeypatch.setattr(members, lambda group: [("us-east-1a", group.vpc_zone_identifier.split(",")[0])])
    monkeypatch.setattr(nodes, "REFUSED_S", 0.0)
    told = refusal(lambda: scale(embedded, 1))
    assert ("capacity", True) == (told.kind, "us-east-1a" in told.message)


def test_aws_may_start_nodes_only_while_somebody_waits_for_them(embedded: Embedded) -> None:
    """A node that AWS started later in a broken one's place would be in service without ever having been configured."""
    embedded.make_group()
    first = scale(embedded, 1)
    assert {"Launch", "AZRebalance"} == {one["ProcessName"] for one in embedded.described()["SuspendedProcesses"]}
    embedded.aws.client("ec2").terminate_instances(InstanceIds=[first[0].instance_id])
    embedded.aws.client("autoscaling").set_desired_capacity(AutoScalingGroupName=embedded.group, DesiredCapacity=2)
    assert {first[0].instance_id} >= {one["InstanceId"] for one in embedded.described()["Instances"]}


def test_a_refused_raise_leaves_launches_suspended(embedded: Embedded) -> None:
    """Whatever ends the wait."""
    embedded.make_group()
    embedded.refuse("ab", "VcpuLimitExceeded", NO_QUOTA)
    refusal(lambda: scale(embedded, 1))
    assert "Launch" in {one["ProcessName"] for one in embedded.described()["SuspendedProcesses"]}


def test_tags_of_running_nodes_follow_the_stack(embedded: Embedded) -> None:
    """Anybody's janitor reads the end of an instance's life from its own tag, and from those of its volume and interface."""
    tags = [
        {"ResourceType": kind, "Tags": [{"Key": "inferstack:expires-at", "Value": "old"}, {"Key": "a", "Value": "b"}]}
        for kind in ("instance", "volume", "network-interface")
    ]
    embedded.make_group(TagSpecifications=tags)
    scale(embedded, 2)
    nodes.tag(embedded.aws, embedded.group, {"inferstack:expires-at": "new"})
    ec2 = embedded.aws.client("ec2")
    listed = [
        *(one["Tags"] for reservation in ec2.describe_instances()["Reservations"] for one in reservation["Instances"]),
        *(one["Tags"] for one in ec2.describe_volumes()["Volumes"]),
        *(one["TagSet"] for one in ec2.describe_network_interfaces()["NetworkInterfaces"]),
    ]
    assert 6 == len(listed)
    assert all({"inferstack:expires-at": "new", "a": "b"}.items() <= {tag["Key"]: tag["Value"] for tag in of}.items() for of in listed)
