"""aws:kms key. A deleted key is only scheduled for deletion: it stays visible, and counts as gone."""

from __future__ import annotations

from collections.abc import Mapping

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.properties.values import Given, same
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.resource_type import OWN_ROW, ResourceType, State, Tagger, names

BYPASS = names("bypassPolicyLockoutSafetyCheck")


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:kms/key:Key",
            service="kms",
            operation="create_key",
            request=lambda i: {
                "Description": i["description"],
                "KeyUsage": i["keyUsage"],
                "KeySpec": i["customerMasterKeySpec"],
                "MultiRegion": i["multiRegion"],
                "Policy": i["policy"],
                "Tags": _pairs(i["tagsAll"]),
            },
            identify=lambda answer, i: str(answer["KeyMetadata"]["KeyId"]),
            read=_read_key,
            converge=_converge_key,
            delete=lambda cloud, id, i: cloud.client("kms").schedule_key_deletion(
                KeyId=id, PendingWindowInDays=i["deletionWindowInDays"] or 30
            ),
            fixed=names("keyUsage customerMasterKeySpec multiRegion"),
            mutable=names("description policy enableKeyRotation rotationPeriodInDays isEnabled deletionWindowInDays") | BYPASS,
            defaults={
                "isEnabled": True,
                "keyUsage": "ENCRYPT_DECRYPT",
                "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
                "bypassPolicyLockoutSafetyCheck": False,
            },
            filled=names("description policy multiRegion rotationPeriodInDays"),
            tagger=Tagger(
                put=lambda cloud, state, found: cloud.client("kms").tag_resource(KeyId=state["id"], Tags=_pairs(found)),
                drop=lambda cloud, state, keys: cloud.client("kms").untag_resource(KeyId=state["id"], TagKeys=keys),
            ),
            wrong=_wrong_key,
            sweep=OWN_ROW,
            price="operations.key",
            # No kms:PutKeyPolicy: the policy comes with CreateKey, and who may change it may use whatever the key protects.
            actions=names(
                "kms:CreateKey kms:DescribeKey kms:GetKeyPolicy kms:GetKeyRotationStatus kms:EnableKeyRotation "
                "kms:DisableKeyRotation kms:UpdateKeyDescription kms:ListResourceTags kms:TagResource kms:UntagResource "
                "kms:EnableKey kms:DisableKey kms:ScheduleKeyDeletion"
            ),
        )
    ]


def _pairs(found: Mapping[str, str] | None) -> list[dict[str, str]] | None:
    return [{"TagKey": key, "TagValue": value} for key, value in found.items()] if found else None


def _wrong_key(i: Given) -> dict[str, str]:
    window = i["deletionWindowInDays"]
    return {} if window is None or 7 <= window <= 30 else {"deletionWindowInDays": f"{window} is outside 7 to 30 days"}


def _read_key(cloud: Cloud, id: str, i: Given) -> State | None:
    kms = cloud.client("kms")
    found = kms.describe_key(KeyId=id)["KeyMetadata"]
    if found.get("KeyState") == "PendingDeletion":
        return None
    rotation = kms.get_key_rotation_status(KeyId=id)
    turning = bool(rotation.get("KeyRotationEnabled"))
    return {
        "id": found["KeyId"],
        "keyId": found["KeyId"],
        "arn": found["Arn"],
        "description": found.get("Description", ""),
        "keyUsage": found.get("KeyUsage", "ENCRYPT_DECRYPT"),
        "customerMasterKeySpec": found.get("KeySpec", "SYMMETRIC_DEFAULT"),
        "multiRegion": bool(found.get("MultiRegion")),
        "isEnabled": bool(found["Enabled"]),
        "enableKeyRotation": turning,
        "rotationPeriodInDays": rotation.get("RotationPeriodInDays", 365) if turning else None,
        "policy": kms.get_key_policy(KeyId=id, PolicyName="default")["Policy"],
        "tagsAll": tags.mapping(kms.list_resource_tags(KeyId=id).get("Tags")),
    }


def _converge_key(cloud: Cloud, state: State, wanted: Given) -> None:
    kms, id = cloud.client("kms"), state["id"]
    if wanted["description"] is not None and wanted["description"] != state["description"]:
        kms.update_key_description(KeyId=id, Description=wanted["description"])
    if wanted["policy"] and not same(wanted["policy"], state["policy"]):
        kms.put_key_policy(KeyId=id, PolicyName="default", Policy=wanted["policy"])
    if wanted["isEnabled"] is not None and wanted["isEnabled"] != state["isEnabled"]:
        (kms.enable_key if wanted["isEnabled"] else kms.disable_key)(KeyId=id)
    _converge_rotation(cloud, state, wanted)


def _converge_rotation(cloud: Cloud, state: State, wanted: Given) -> None:
    kms, id = cloud.client("kms"), state["id"]
    period = wanted["rotationPeriodInDays"]
    if wanted["enableKeyRotation"] and (not state["enableKeyRotation"] or period not in (None, state["rotationPeriodInDays"])):
        kms.enable_key_rotation(KeyId=id, **({"RotationPeriodInDays": period} if period else {}))
    if state["enableKeyRotation"] and not wanted["enableKeyRotation"]:
        kms.disable_key_rotation(KeyId=id)
