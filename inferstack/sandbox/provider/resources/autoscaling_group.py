"""aws:autoscaling group. It is made empty or not at all: capacity errors appear in its scaling activities, which `up` reads, never here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud, NeverCame, wait
from inferstack.sandbox.provider.cloud.refusals import is_gone
from inferstack.sandbox.provider.properties.casing import camel, pascal
from inferstack.sandbox.provider.properties.values import Given, project, same
from inferstack.sandbox.provider.resources.resource_type import OWN_ROW, Name, ResourceType, State, names

SCALARS = {
    "minSize": "MinSize",
    "maxSize": "MaxSize",
    "desiredCapacity": "DesiredCapacity",
    "defaultCooldown": "DefaultCooldown",
    "healthCheckGracePeriod": "HealthCheckGracePeriod",
    "healthCheckType": "HealthCheckType",
    "protectFromScaleIn": "NewInstancesProtectedFromScaleIn",
    "capacityRebalance": "CapacityRebalance",
    "maxInstanceLifetime": "MaxInstanceLifetime",
    "terminationPolicies": "TerminationPolicies",
    "placementGroup": "PlacementGroup",
    "defaultInstanceWarmup": "DefaultInstanceWarmup",
}
TEMPLATE = {"id": "LaunchTemplateId", "name": "LaunchTemplateName", "version": "Version"}
MIXED = {"launchTemplateId": "LaunchTemplateId", "launchTemplateName": "LaunchTemplateName"}
FILLED = names("availabilityZones defaultCooldown desiredCapacity healthCheckType serviceLinkedRoleArn vpcZoneIdentifiers targetGroupArns")
DURATION = re.compile(r"0|([\d.]+[hms])+")
HERE_ONLY = names("forceDelete waitForCapacityTimeout ignoreFailedScalingActivities forceDeleteWarmPool")


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:autoscaling/group:Group",
            service="autoscaling",
            operation="create_auto_scaling_group",
            request=lambda i: {"AutoScalingGroupName": i["name"], **_body(i), "Tags": _tags(i["name"], i["tags"])},
            identify=lambda answer, i: str(i["name"]),
            read=_read,
            converge=_converge,
            delete=_delete,
            fixed=names("name namePrefix availabilityZones"),
            mutable=HERE_ONLY
            | SCALARS.keys()
            | names("launchTemplate mixedInstancesPolicy suspendedProcesses vpcZoneIdentifiers targetGroupArns tags"),
            defaults={
                "forceDelete": False,
                "waitForCapacityTimeout": "10m",
                "ignoreFailedScalingActivities": False,
                "forceDeleteWarmPool": False,
                "protectFromScaleIn": False,
                "healthCheckGracePeriod": 300,
            },
            filled=FILLED,
            name=Name(longest=255),
            wrong=_wrong,
            sweep=OWN_ROW,
            price="compute.group",
            actions=names(
                "autoscaling:CreateAutoScalingGroup autoscaling:UpdateAutoScalingGroup autoscaling:DeleteAutoScalingGroup "
                "autoscaling:DescribeAutoScalingGroups autoscaling:DescribeScalingActivities autoscaling:CreateOrUpdateTags "
                "autoscaling:DeleteTags autoscaling:DescribeTags autoscaling:SetInstanceProtection "
                "autoscaling:SuspendProcesses autoscaling:ResumeProcesses ec2:RunInstances"
            ),
        )
    ]


def _wrong(i: Given) -> dict[str, str]:
    if i["launchTemplate"] is None and i["mixedInstancesPolicy"] is None:
        return {"launchTemplate": "a group needs launchTemplate or mixedInstancesPolicy (launch configurations are not served)"}
    if i["waitForCapacityTimeout"] and not DURATION.fullmatch(i["waitForCapacityTimeout"]):
        return {"waitForCapacityTimeout": f"{i['waitForCapacityTimeout']!r} is no duration like 10m, 90s or 0"}
    least, most, wanted = i["minSize"], i["maxSize"], i["desiredCapacity"]
    if least is not None and most is not None and least > most:
        return {"minSize": f"minSize {least} is above maxSize {most}"}
    if wanted is not None and most is not None and not (least or 0) <= wanted <= most:
        return {"desiredCapacity": f"desiredCapacity {wanted} is outside minSize {least} to maxSize {most}"}
    return {}


def _body(i: Given) -> dict[str, Any]:
    zones = i["vpcZoneIdentifiers"]
    return {
        **{theirs: i[ours] for ours, theirs in SCALARS.items()},
        "LaunchTemplate": {theirs: i["launchTemplate"].get(ours) for ours, theirs in TEMPLATE.items()}
        if i["launchTemplate"] is not None
        else None,
        "MixedInstancesPolicy": _mixed(i["mixedInstancesPolicy"]),
        "VPCZoneIdentifier": ",".join(sorted(zones)) if zones else None,
        "AvailabilityZones": None if zones else i["availabilityZones"],
    }


def _mixed(policy: Mapping[str, Any] | None) -> Any:
    return pascal(policy) if policy else None


def _tags(name: str | None, wanted: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]] | None:
    target = {"ResourceId": name, "ResourceType": "auto-scaling-group"}
    return [{**target, **pascal(each)} for each in wanted] if wanted else None


def _read(cloud: Cloud, id: str, i: Given) -> State | None:
    groups = cloud.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[id])["AutoScalingGroups"]
    if not groups or groups[0].get("Status", "").startswith("Delete"):
        return None
    found = groups[0]
    subnets = [each for each in found.get("VPCZoneIdentifier", "").split(",") if each]
    return {
        **{ours: found.get(theirs) for ours, theirs in SCALARS.items() if found.get(theirs) is not None},
        "id": id,
        "name": id,
        "namePrefix": "",
        "arn": found["AutoScalingGroupARN"],
        "availabilityZones": found.get("AvailabilityZones", []),
        "vpcZoneIdentifiers": subnets,
        "launchTemplate": _template(found.get("LaunchTemplate")),
        "mixedInstancesPolicy": camel(found["MixedInstancesPolicy"]) if found.get("MixedInstancesPolicy") else None,
        "targetGroupArns": found.get("TargetGroupARNs", []),
        "suspendedProcesses": sorted(each["ProcessName"] for each in found.get("SuspendedProcesses", [])),
        "serviceLinkedRoleArn": found.get("ServiceLinkedRoleARN", cloud.arn("iam", SERVICE_ROLE, regional=False)),
        "predictedCapacity": found.get("PredictedCapacity", 0),
        "warmPoolSize": found.get("WarmPoolSize", 0),
        "tags": [_tag(each) for each in found.get("Tags", []) if not each["Key"].startswith("aws:")],
    }


SERVICE_ROLE = "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"


def _template(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {ours: found.get(theirs) for ours, theirs in TEMPLATE.items()} if found else None


def _tag(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"key": found["Key"], "value": found["Value"], "propagateAtLaunch": bool(found.get("PropagateAtLaunch"))}


def _converge(cloud: Cloud, state: State, wanted: Given) -> None:
    asg, name = cloud.client("autoscaling"), state["name"]
    compared = [*SCALARS, "launchTemplate", "mixedInstancesPolicy", "vpcZoneIdentifiers"]
    changed = {each for each in compared if wanted[each] is not None and not same(project(wanted[each], state.get(each)), wanted[each])}
    if changed:
        body = {key: value for key, value in _body(Given({each: wanted[each] for each in changed})).items() if value is not None}
        asg.update_auto_scaling_group(AutoScalingGroupName=name, **_cleaned(body))
    _converge_tags(asg, name, state["tags"], wanted["tags"] or [])
    _converge_targets(asg, state, wanted)
    _converge_processes(asg, state, wanted)
    if changed & {"desiredCapacity", "minSize"} or state["desiredCapacity"]:
        _wait_for_capacity(asg, name, wanted)


def _wait_for_capacity(asg: Any, name: str, wanted: Given) -> None:
    """Wait until as many instances are in service, unless the timeout is "0". A failure says the last activity."""
    seconds = duration_s(wanted["waitForCapacityTimeout"] or "0")
    target = max(wanted["desiredCapacity"] or 0, wanted["minSize"] or 0)
    if not seconds or not target:
        return
    try:
        wait(lambda: _in_service(asg, name), until=lambda count: count >= target, what=f"{target} instances of {name}", seconds=seconds)
    except NeverCame as late:
        activities = asg.describe_scaling_activities(AutoScalingGroupName=name, MaxRecords=1)["Activities"]
        raise NeverCame(f"{late}; {activities[0].get('StatusMessage', '') if activities else 'no scaling activity'}") from None


def _in_service(asg: Any, name: str) -> int:
    return sum(each["LifecycleState"] == "InService" for each in _members(asg, name))


def duration_s(text: str) -> float:
    """A Go duration: 10m, 1h30m, 90s, 0."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)([hms])", text))


def _cleaned(body: dict[str, Any]) -> dict[str, Any]:
    if body.get("LaunchTemplate"):
        body["LaunchTemplate"] = {key: value for key, value in body["LaunchTemplate"].items() if value}
    return body


def _converge_tags(asg: Any, name: str, has: list[dict[str, Any]], wanted: list[Mapping[str, Any]]) -> None:
    kept = {each["key"] for each in wanted}
    if gone := [each for each in has if each["key"] not in kept]:
        asg.delete_tags(Tags=_tags(name, gone))
    if changed := [each for each in wanted if dict(each) not in has]:
        asg.create_or_update_tags(Tags=_tags(name, changed))


def _converge_targets(asg: Any, state: State, wanted: Given) -> None:
    if wanted["targetGroupArns"] is None:
        return
    has, want = set(state["targetGroupArns"]), set(wanted["targetGroupArns"])
    if want - has:
        asg.attach_load_balancer_target_groups(AutoScalingGroupName=state["name"], TargetGroupARNs=sorted(want - has))
    if has - want:
        asg.detach_load_balancer_target_groups(AutoScalingGroupName=state["name"], TargetGroupARNs=sorted(has - want))


def _converge_processes(asg: Any, state: State, wanted: Given) -> None:
    has, want = set(state["suspendedProcesses"]), set(wanted["suspendedProcesses"] or ())
    if want - has:
        asg.suspend_processes(AutoScalingGroupName=state["name"], ScalingProcesses=sorted(want - has))
    if has - want:
        asg.resume_processes(AutoScalingGroupName=state["name"], ScalingProcesses=sorted(has - want))


def _delete(cloud: Cloud, id: str, i: Given) -> None:
    """Delete the group: with forceDelete its instances go with it; without, it is drained to zero first, as the real provider does."""
    asg = cloud.client("autoscaling")
    if not i["forceDelete"]:
        asg.update_auto_scaling_group(AutoScalingGroupName=id, MinSize=0, MaxSize=0, DesiredCapacity=0)
        wait(lambda: _members(asg, id), until=lambda left: not left, what=f"the end of the instances of {id}", seconds=300)
    asg.delete_auto_scaling_group(AutoScalingGroupName=id, ForceDelete=bool(i["forceDelete"]))
    wait(lambda: _exists(asg, id), until=lambda exists: not exists, what=f"the end of the group {id}", seconds=300)


def _members(asg: Any, id: str) -> list[Any]:
    groups = asg.describe_auto_scaling_groups(AutoScalingGroupNames=[id])["AutoScalingGroups"]
    return list(groups[0]["Instances"]) if groups else []


def _exists(asg: Any, id: str) -> bool:
    try:
        return bool(asg.describe_auto_scaling_groups(AutoScalingGroupNames=[id])["AutoScalingGroups"])
    except asg.exceptions.ClientError as error:
        if is_gone(error):
            return False
        raise
