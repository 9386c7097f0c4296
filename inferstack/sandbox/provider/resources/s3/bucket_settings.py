"""aws:s3 settings of a bucket, each a type of its own: versioning, public access, policy, encryption, lifecycle, ownership.

All are of one shape: put the whole setting, get the whole setting, delete it; the id is the bucket's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.request_shapes import fit
from inferstack.sandbox.provider.properties.casing import camel, pascal
from inferstack.sandbox.provider.properties.values import Given, project, same
from inferstack.sandbox.provider.resources.resource_type import FREE, ResourceType, State, names
from inferstack.sandbox.provider.resources.s3 import lifecycle_rules


@dataclass(frozen=True)
class Setting:
    """`body` makes the put call's parameters, `shown` makes properties of the get call's answer."""

    token: str
    call: str
    properties: frozenset[str]
    body: Callable[[Given], dict[str, Any]]
    shown: Callable[[Mapping[str, Any]], State | None]
    actions: frozenset[str]
    delete: Callable[[Any, str, Given], object] | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    wrong: Callable[[Given], Mapping[str, str]] = lambda inputs: {}


def types() -> list[ResourceType]:
    return [_kind(setting) for setting in (VERSIONING, PUBLIC_ACCESS, POLICY, ENCRYPTION, LIFECYCLE, OWNERSHIP)]


def _kind(setting: Setting) -> ResourceType:
    return ResourceType(
        token=f"aws:s3/{setting.token[:1].lower() + setting.token[1:]}:{setting.token}",
        service="s3",
        operation=f"put_{setting.call}",
        request=lambda i: {"Bucket": i["bucket"], **setting.body(i)},
        identify=lambda answer, i: str(i["bucket"]),
        read=lambda cloud, id, i: _read(setting, cloud, id),
        converge=lambda cloud, state, wanted: _converge(setting, cloud, state, wanted),
        delete=lambda cloud, id, i: _delete(setting, cloud, id, i),
        fixed=names("bucket"),
        mutable=setting.properties,
        defaults=setting.defaults,
        filled=names("transitionDefaultMinimumObjectSize") & setting.properties,
        wrong=setting.wrong,
        sweep="aws:s3/bucket:Bucket",
        price=FREE,
        actions=setting.actions,
    )


def _read(setting: Setting, cloud: Cloud, id: str) -> State | None:
    shown = setting.shown(getattr(cloud.client("s3"), f"get_{setting.call}")(Bucket=id))
    return None if shown is None else {"id": id, "bucket": id, **shown}


def _converge(setting: Setting, cloud: Cloud, state: State, wanted: Given) -> None:
    asked = [name for name in setting.properties & state.keys() if wanted[name] is not None]
    if any(not same(project(wanted[name], state[name]), wanted[name]) for name in asked):
        params, _ = fit("s3", f"put_{setting.call}", {"Bucket": state["id"], **setting.body(wanted)})
        getattr(cloud.client("s3"), f"put_{setting.call}")(**params)


def _delete(setting: Setting, cloud: Cloud, id: str, i: Given) -> None:
    if setting.delete:
        setting.delete(cloud.client("s3"), id, i)
    else:
        getattr(cloud.client("s3"), f"delete_{setting.call}")(Bucket=id)


def _suspend(s3: Any, bucket: str, i: Given) -> None:
    """Suspend versioning, which is never off again, as the real provider does."""
    if (i["versioningConfiguration"] or {}).get("status") == "Enabled":
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


VERSIONING = Setting(
    token="BucketVersioning",
    call="bucket_versioning",
    properties=names("versioningConfiguration"),
    actions=names("s3:PutBucketVersioning s3:GetBucketVersioning"),
    body=lambda i: {"VersioningConfiguration": pascal(i["versioningConfiguration"], {"mfaDelete": "MFADelete"})},
    shown=lambda answer: (
        {"versioningConfiguration": {"status": answer["Status"], "mfaDelete": answer.get("MFADelete", "")}}
        if answer.get("Status")
        else None
    ),
    delete=_suspend,
)

PUBLIC = ("blockPublicAcls", "ignorePublicAcls", "blockPublicPolicy", "restrictPublicBuckets")

PUBLIC_ACCESS = Setting(
    token="BucketPublicAccessBlock",
    call="public_access_block",
    properties=frozenset(PUBLIC) | names("skipDestroy"),
    actions=names("s3:PutBucketPublicAccessBlock s3:GetBucketPublicAccessBlock"),
    body=lambda i: {"PublicAccessBlockConfiguration": {name[:1].upper() + name[1:]: i[name] for name in PUBLIC}},
    shown=lambda answer: camel(answer["PublicAccessBlockConfiguration"]),
    delete=lambda s3, bucket, i: None if i["skipDestroy"] else s3.delete_public_access_block(Bucket=bucket),
    defaults=dict.fromkeys(PUBLIC, False),
)

POLICY = Setting(
    token="BucketPolicy",
    call="bucket_policy",
    properties=names("policy"),
    actions=names("s3:PutBucketPolicy s3:GetBucketPolicy s3:DeleteBucketPolicy"),
    body=lambda i: {"Policy": i["policy"]},
    shown=lambda answer: {"policy": answer["Policy"]},
)

SSE = {
    "sseAlgorithm": "SSEAlgorithm",
    "kmsMasterKeyId": "KMSMasterKeyID",
    "applyServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault",
}

ENCRYPTION = Setting(
    token="BucketServerSideEncryptionConfiguration",
    call="bucket_encryption",
    properties=names("rules"),
    actions=names("s3:PutEncryptionConfiguration s3:GetEncryptionConfiguration"),
    body=lambda i: {"ServerSideEncryptionConfiguration": {"Rules": pascal(i["rules"], SSE)}},
    shown=lambda answer: {"rules": camel(answer["ServerSideEncryptionConfiguration"]["Rules"], SSE)},
)

LIFECYCLE = Setting(
    token="BucketLifecycleConfiguration",
    call="bucket_lifecycle_configuration",
    properties=names("rules transitionDefaultMinimumObjectSize"),
    actions=names("s3:PutLifecycleConfiguration s3:GetLifecycleConfiguration"),
    body=lambda i: {
        "LifecycleConfiguration": {"Rules": lifecycle_rules.rules(i["rules"])},
        "TransitionDefaultMinimumObjectSize": i["transitionDefaultMinimumObjectSize"],
    },
    shown=lambda answer: {
        "rules": lifecycle_rules.shown(answer["Rules"]),
        "transitionDefaultMinimumObjectSize": answer.get("TransitionDefaultMinimumObjectSize", "all_storage_classes_128K"),
    },
    delete=lambda s3, bucket, i: s3.delete_bucket_lifecycle(Bucket=bucket),
    wrong=lambda i: lifecycle_rules.wrong(i["rules"]),
)

OWNERSHIP = Setting(
    token="BucketOwnershipControls",
    call="bucket_ownership_controls",
    properties=names("rule"),
    actions=names("s3:PutBucketOwnershipControls s3:GetBucketOwnershipControls"),
    body=lambda i: {"OwnershipControls": {"Rules": [pascal(i["rule"])]}},
    shown=lambda answer: {"rule": camel(answer["OwnershipControls"]["Rules"][0])},
)
