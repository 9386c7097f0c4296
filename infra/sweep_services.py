"""Sweep rows of what stands outside EC2: schedules, log groups, secrets, roles and instance profiles."""

from __future__ import annotations

from collections.abc import Iterator

from infra.aws import Aws
from infra.naming import PROJECT
from infra.sweep_kind import Kind, Seen, pages, tags_of


def schedule_groups(aws: Aws) -> Iterator[Seen]:
    client = aws.client("scheduler")
    for entry in pages(aws, "scheduler", "list_schedule_groups", "ScheduleGroups"):
        if entry["Name"].startswith(PROJECT) and entry.get("State") != "DELETING":
            tags = tags_of(client.list_tags_for_resource(ResourceArn=entry["Arn"]).get("Tags"))
            yield Seen(entry["Name"], entry["Name"], tags)


def delete_schedule_group(aws: Aws, seen: Seen) -> object:
    """Its schedules go with it."""
    return aws.client("scheduler").delete_schedule_group(Name=seen.id)


def log_groups(aws: Aws) -> Iterator[Seen]:
    client = aws.client("logs")
    for entry in pages(aws, "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=f"/{PROJECT}/"):
        arn = entry["arn"].removesuffix(":*")
        yield Seen(entry["logGroupName"], entry["logGroupName"], client.list_tags_for_resource(resourceArn=arn).get("tags", {}))


def delete_log_group(aws: Aws, seen: Seen) -> object:
    return aws.client("logs").delete_log_group(logGroupName=seen.id)


def secrets(aws: Aws) -> Iterator[Seen]:
    for entry in pages(aws, "secretsmanager", "list_secrets", "SecretList"):
        yield Seen(entry["ARN"], entry["Name"], tags_of(entry.get("Tags")))


def delete_secret(aws: Aws, seen: Seen) -> object:
    return aws.client("secretsmanager").delete_secret(SecretId=seen.id, ForceDeleteWithoutRecovery=True)


def instance_profiles(aws: Aws) -> Iterator[Seen]:
    for entry in pages(aws, "iam", "list_instance_profiles", "InstanceProfiles"):
        if entry["InstanceProfileName"].startswith(PROJECT):
            tags = aws.client("iam").list_instance_profile_tags(InstanceProfileName=entry["InstanceProfileName"]).get("Tags")
            yield Seen(entry["InstanceProfileName"], entry["InstanceProfileName"], tags_of(tags), entry)


def delete_instance_profile(aws: Aws, seen: Seen) -> object:
    client = aws.client("iam")
    for role in seen.about.get("Roles", []):
        client.remove_role_from_instance_profile(InstanceProfileName=seen.id, RoleName=role["RoleName"])
    return client.delete_instance_profile(InstanceProfileName=seen.id)


def roles(aws: Aws) -> Iterator[Seen]:
    for entry in pages(aws, "iam", "list_roles", "Roles"):
        if entry["RoleName"].startswith(PROJECT):
            tags = aws.client("iam").list_role_tags(RoleName=entry["RoleName"]).get("Tags")
            yield Seen(entry["RoleName"], entry["RoleName"], tags_of(tags))


def delete_role(aws: Aws, seen: Seen) -> object:
    client = aws.client("iam")
    for policy in list(pages(aws, "iam", "list_role_policies", "PolicyNames", RoleName=seen.id)):
        client.delete_role_policy(RoleName=seen.id, PolicyName=policy)
    for policy in list(pages(aws, "iam", "list_attached_role_policies", "AttachedPolicies", RoleName=seen.id)):
        client.detach_role_policy(RoleName=seen.id, PolicyArn=policy["PolicyArn"])
    return client.delete_role(RoleName=seen.id)


KINDS = (
    Kind("aws:scheduler/scheduleGroup:ScheduleGroup", schedule_groups, delete_schedule_group),
    Kind("aws:cloudwatch/logGroup:LogGroup", log_groups, delete_log_group),
    Kind("aws:secretsmanager/secret:Secret", secrets, delete_secret),
    Kind("aws:iam/instanceProfile:InstanceProfile", instance_profiles, delete_instance_profile),
    Kind("aws:iam/role:Role", roles, delete_role),
)
