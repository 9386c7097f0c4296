"""aws:kms key and alias. A deleted key is only scheduled for deletion: it stays visible, and counts as gone."""

from __future__ import annotations

from collections.abc import Mapping

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.properties.values import Given, same
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.kind import Kind, Name, State, Tagger, names

BYPASS = names("bypassPolicyLockoutSafetyCheck")


def kinds() -> list[Kind]:
    return [_key(), _alias()]


def _key() -> Kind:
    return Kind(
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
    )


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


def _alias() -> Kind:
    return Kind(
        token="aws:kms/alias:Alias",
        service="kms",
        operation="create_alias",
        request=lambda i: {"AliasName": i["name"], "TargetKeyId": i["targetKeyId"]},
        identify=lambda answer, i: str(i["name"]),
        read=_read_alias,
        converge=_converge_alias,
        delete=lambda cloud, id, i: cloud.client("kms").delete_alias(AliasName=id),
        fixed=names("name namePrefix"),
        mutable=names("targetKeyId"),
        name=Name(longest=256, prefix="alias/"),
        wrong=lambda i: {} if (i["name"] or "alias/").startswith("alias/") else {"name": f"{i['name']} must begin with alias/"},
    )


def _read_alias(cloud: Cloud, id: str, i: Given) -> State | None:
    pages = cloud.client("kms").get_paginator("list_aliases").paginate()
    found = next((each for page in pages for each in page["Aliases"] if each["AliasName"] == id), None)
    if not found:
        return None
    key = found["TargetKeyId"]
    arn = cloud.arn("kms", f"key/{key}")
    asked = i["targetKeyId"] if i["targetKeyId"] in (key, arn) else key
    return {"id": id, "name": id, "namePrefix": "", "arn": found["AliasArn"], "targetKeyId": asked, "targetKeyArn": arn}


def _converge_alias(cloud: Cloud, state: State, wanted: Given) -> None:
    if wanted["targetKeyId"] != state["targetKeyId"]:
        cloud.client("kms").update_alias(AliasName=state["name"], TargetKeyId=wanted["targetKeyId"])
