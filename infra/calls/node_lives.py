"""When each node of a group began and ended: from the group's scaling activities, which outlive it, and from EC2's list of instances."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from inferstack.records.receipt import NodeLife
from infra import naming
from infra.calls.aws import Aws, refused
from infra.leftovers.kinds import pages

ACTIVITIES, INSTANCES = "activities of the group", "the list of instances"
LAUNCHED = re.compile(r"^Launching a new EC2 instance: (i-[0-9a-f]+)")
ENDED = re.compile(r"^Terminating EC2 instance: (i-[0-9a-f]+)")


def lives(aws: Aws, stack: str) -> tuple[NodeLife, ...]:
    """Every node that the stack's group ever started, as far as AWS still tells. Raises CloudRefused when AWS tells neither way."""
    found: dict[str, NodeLife] = {}
    failed = []
    for read in (_of_activities, _of_instances):
        try:
            found = _joined(found, read(aws, stack))
        except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
            failed.append(refused(error))
    if len(failed) == 2:
        raise failed[0]
    return tuple(sorted(found.values(), key=lambda one: (one.began, one.instance_id)))


def _of_activities(aws: Aws, stack: str) -> dict[str, NodeLife]:
    """AWS keeps activities for six weeks, those of deleted groups too."""
    client, group = aws.client("autoscaling"), naming.group(stack)
    told = list(pages(client, "describe_scaling_activities", "Activities", AutoScalingGroupName=group, IncludeDeletedGroups=True))
    ends = {match.group(1): one.get("EndTime") or one["StartTime"] for one in told if (match := _match(ENDED, one))}
    return {
        match.group(1): NodeLife(instance_id=match.group(1), began=one["StartTime"], ended=ends.get(match.group(1)), source=ACTIVITIES)
        for one in told
        if (match := _match(LAUNCHED, one))
    }


def _match(pattern: re.Pattern[str], activity: Mapping[str, Any]) -> re.Match[str] | None:
    return pattern.match(activity.get("Description", "")) if activity["StatusCode"] not in ("Failed", "Cancelled") else None


def _of_instances(aws: Aws, stack: str) -> dict[str, NodeLife]:
    """AWS lists an ended instance for about an hour; the time of its end stands in a sentence."""
    ours = [{"Name": f"tag:{naming.STACK_TAG}", "Values": [stack]}]
    reservations: Iterable[Any] = pages(aws.client("ec2"), "describe_instances", "Reservations", Filters=ours)
    return {one["InstanceId"]: _life(one) for each in reservations for one in each["Instances"]}


def _life(instance: Mapping[str, Any]) -> NodeLife:
    said = re.search(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)", instance.get("StateTransitionReason") or "")
    ended = datetime.fromisoformat(f"{said.group(1)}+00:00") if said and instance["State"]["Name"] in ("terminated", "stopped") else None
    return NodeLife(instance_id=instance["InstanceId"], began=instance["LaunchTime"], ended=ended, source=INSTANCES)


def _joined(known: dict[str, NodeLife], more: Mapping[str, NodeLife]) -> dict[str, NodeLife]:
    """The first source is kept, an end that it lacks is taken from the second."""
    merged = dict(more) | known
    return {id: one if one.ended or id not in more else one.model_copy(update={"ended": more[id].ended}) for id, one in merged.items()}
