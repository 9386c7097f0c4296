"""Raises and lowers the Auto Scaling group and says why when no instance comes.

The group itself is made with a desired capacity of 0; what AWS cannot give shows in the group's scaling activities, nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from infra import refusals
from infra.aws import Aws, refused
from infra.resources import pages
from records.errors import CloudRefused
from records.outputs import Node

POLL_S = 1.0
DEADLINE_S = 900.0
READY = "InService"

Progress = Callable[[str, str], None]


def scale(
    aws: Aws,
    group_name: str,
    desired: int,
    *,
    deadline_s: float = DEADLINE_S,
    on_progress: Progress = lambda instance_id, status: None,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[Node, ...]:
    """The nodes in service. On a refusal the group goes back to what it has, so that AWS does not go on trying. Raises CloudRefused."""
    client, begun = aws.client("autoscaling"), datetime.now(UTC)
    try:
        client.update_auto_scaling_group(AutoScalingGroupName=group_name, DesiredCapacity=desired)
        return _awaited(aws, group_name, desired, begun=begun, deadline_s=deadline_s, on_progress=on_progress, pause=pause)
    except CloudRefused:
        _settle(aws, group_name)
        raise
    except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
        raise refused(error) from None


def nodes(aws: Aws, group_name: str) -> tuple[Node, ...]:
    """The group's instances that are not on their way out, oldest id first."""
    group = _group(aws, group_name)
    states = {
        entry["InstanceId"]: entry["LifecycleState"]
        for entry in group.get("Instances", ())
        if not entry["LifecycleState"].startswith("Terminat")
    }
    if not states:
        return ()
    found = [
        _node(instance, states[instance["InstanceId"]])
        for reservation in pages(aws.client("ec2"), "describe_instances", "Reservations", InstanceIds=list(states))
        for instance in reservation["Instances"]
    ]
    return tuple(sorted(found, key=lambda node: node.instance_id))


def _awaited(
    aws: Aws, group_name: str, desired: int, *, begun: datetime, deadline_s: float, on_progress: Progress, pause: Callable[[float], None]
) -> tuple[Node, ...]:
    end, told = time.monotonic() + deadline_s, dict[str, str]()
    while True:
        present = nodes(aws, group_name)
        for node in present:
            if told.get(node.instance_id) != node.lifecycle_state:
                told[node.instance_id] = node.lifecycle_state
                on_progress(node.instance_id, node.lifecycle_state)
        if len(present) == desired and all(node.lifecycle_state == READY for node in present):
            return present
        _raise_failed_activity(aws, group_name, begun)
        if time.monotonic() > end:
            ready = sum(node.lifecycle_state == READY for node in present)
            raise CloudRefused(
                f"timeout: {ready} of {desired} nodes of {group_name} were in service after {deadline_s:.0f} s",
                kind="timeout",
                hint="run the same command again to go on waiting; inferstack down removes what came",
            )
        pause(POLL_S)


def _raise_failed_activity(aws: Aws, group_name: str, begun: datetime) -> None:
    answer = aws.client("autoscaling").describe_scaling_activities(AutoScalingGroupName=group_name, MaxRecords=20)
    for activity in answer.get("Activities", ()):
        started = activity["StartTime"]
        if activity["StatusCode"] in {"Failed", "Cancelled"} and started.timestamp() >= begun.timestamp() - 1:
            said = activity.get("StatusMessage") or activity.get("Cause", "")
            raise refusals.explained_text(said, instance_type=_instance_type(aws, group_name), region=aws.region)


def _instance_type(aws: Aws, group_name: str) -> str | None:
    """Of the launch template: AWS's sentence does not always name it, and the quota's code hangs on it."""
    template = _group(aws, group_name).get("LaunchTemplate")
    if not template:
        return None
    asked = {"LaunchTemplateId": template["LaunchTemplateId"], "Versions": [template.get("Version", "$Default")]}
    told = aws.client("ec2").describe_launch_template_versions(**asked)["LaunchTemplateVersions"]
    return told[0]["LaunchTemplateData"].get("InstanceType") if told else None


def _settle(aws: Aws, group_name: str) -> None:
    """Desired capacity down to what is there: a group that goes on asking would start a GPU hours later, unwatched."""
    try:
        aws.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName=group_name, DesiredCapacity=len(nodes(aws, group_name)))
    except Exception as error:  # noqa: BLE001  the refusal that brought us here is the one to be told
        refused(error)


def _group(aws: Aws, group_name: str) -> Any:
    found = aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[group_name])["AutoScalingGroups"]
    if not found:
        raise CloudRefused(
            f"there is no Auto Scaling group {group_name}", hint="inferstack up makes it; the reaper may have removed it at expiry"
        )
    return found[0]


def _node(instance: Any, state: str) -> Node:
    return Node(
        instance_id=instance["InstanceId"],
        private_ip=instance.get("PrivateIpAddress", ""),
        availability_zone=instance["Placement"]["AvailabilityZone"],
        instance_type=instance["InstanceType"],
        lifecycle_state=state,
    )
