"""Which changes there are between two sets of inputs, and which of them replace the resource."""

from __future__ import annotations

from typing import Any

import pytest

from inferstack.sandbox.provider.properties.wire import UNKNOWN, Secret
from inferstack.sandbox.provider.protocol.diff import PropertyDifference, diff, paths
from inferstack.sandbox.provider.resources.table import TYPES


def of(token: str, olds: dict[str, Any], news: dict[str, Any]) -> PropertyDifference:
    return diff(TYPES[token], olds, news)


def test_equal_inputs_have_no_difference() -> None:
    """Neither the order of ids nor the spelling of a policy is a change."""
    olds = {"vpcZoneIdentifiers": ["a", "b"], "tags": [{"key": "k", "value": "v", "propagateAtLaunch": True}]}
    news = {"vpcZoneIdentifiers": ["b", "a"], "tags": [{"key": "k", "value": "v", "propagateAtLaunch": True}]}
    assert PropertyDifference() == of("aws:autoscaling/group:Group", olds, news)


def test_a_change_of_a_fixed_property_replaces() -> None:
    """A VPC cannot change its range."""
    found = of("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.1.0.0/16"})
    assert ({"cidrBlock": "UPDATE"}, ["cidrBlock"], False) == (found.changes, found.replaces, found.delete_before_replace)


def test_the_deepest_path_is_named() -> None:
    """What Pulumi prints is the member that changed, not the whole block."""
    olds = {"blockDeviceMappings": [{"deviceName": "/dev/sda1", "ebs": {"iops": 3000}}], "tagsAll": {"a:b": "1"}}
    news = {"blockDeviceMappings": [{"deviceName": "/dev/sda1", "ebs": {"iops": 6000, "throughput": 500}}], "tagsAll": {}}
    found = of("aws:ec2/launchTemplate:LaunchTemplate", olds, news)
    expected = {"blockDeviceMappings[0].ebs.iops": "UPDATE", "blockDeviceMappings[0].ebs.throughput": "ADD", 'tagsAll["a:b"]': "DELETE"}
    assert expected == found.changes


def test_an_unknown_id_is_a_change_that_replaces_where_the_id_is_fixed() -> None:
    """A subnet of a VPC that is being replaced is replaced too."""
    found = of("aws:ec2/subnet:Subnet", {"vpcId": "vpc-1"}, {"vpcId": UNKNOWN})
    assert ["vpcId"] == found.replaces


def test_what_aws_fills_in_is_no_change_when_the_program_leaves_it_out() -> None:
    """An imported subnet knows its zone; a program that never named one does not replace it."""
    assert PropertyDifference() == of("aws:ec2/subnet:Subnet", {"availabilityZone": "us-east-1a"}, {})


def test_a_chosen_name_is_freed_before_it_is_taken_again() -> None:
    """Two roles of one name cannot exist; with a generated name they can, side by side."""
    chosen = of("aws:iam/role:Role", {"name": "node", "path": "/"}, {"name": "node", "path": "/x/", "__defaults": []})
    generated = of("aws:iam/role:Role", {"name": "it-1234567", "path": "/"}, {"name": "it-1234567", "path": "/x/", "__defaults": ["name"]})
    assert (True, False) == (chosen.delete_before_replace, generated.delete_before_replace)


def test_a_secret_differs_by_its_value_only() -> None:
    """Making a value secret does not touch the resource."""
    assert PropertyDifference() == of("aws:ssm/parameter:Parameter", {"value": "x"}, {"value": Secret("x")})


def test_another_region_replaces() -> None:
    """Each resource may live in a region of its own; it cannot move."""
    assert ["region"] == of("aws:kms/key:Key", {"region": "us-east-1"}, {"region": "us-west-2"}).replaces


def test_a_changed_filled_input_is_a_change() -> None:
    """What AWS would fill in counts as soon as the program says something else: the subnet moves to the other zone."""
    found = of("aws:ec2/subnet:Subnet", {"availabilityZone": "us-east-1a"}, {"availabilityZone": "us-east-1b"})
    assert ({"availabilityZone": "UPDATE"}, ["availabilityZone"]) == (found.changes, found.replaces)


def test_a_property_that_comes_or_goes_is_a_change() -> None:
    """Also one that only the new inputs have, and one that only the old ones had."""
    plain, more = {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.0.0.0/16", "enableDnsSupport": True}
    assert {"enableDnsSupport": "ADD"} == of("aws:ec2/vpc:Vpc", plain, more).changes
    assert {"enableDnsSupport": "DELETE"} == of("aws:ec2/vpc:Vpc", more, plain).changes


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"a": 1}, "text", {"x": "UPDATE"}),
        ("text", {"a": 1}, {"x": "UPDATE"}),
        ([1], "text", {"x": "UPDATE"}),
        ("text", [1], {"x": "UPDATE"}),
        ({"a": 1}, [1], {"x": "UPDATE"}),
        ([1], {"a": 1}, {"x": "UPDATE"}),
        ([{"a": 1}], [{"a": 1}, {"a": 2}], {"x[1]": "ADD"}),
        ([{"a": 1}, {"a": 2}], [{"a": 1}], {"x[1]": "DELETE"}),
        ([{"a": 1}], [{"a": 2}], {"x[0].a": "UPDATE"}),
        (None, 1, {"x": "ADD"}),
        (1, None, {"x": "DELETE"}),
    ],
)
def test_values_of_two_kinds_differ_as_a_whole(before: Any, after: Any, changes: dict[str, str]) -> None:
    """A block beside a list has no members to compare; lists differ from the first place that one of them lacks."""
    assert changes == paths("x", before, after)
