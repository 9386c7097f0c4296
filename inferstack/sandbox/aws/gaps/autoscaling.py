"""Auto Scaling: launches that fail as on AWS, in the activities; members as their template says; deletion that refuses or removes all."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from inferstack.sandbox.aws.front.answers import Refusal
from inferstack.sandbox.aws.gaps import members, zones
from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.world import Activity, SandboxWorld

STILL_THERE = "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group."
LIVING = ("Pending", "InService")
LAUNCH = "Launch"
ZONAL = ("InsufficientInstanceCapacity", "Unsupported")


def patches(world: SandboxWorld) -> list[Patch]:
    return [
        Patch(FakeAutoScalingGroup, "replace_autoscaling_group_instances", lambda _: _launching(world)),
        Patch(FakeAutoScalingGroup, "active_instances", lambda _: _living),
        Patch(FakeAutoScalingGroup, "set_desired_capacity", lambda moto: _resizing(world, moto)),
        Patch(AutoScalingBackend, "set_desired_capacity", _bounded),
        Patch(AutoScalingResponse, "delete_auto_scaling_group", lambda _: _deletion(world)),
        Patch(AutoScalingResponse, "describe_scaling_activities", lambda _: _activities(world)),
        Patch(InstanceState, "launch_template", lambda _: property(_launched_from)),
    ]


def _living(self: FakeAutoScalingGroup) -> list[InstanceState]:
    """moto counts only members in service, and would launch a pending one again."""
    return [state for state in self.instance_states if state.lifecycle_state in LIVING]


def _launching(world: SandboxWorld) -> Any:
    def replace_autoscaling_group_instances(self: FakeAutoScalingGroup, count_needed: int, propagated_tags: dict[str, str]) -> None:
        for _ in range(count_needed):
            if LAUNCH in self._suspended_processes or not _launched(world, self, propagated_tags):
                break
        world.wake()

    return replace_autoscaling_group_instances


def _launched(world: SandboxWorld, group: FakeAutoScalingGroup, tags: dict[str, str]) -> bool:
    """One more member, in the first zone that gives it; each refusal is an activity, and its caller never learns of it.

    Auto Scaling goes on in another zone after a refusal of capacity or support (balanced-best-effort); a quota is the region's.
    """
    for zone, subnet_id in members.places(group):
        activity = _record(world, group, "Launching a new EC2 instance", _why_more(group))
        activity.details = {"Availability Zone": zone, **({"Subnet ID": subnet_id} if subnet_id else {})}
        refused = _refusal(world, group, zone)
        if refused is None:
            _joined(world, group, activity, members.launch(group, zone=zone, subnet_id=subnet_id, tags=tags))
            return True
        mixed = f"Could not launch On-Demand Instances. {refused.code} - " if group.mixed_instances_policy else ""
        said = f"{mixed}{refused.message} Launching EC2 instance failed."
        activity.description = f"Launching a new EC2 instance.  Status Reason: {said}"
        activity.ended("Failed", said)
        if refused.code not in ZONAL:
            return False
    return False


def _refusal(world: SandboxWorld, group: FakeAutoScalingGroup, zone: str) -> Refusal | None:
    instance_type = members.instance_type(group)
    return zones.refusal(group.region, instance_type, zone) or world.launch_refusal(instance_type, zone, group.name)


def _joined(world: SandboxWorld, group: FakeAutoScalingGroup, activity: Activity, instance: Any) -> None:
    activity.description = f"Launching a new EC2 instance: {instance.id}"
    state = InstanceState(instance, protected_from_scale_in=group.new_instances_protected_from_scale_in)
    state.launched_version = group.launch_template_version if group.ec2_launch_template else None
    state.activity = activity
    group.instance_states.append(state)
    _begun(world, state)


def _begun(world: SandboxWorld, state: Any) -> None:
    if not world.backed:
        state.activity.ended("Successful")
        return
    state.lifecycle_state = "Pending"
    state.instance._state.name, state.instance._state.code = "pending", 0


def _resizing(world: SandboxWorld, moto: Any) -> Any:
    def set_desired_capacity(self: FakeAutoScalingGroup, new_capacity: int | None) -> None:
        before = list(self.instance_states)
        self.previous_capacity = getattr(self, "desired_capacity", None) or 0
        moto(self, new_capacity)
        kept = {state.instance_id for state in self.instance_states}
        for state in before:
            if state.instance_id not in kept:
                cause = f"At {_now()} an instance was taken out of service in response to a difference between desired and actual capacity."
                _record(world, self, f"Terminating EC2 instance: {state.instance_id}", cause).ended("Successful")
        world.wake()

    return set_desired_capacity


def _bounded(moto: Any) -> Any:
    def set_desired_capacity(self: AutoScalingBackend, group_name: str, desired_capacity: int | None) -> None:
        group = self.autoscaling_groups.get(group_name)
        if group is None:
            raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{group_name}' not found")
        for bound, limit, wrong in (
            ("above max value", group.max_size, lambda value, limit: value > limit),
            ("below min value", group.min_size, lambda value, limit: value < limit),
        ):
            if desired_capacity and limit is not None and wrong(desired_capacity, limit):
                raise ValidationError(f"New SetDesiredCapacity value {desired_capacity} is {bound} {limit} for the AutoScalingGroup.")
        moto(self, group_name, desired_capacity)

    return set_desired_capacity


def _deletion(world: SandboxWorld) -> Any:
    def delete_auto_scaling_group(self: Any) -> ActionResult:
        name = self._get_param("AutoScalingGroupName")
        group = self.autoscaling_backend.autoscaling_groups.get(name)
        if group is not None and group.instance_states:
            if not self._get_bool_param("ForceDelete"):
                raise AutoscalingClientError("ResourceInUse", STILL_THERE)
            for state in group.instance_states:
                state.protected_from_scale_in = False
        self.autoscaling_backend.delete_auto_scaling_group(name)
        world.wake()
        return EmptyResult()

    return delete_auto_scaling_group


def _activities(world: SandboxWorld) -> Any:
    def describe_scaling_activities(self: Any) -> ActionResult:
        name = self._get_param("AutoScalingGroupName")
        groups = self.autoscaling_backend.autoscaling_groups
        if name and name not in groups and not self._get_bool_param("IncludeDeletedGroups"):
            raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
        wanted = set(self._get_param("ActivityIds") or [])
        of_groups = [of for (region, group), of in world.activities.items() if region == self.region and name in (None, "", group)]
        found = [activity for of in of_groups for activity in of]
        found = [a for a in found if not wanted or a.activity_id in wanted]
        start, count = int(self._get_param("NextToken") or 0), int(self._get_param("MaxRecords") or 100)
        page = [_as_answer(a) for a in found[start : start + count]]
        more = {"NextToken": str(start + count)} if start + count < len(found) else {}
        return ActionResult({"Activities": page, **more})

    return describe_scaling_activities


def _as_answer(activity: Activity) -> dict[str, Any]:
    answer = {
        "ActivityId": activity.activity_id,
        "AutoScalingGroupName": activity.group,
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": activity.start_time,
        "StatusCode": activity.status,
        "Progress": activity.progress,
        "Details": json.dumps(activity.details),
    }
    return (
        answer
        | ({"EndTime": activity.end_time} if activity.end_time else {})
        | ({"StatusMessage": activity.message} if activity.message else {})
    )


def _launched_from(self: Any) -> dict[str, Any] | None:
    """The version that this member was launched from; moto names the template's default."""
    template = self.auto_scaling_group.ec2_launch_template
    if template is None:
        return None
    version = template.get_version(getattr(self, "launched_version", None) or "$Default")
    return {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "Version": str(version.number)}


def _record(world: SandboxWorld, group: FakeAutoScalingGroup, description: str, cause: str) -> Activity:
    activity = Activity(group.name, description, cause, "PreInService", datetime.now(UTC), progress=30)
    return world.record(group.region, activity)


def _why_more(group: FakeAutoScalingGroup) -> str:
    have, want = len(group.instance_states), group.desired_capacity
    return (
        f"At {_now()} an instance was started in response to a difference between desired and actual capacity, "
        f"increasing the capacity from {have} to {want}."
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
