"""Raises and lowers the Auto Scaling group and says why when no instance comes.

The group itself is made with a desired capacity of 0; what AWS cannot give shows in the group's scaling activities, nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from inferstack.records.errors import CloudRefused
from inferstack.records.outputs import Node
from infra.calls import retries
from infra.calls.aws import Aws, refused
from infra.calls.launches import Launches
from infra.leftovers.kinds import pages

POLL_S = 1.0
DEADLINE_S = 900.0
REFUSED_S = 300.0
"""So long `up` waits for another zone after the first refusal or the last node that came."""
READY = "InService"
LAUNCH = "Launch"
TAGGED_AT_ONCE = 500
"""CreateTags takes up to 1,000 resources, and AWS advises smaller batches."""

Progress = Callable[[str, str], None]


def scale(
    aws: Aws,
    group_name: str,
    desired: int,
    *,
    deadline_s: float = DEADLINE_S,
    on_progress: Progress = lambda instance_id, status: None,
    on_refusal: Progress = lambda zone, said: None,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[Node, ...]:
    """Raise the group and wait for its nodes to be in service.

    The group may start instances only while this waits: one that AWS started later, in a broken node's place, would be bought
    and never configured. On a refusal the group goes back to what it has. Raises CloudRefused.
    """
    client = aws.client("autoscaling")
    try:
        with _launching(client, group_name):
            wait = _Wait(aws, group_name, desired, Launches(aws, group_name, _instance_type(aws, group_name)), on_progress, on_refusal)
            client.update_auto_scaling_group(AutoScalingGroupName=group_name, DesiredCapacity=desired)
            return wait.until(deadline_s, pause)
    except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
        told = refused(error)
        _settle(aws, group_name)
        raise told from None


@contextmanager
def _launching(client: Any, group_name: str) -> Iterator[None]:
    client.resume_processes(AutoScalingGroupName=group_name, ScalingProcesses=[LAUNCH])
    try:
        yield
    finally:
        client.suspend_processes(AutoScalingGroupName=group_name, ScalingProcesses=[LAUNCH])


def exists(aws: Aws, group_name: str) -> bool:
    """Whether AWS still has the group: the reaper deletes it with its nodes. Raises CloudRefused."""
    try:
        asked = aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[group_name])
    except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
        raise refused(error) from None
    return any(not str(one.get("Status", "")).startswith("Delete") for one in asked["AutoScalingGroups"])


def tag(aws: Aws, group_name: str, tags: Mapping[str, str]) -> None:
    """Change tags of what the group launched: instances, their volumes and interfaces keep those of their launch otherwise.

    Raises CloudRefused.
    """
    ids = [node.instance_id for node in nodes(aws, group_name)]
    if not ids:
        return
    try:
        listed = pages(aws.client("ec2"), "describe_instances", "Reservations", Filters=[{"Name": "instance-id", "Values": ids}])
        found = [one for reservation in listed for one in reservation["Instances"]]
        volumes = [mapping["Ebs"]["VolumeId"] for one in found for mapping in one.get("BlockDeviceMappings", ()) if "Ebs" in mapping]
        interfaces = [each["NetworkInterfaceId"] for one in found for each in one.get("NetworkInterfaces", ())]
        written = [{"Key": key, "Value": value} for key, value in tags.items()]
        every = [*(one["InstanceId"] for one in found), *volumes, *interfaces]
        for first in range(0, len(every), TAGGED_AT_ONCE):
            aws.client("ec2").create_tags(Resources=every[first : first + TAGGED_AT_ONCE], Tags=written)
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
    # By filter: a new instance that EC2 does not list yet is absent for a moment, not an error.
    listed = [{"Name": "instance-id", "Values": list(states)}]
    found = [
        _node(instance, states[instance["InstanceId"]])
        for reservation in pages(aws.client("ec2"), "describe_instances", "Reservations", Filters=listed)
        for instance in reservation["Instances"]
    ]
    return tuple(sorted(found, key=lambda node: node.instance_id))


@dataclass
class _Wait:
    """One raise of a group: what came, what was refused where, and when it is over."""

    aws: Aws
    group_name: str
    desired: int
    launches: Launches
    on_progress: Progress
    on_refusal: Progress
    told: dict[str, str] = field(default_factory=dict)
    news_at: float = field(default_factory=time.monotonic)

    def until(self, deadline_s: float, pause: Callable[[float], None]) -> tuple[Node, ...]:
        """The nodes, all in service. Raises CloudRefused."""
        end = time.monotonic() + deadline_s
        # No retry of a failure: each look has news for the screen, may end the wait by a refusal, and the deadline says how many came.
        while True:
            present = retries.when_throttled(self._looked)
            for one in self.launches.look():
                self.on_refusal(one.zone, one.said.message)
            if len(present) == self.desired and all(node.lifecycle_state == READY for node in present):
                return present
            self._refuse_when_no_zone_is_left(present)
            if time.monotonic() > end:
                raise self._late(present, deadline_s)
            pause(POLL_S)

    def _looked(self) -> tuple[Node, ...]:
        present = nodes(self.aws, self.group_name)
        for node in present:
            if self.told.get(node.instance_id) != node.lifecycle_state:
                self.told[node.instance_id] = node.lifecycle_state
                self.news_at = time.monotonic()
                self.on_progress(node.instance_id, node.lifecycle_state)
        return present

    def _refuse_when_no_zone_is_left(self, present: Sequence[Node]) -> None:
        """A refusal of one zone is a line on the screen; it is the verdict when every zone of the group has refused, or nothing comes."""
        tried = self.launches.refused
        all_tried = bool(tried) and set(_group(self.aws, self.group_name)["AvailabilityZones"]) <= set(tried)
        coming = len(present) == self.desired
        if not coming and (all_tried or (tried and time.monotonic() - self.news_at > REFUSED_S)):
            missing = self.desired - len(present)
            raise self.launches.verdict(what=f"{missing} of {self.desired} x {self.launches.instance_type or 'the instances'}")

    def _late(self, present: Sequence[Node], deadline_s: float) -> CloudRefused:
        ready = sum(node.lifecycle_state == READY for node in present)
        return CloudRefused(
            f"timeout: {ready} of {self.desired} nodes of {self.group_name} were in service after {deadline_s:.0f} s",
            kind="timeout",
            hint="run the same command again to keep waiting; inferstack down removes what was built",
        )


def _instance_type(aws: Aws, group_name: str) -> str | None:
    """Return the type that the launch template names: AWS's sentence does not always name it, and the quota's code hangs on it."""
    template = _group(aws, group_name).get("LaunchTemplate")
    if not template:
        return None
    asked = {"LaunchTemplateId": template["LaunchTemplateId"], "Versions": [template.get("Version", "$Default")]}
    told = aws.client("ec2").describe_launch_template_versions(**asked)["LaunchTemplateVersions"]
    return told[0]["LaunchTemplateData"].get("InstanceType") if told else None


def _settle(aws: Aws, group_name: str) -> None:
    """Lower the desired capacity to what is there: a group that goes on asking would start a GPU hours later, unwatched."""
    try:
        aws.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName=group_name, DesiredCapacity=len(nodes(aws, group_name)))
    except Exception as error:  # noqa: BLE001  the refusal that brought us here is the one to be told
        refused(error)


def _group(aws: Aws, group_name: str) -> Any:
    found = aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[group_name])["AutoScalingGroups"]
    if not found:
        raise CloudRefused(
            f"there is no Auto Scaling group {group_name}", hint="inferstack up creates it; the reaper may have removed it at expiry"
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
