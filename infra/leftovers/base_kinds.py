"""Rows of a base: bucket with all versions, key, alias, budget. Asked only when a base is to go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from infra import naming
from infra.calls.aws import Aws, code_of
from infra.leftovers.kinds import FoundResource, Kind, Scope, tag_map
from infra.leftovers.services import quietly

BUCKET = "aws:s3/bucket:Bucket"
KEY = "aws:kms/key:Key"
ALIAS = "aws:kms/alias:Alias"
BUDGET = "aws:budgets/budget:Budget"
KEY_WAIT_DAYS = 7
AT_ONCE = 1000
MISSING = {"404", "NoSuchBucket"}


def kinds() -> tuple[Kind, ...]:
    return (
        Kind(BUDGET, _budgets, _delete_budget),
        Kind(BUCKET, _buckets, _delete_bucket),
        Kind(ALIAS, _aliases, lambda aws, one: quietly(lambda: aws.client("kms").delete_alias(AliasName=one.id))),
        Kind(KEY, _keys, _schedule_key),
    )


def empty(aws: Aws, bucket: str) -> int:
    """Removes every version and every marker; answers how many."""
    s3 = aws.client("s3")
    removed = 0
    while True:
        page = s3.list_object_versions(Bucket=bucket, MaxKeys=AT_ONCE)
        entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not entries:
            return removed
        doomed = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in entries]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": doomed[:AT_ONCE], "Quiet": True})
        removed += len(doomed)


def _buckets(aws: Aws, scope: Scope) -> Iterable[FoundResource]:
    s3 = aws.client("s3")
    known = naming.bucket(scope.stack, account_id=aws.account_id(), region=aws.region)
    for name in sorted({known} | scope.recorded(BUCKET)):
        try:
            s3.head_bucket(Bucket=name)
        except s3.exceptions.ClientError as error:
            if code_of(error) in MISSING:
                continue
            raise
        held = "objects in it" if s3.list_objects_v2(Bucket=name, MaxKeys=1).get("KeyCount") else ""
        yield FoundResource(BUCKET, name, name, _bucket_tags(s3, name), held)


def _bucket_tags(s3: Any, name: str) -> dict[str, str]:
    try:
        return tag_map(s3.get_bucket_tagging(Bucket=name)["TagSet"])
    except s3.exceptions.ClientError:
        return {}


def _delete_bucket(aws: Aws, found: FoundResource) -> None:
    s3 = aws.client("s3")
    for upload in s3.list_multipart_uploads(Bucket=found.id).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=found.id, Key=upload["Key"], UploadId=upload["UploadId"])
    empty(aws, found.id)
    quietly(lambda: s3.delete_bucket(Bucket=found.id))


def _keys(aws: Aws, scope: Scope) -> Iterable[FoundResource]:
    """Find keys by recorded id, by alias, and by tag through the tagging service: asking each key of an account would take a call a key."""
    kms = aws.client("kms")
    by_alias = _keys_by_alias(kms, scope.stack)
    for key_id in sorted(scope.recorded(KEY) | by_alias | _keys_by_tag(aws, scope.stack)):
        try:
            told = kms.describe_key(KeyId=key_id)["KeyMetadata"]
        except kms.exceptions.NotFoundException:
            continue
        if told.get("KeyState") not in ("PendingDeletion", "PendingReplicaDeletion") and not told.get("DeletionDate"):
            listed = kms.list_resource_tags(KeyId=key_id).get("Tags", [])
            tags = {one["TagKey"]: one["TagValue"] for one in listed}
            name = naming.key_alias(scope.stack) if key_id in by_alias else tags.get("Name", "")
            yield FoundResource(KEY, key_id, name, tags, "data encrypted with it" if key_id in by_alias else "")


def _keys_by_alias(kms: Any, stack: str) -> set[str]:
    return {one["TargetKeyId"] for one in _listed_aliases(kms) if one["AliasName"] == naming.key_alias(stack) and "TargetKeyId" in one}


def _keys_by_tag(aws: Aws, stack: str) -> set[str]:
    tagging = aws.client("resourcegroupstaggingapi")
    ours = [{"Key": naming.STACK_TAG, "Values": [stack]}]
    found = tagging.get_resources(TagFilters=ours, ResourceTypeFilters=["kms:key"])["ResourceTagMappingList"]
    return {str(one["ResourceARN"]).rsplit("/", 1)[-1] for one in found if ":key/" in one["ResourceARN"]}


def _schedule_key(aws: Aws, found: FoundResource) -> None:
    """AWS keeps a key for at least a week; it is disabled at once and costs nothing from then on."""
    quietly(lambda: aws.client("kms").schedule_key_deletion(KeyId=found.id, PendingWindowInDays=KEY_WAIT_DAYS))


def _aliases(aws: Aws, scope: Scope) -> Iterable[FoundResource]:
    for one in _listed_aliases(aws.client("kms")):
        if one["AliasName"] == naming.key_alias(scope.stack):
            yield FoundResource(ALIAS, one["AliasName"], one["AliasName"])


def _listed_aliases(kms: Any) -> Iterable[Any]:
    for page in kms.get_paginator("list_aliases").paginate():
        yield from page["Aliases"]


def _budgets(aws: Aws, scope: Scope) -> Iterable[FoundResource]:
    budgets = aws.client("budgets")
    account = aws.account_id()
    name = naming.budget(scope.stack)
    try:
        budgets.describe_budget(AccountId=account, BudgetName=name)
    except budgets.exceptions.NotFoundException:
        return
    yield FoundResource(BUDGET, f"{account}:{name}", naming.key_alias(scope.stack), {naming.STACK_TAG: scope.stack})


def _delete_budget(aws: Aws, found: FoundResource) -> None:
    account, _, name = found.id.partition(":")
    quietly(lambda: aws.client("budgets").delete_budget(AccountId=account, BudgetName=name))
