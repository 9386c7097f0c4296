"""aws:s3 bucket. What is said about its content (policy, encryption, lifecycle ...) are types of their own, in bucket_settings.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud, wait
from inferstack.sandbox.provider.cloud.refusals import code, is_gone
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.resource_type import OWN_ROW, Name, ResourceType, State, Tagger, names


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:s3/bucket:Bucket",
            service="s3",
            operation="create_bucket",
            request=lambda i: {"Bucket": i["bucket"], "ObjectLockEnabledForBucket": i["objectLockEnabled"] or None},
            identify=lambda answer, i: str(i["bucket"]),
            create=_create,
            read=_read,
            delete=_delete,
            fixed=names("bucket bucketPrefix objectLockEnabled"),
            mutable=names("forceDestroy"),
            defaults={"forceDestroy": False},
            filled=names("objectLockEnabled requestPayer versioning"),
            name=Name("bucket", longest=63, lower=True),
            tagger=Tagger(put=_put_tags, drop=_drop_tags),
            sweep=OWN_ROW,
            price="storage.bucket",
            actions=names(
                "s3:CreateBucket s3:ListBucket s3:GetBucketLocation s3:GetBucketTagging s3:PutBucketTagging s3:GetBucketAcl "
                "s3:GetBucketCORS s3:GetBucketWebsite s3:GetBucketVersioning s3:GetBucketLogging s3:GetLifecycleConfiguration "
                "s3:GetReplicationConfiguration s3:GetEncryptionConfiguration s3:GetBucketRequestPayment "
                "s3:GetAccelerateConfiguration s3:GetBucketObjectLockConfiguration s3:GetBucketPolicy s3:DeleteBucket"
            ),
        )
    ]


def _create(cloud: Cloud, i: Given) -> str:
    """S3 takes tags in a second call; the bucket's name carries the stack, so a sweep finds it between the two."""
    s3, name = cloud.client("s3"), str(i["bucket"])
    here = {} if cloud.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": cloud.region}}
    s3.create_bucket(Bucket=name, **here, **({"ObjectLockEnabledForBucket": True} if i["objectLockEnabled"] else {}))
    if i["tagsAll"]:
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags.pairs(i["tagsAll"])})
    return name


def found_tags(s3: Any, bucket: str) -> dict[str, str]:
    try:
        return tags.mapping(s3.get_bucket_tagging(Bucket=bucket)["TagSet"])
    except s3.exceptions.ClientError as error:
        if code(error) == "NoSuchTagSet":
            return {}
        raise


def _put_tags(cloud: Cloud, state: State, wanted: Mapping[str, str]) -> None:
    s3, bucket = cloud.client("s3"), state["id"]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags.pairs({**found_tags(s3, bucket), **wanted})})


def _drop_tags(cloud: Cloud, state: State, keys: list[str]) -> None:
    s3, bucket = cloud.client("s3"), state["id"]
    left = {key: value for key, value in found_tags(s3, bucket).items() if key not in keys}
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags.pairs(left)}) if left else s3.delete_bucket_tagging(Bucket=bucket)


def _read(cloud: Cloud, id: str, i: Given) -> State | None:
    s3 = cloud.client("s3")
    s3.head_bucket(Bucket=id)
    region = s3.get_bucket_location(Bucket=id).get("LocationConstraint") or "us-east-1"
    versioning = s3.get_bucket_versioning(Bucket=id)
    return {
        "id": id,
        "bucket": id,
        "bucketPrefix": "",
        "arn": f"arn:aws:s3:::{id}",
        "bucketDomainName": f"{id}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{id}.s3.{region}.amazonaws.com",
        "bucketRegion": region,
        "hostedZoneId": "Z3AQBSTGFYJSTF",
        "websiteDomain": "",
        "websiteEndpoint": "",
        "requestPayer": "BucketOwner",
        "objectLockEnabled": bool(i["objectLockEnabled"]),
        "versioning": {"enabled": versioning.get("Status") == "Enabled", "mfaDelete": versioning.get("MFADelete") == "Enabled"},
        "tagsAll": found_tags(s3, id),
    }


def _delete(cloud: Cloud, id: str, i: Given) -> None:
    s3 = cloud.client("s3")
    if i["forceDestroy"]:
        _empty(s3, id)
    s3.delete_bucket(Bucket=id)
    wait(lambda: _exists(s3, id), until=lambda exists: not exists, what=f"the end of the bucket {id}")


def _empty(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if found:
            doomed = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            s3.delete_objects(Bucket=bucket, Delete={"Objects": doomed, "Quiet": True})


def _exists(s3: Any, bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except s3.exceptions.ClientError as error:
        if is_gone(error):
            return False
        raise
    return True
