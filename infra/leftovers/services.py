"""Rows of the other services of a cluster: the group that starts nodes, the schedules, roles, log and secret."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from infra import naming
from infra.calls.aws import Aws, code_of
from infra.leftovers.kinds import FoundResource, Kind, Scope, pages, tag_map

GROUP = "aws:autoscaling/group:Group"
SCHEDULE = "aws:scheduler/schedule:Schedule"
SCHEDULE_GROUP = "aws:scheduler/scheduleGroup:ScheduleGroup"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
SECRET = "aws:secretsmanager/secret:Secret"
PROFILE = "aws:iam/instanceProfile:InstanceProfile"
ROLE = "aws:iam/role:Role"
GONE = {"ResourceNotFoundException", "NoSuchEntity", "NoSuchEntityException", "NoSuchBucket", "NotFoundException"}


def kinds_before_network() -> tuple[Kind, ...]:
    """The group first: it would start anew what is ended under it."""
    return (Kind(GROUP, _groups, _delete_group),)


def kinds_after_network() -> tuple[Kind, ...]:
    """The schedules late: until everything that bills is gone they stand guard."""
    return (
        Kind(SECRET, _secrets, _deleting("secretsmanager", "delete_secret", "SecretId", ForceDeleteWithoutRecovery=True)),
        Kind(LOG_GROUP, _log_groups, _deleting("logs", "delete_log_group", "logGroupName")),
        Kind(PROFILE, _profiles, _delete_profile),
        Kind(SCHEDULE, _schedules, _delete_schedule),
        Kind(SCHEDULE_GROUP, _schedule_groups, _deleting("scheduler", "delete_schedule_group", "Name")),
        Kind(ROLE, _roles, _delete_role),
    )


def _deleting(service: str, operation: str, parameter: str, **more: Any) -> Callable[[Aws, FoundResource], object]:
    def delete(aws: Aws, found: FoundResource) -> None:
        quietly(lambda: getattr(aws.client(service), operation)(**{parameter: found.id}, **more))

    return delete


def quietly(delete: Callable[[], object]) -> None:
    try:
        delete()
    except Exception as error:
        if code_of(error) not in GONE:
            raise


def _groups(aws: Aws, scope: Scope) -> Iterable[FoundResource]:
    for one in pages(aws.client("autoscaling"), "describe_auto_scaling_groups", "AutoScalingGroups"):
        nodes = len(one.get("Instances", []))
        held = f"{nodes} node{'s' if nodes != 1 else ''} in it" if nodes else ""
        name = one["AutoScalingGroupName"]
        yield FoundResource(GROUP, name, name, tag_map(one.get("Tags")), held, {"State": one.get("Status", "")})


def _delete_group(aws: Aws, found: FoundResource) -> None:
    """While it is being deleted AWS answers ScalingActivityInProgress."""
    if not found.details.get("State"):
        group = {"AutoScalingGroupName": found.id}
        try:
            aws.client("autoscaling").delete_auto_scaling_group(**group, ForceDelete=True)
        except Exception as error:
            if "not found" not in str(error):
                raise


def _schedule_groups(aws: Aws, scope: Scope) -> Iterable[FoundResource]:
    scheduler = aws.client("scheduler")
    for one in pages(scheduler, "list_schedule_groups", "ScheduleGroups", NamePrefix=f"{naming.PROJECT}-"):
        if one["State"] != "DELETING" and _may_be(one["Name"], scope, SCHEDULE_GROUP):
            tags = tag_map(scheduler.list_tags_for_resource(ResourceArn=one["Arn"]).get("Tags"))
            yield FoundResource(SCHEDULE_GROUP, one["Name"], one["Name"], tags)


def _schedules(aws: Aws, scope: Scope) -> Iterable[FoundResource]:
    """They carry no tags; their group's name and tags are theirs."""
    scheduler = aws.client("scheduler")
    for group in _schedule_groups(aws, scope):
        for one in pages(scheduler, "list_schedules", "Schedules", GroupName=group.id):
            yield FoundResource(SCHEDULE, f"{group.id}/{one['Name']}", group.name, group.tags)


def _delete_schedule(aws: Aws, found: FoundResource) -> None:
    group, _, name = found.id.partition("/")
    quietly(lambda: aws.client("scheduler").delete_schedule(GroupName=group, Name=name))


def _log_groups(aws: Aws, scope: Scope) -> Iterable[FoundResource]:
    logs = aws.client("logs")
    for one in pages(logs, "describe_log_groups", "logGroups", logGroupNamePrefix=naming.log_group(scope.stack)):
        name = one["logGroupName"]
        if _may_be(name, scope, LOG_GROUP):
            arn = str(one.get("logGroupArn") or one["arn"]).removesuffix(":*")
            yield FoundResource(LOG_GROUP, name, name, dict(logs.list_tags_for_resource(resourceArn=arn).get("tags", {})))


def _secrets(aws: Aws, scope: Scope) -> Iterable[FoundResource]:
    ours = {"Filters": [{"Key": "name", "Values": [f"{naming.PROJECT}/{scope.stack}/"]}]}
    for one in pages(aws.client("secretsmanager"), "list_secrets", "SecretList", **ours):
        if not one.get("DeletedDate"):
            yield FoundResource(SECRET, one["ARN"], one["Name"], tag_map(one.get("Tags")))


def _profiles(aws: Aws, scope: Scope) -> Iterable[FoundResource]:
    iam = aws.client("iam")
    for name in sorted({naming.node_role(scope.stack)} | scope.recorded(PROFILE)):
        if one := _got(iam.get_instance_profile, "InstanceProfile", InstanceProfileName=name):
            roles = [role["RoleName"] for role in one.get("Roles", [])]
            yield FoundResource(PROFILE, name, name, tag_map(one.get("Tags")), details={"Roles": roles})


def _delete_profile(aws: Aws, found: FoundResource) -> None:
    iam = aws.client("iam")
    for role in found.details.get("Roles", []):
        quietly(partial(iam.remove_role_from_instance_profile, InstanceProfileName=found.id, RoleName=role))
    quietly(lambda: iam.delete_instance_profile(InstanceProfileName=found.id))


def _roles(aws: Aws, scope: Scope) -> Iterable[FoundResource]:
    iam = aws.client("iam")
    for name in sorted({naming.node_role(scope.stack), naming.reaper_role(scope.stack)} | scope.recorded(ROLE)):
        if one := _got(iam.get_role, "Role", RoleName=name):
            yield FoundResource(ROLE, name, name, tag_map(one.get("Tags")))


def _delete_role(aws: Aws, found: FoundResource) -> None:
    iam = aws.client("iam")
    for policy in list(pages(iam, "list_role_policies", "PolicyNames", RoleName=found.id)):
        iam.delete_role_policy(RoleName=found.id, PolicyName=policy)
    for attached in list(pages(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=found.id)):
        iam.detach_role_policy(RoleName=found.id, PolicyArn=attached["PolicyArn"])
    quietly(lambda: iam.delete_role(RoleName=found.id))


def _got(ask: Callable[..., Any], key: str, **asked: Any) -> Any:
    try:
        return ask(**asked)[key]
    except Exception as error:
        if code_of(error) in GONE:
            return None
        raise


def _may_be(name: str, scope: Scope, type_token: str) -> bool:
    """Names are exact: inferstack-demo must not lead to inferstack-demo-base."""
    return name in scope.names or name in scope.recorded(type_token)
