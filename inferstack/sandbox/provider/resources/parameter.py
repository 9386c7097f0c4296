"""aws:ssm parameter. Its value is a secret whatever its type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.resource_type import NOT_MADE, Name, ResourceType, State, Tagger, names

FIELDS = {"allowedPattern": "AllowedPattern", "dataType": "DataType", "description": "Description", "keyId": "KeyId", "tier": "Tier"}


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:ssm/parameter:Parameter",
            service="ssm",
            operation="put_parameter",
            request=lambda i: {
                "Name": i["name"],
                "Type": i["type"],
                "Value": _value(i),
                **{theirs: i[ours] for ours, theirs in FIELDS.items()},
                "Overwrite": i["overwrite"],
                "Tags": tags.pairs(i["tagsAll"]),
            },
            identify=lambda answer, i: str(i["name"]),
            read=_read,
            converge=_converge,
            delete=lambda cloud, id, i: cloud.client("ssm").delete_parameter(Name=id),
            fixed=names("name dataType keyId"),
            mutable=names("type value insecureValue allowedPattern description tier overwrite"),
            filled=names("dataType keyId tier value"),
            moving=names("version"),
            name=Name(longest=2048),
            tagger=Tagger(
                put=lambda cloud, state, found: cloud.client("ssm").add_tags_to_resource(
                    ResourceType="Parameter", ResourceId=state["id"], Tags=tags.pairs(found)
                ),
                drop=lambda cloud, state, keys: cloud.client("ssm").remove_tags_from_resource(
                    ResourceType="Parameter", ResourceId=state["id"], TagKeys=keys
                ),
            ),
            wrong=_wrong,
            secret=names("value"),
            sweep=NOT_MADE,
            price="operations.parameter",
            actions=names(
                "ssm:PutParameter ssm:GetParameter ssm:DescribeParameters ssm:ListTagsForResource ssm:AddTagsToResource "
                "ssm:RemoveTagsFromResource ssm:DeleteParameter"
            ),
        )
    ]


def _value(i: Given) -> str | None:
    return i["value"] if i["value"] is not None else i["insecureValue"]


def _wrong(i: Given) -> dict[str, str]:
    if i["value"] is not None and i["insecureValue"] is not None:
        return {"insecureValue": "value and insecureValue exclude each other"}
    if i["insecureValue"] is not None and i["type"] == "SecureString":
        return {"insecureValue": "a SecureString has no insecureValue"}
    return {}


def _read(cloud: Cloud, id: str, i: Given) -> State | None:
    ssm = cloud.client("ssm")
    found = ssm.get_parameter(Name=id, WithDecryption=True)["Parameter"]
    filters = [{"Key": "Name", "Option": "Equals", "Values": [id]}]
    described: Mapping[str, Any] = next(iter(ssm.describe_parameters(ParameterFilters=filters)["Parameters"]), {})
    shown = {ours: described.get(theirs, "") for ours, theirs in FIELDS.items()}
    return {
        **shown,
        "id": id,
        "name": id,
        "arn": found["ARN"],
        "type": found["Type"],
        "value": found["Value"],
        **({"insecureValue": found["Value"]} if i["insecureValue"] is not None else {}),
        "version": found["Version"],
        "hasValueWo": False,
        "tier": described.get("Tier", "Standard"),
        "dataType": found.get("DataType", "text"),
        "tagsAll": tags.mapping(ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=id).get("TagList")),
    }


def _converge(cloud: Cloud, state: State, wanted: Given) -> None:
    asked = {"type": wanted["type"], "value": _value(wanted), "description": wanted["description"] or "", "tier": wanted["tier"]}
    if all(value is None or value == state[name] for name, value in asked.items()):
        return
    fields = {theirs: wanted[ours] for ours, theirs in FIELDS.items() if wanted[ours]}
    value = _value(wanted)
    cloud.client("ssm").put_parameter(
        Name=state["name"], Type=wanted["type"], Value=state["value"] if value is None else value, Overwrite=True, **fields
    )
