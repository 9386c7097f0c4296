"""aws:kms alias of a key."""

from __future__ import annotations

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources.resource_type import FREE, OWN_ROW, Name, ResourceType, State, names


def types() -> list[ResourceType]:
    return [
        ResourceType(
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
            sweep=OWN_ROW,
            price=FREE,
            actions=names("kms:CreateAlias kms:ListAliases kms:UpdateAlias kms:DeleteAlias"),
        )
    ]


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
