"""Sweep rows of what bills most: groups, instances, their volumes and interfaces, launch templates. GPUs go first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from infra.aws import Aws
from infra.sweep_kind import Kind, Seen, ec2, ec2_delete, pages, tags_of

GONE = {"terminated", "shutting-down"}


def groups(aws: Aws) -> Iterator[Seen]:
    for entry in pages(aws, "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"):
        yield Seen(entry["AutoScalingGroupName"], entry["AutoScalingGroupName"], tags_of(entry.get("Tags")), entry)


def delete_group(aws: Aws, seen: Seen) -> object:
    if seen.about.get("Status"):  # a deletion is under way
        return None
    return aws.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=seen.id, ForceDelete=True)


def instances(aws: Aws) -> Iterator[Seen]:
    for reservation in pages(aws, "ec2", "describe_instances", "Reservations"):
        for entry in reservation["Instances"]:
            if entry["State"]["Name"] not in GONE:
                tags = tags_of(entry.get("Tags"))
                yield Seen(entry["InstanceId"], tags.get("Name", ""), tags, entry)


def launch_templates(aws: Aws) -> Iterator[Seen]:
    for entry in pages(aws, "ec2", "describe_launch_templates", "LaunchTemplates"):
        yield Seen(entry["LaunchTemplateId"], entry["LaunchTemplateName"], tags_of(entry.get("Tags")), entry)


def _of_a_group(entry: Any) -> bool:
    return entry.get("Status") == "in-use" and bool(entry.get("Attachment", {}).get("InstanceId"))


KINDS = (
    Kind("aws:autoscaling/group:Group", groups, delete_group),
    Kind("aws:ec2/instance:Instance", instances, ec2_delete("terminate_instances", "InstanceIds", many=True)),
    Kind("aws:ec2/launchTemplate:LaunchTemplate", launch_templates, ec2_delete("delete_launch_template", "LaunchTemplateId")),
    Kind(
        "aws:ec2/networkInterface:NetworkInterface",
        ec2(
            "describe_network_interfaces",
            "NetworkInterfaces",
            "NetworkInterfaceId",
            gone=lambda entry: _of_a_group(entry) or entry.get("RequesterManaged", False),
        ),
        ec2_delete("delete_network_interface", "NetworkInterfaceId"),
    ),
    Kind(
        "aws:ebs/volume:Volume",
        ec2("describe_volumes", "Volumes", "VolumeId", gone=lambda entry: entry["State"] == "deleting"),
        ec2_delete("delete_volume", "VolumeId"),
    ),
)
