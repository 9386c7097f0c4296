"""aws:iam instance profile."""

from __future__ import annotations

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.iam.role import tagger
from inferstack.sandbox.provider.resources.resource_type import FREE, OWN_ROW, Name, ResourceType, State, names


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:iam/instanceProfile:InstanceProfile",
            service="iam",
            operation="create_instance_profile",
            request=lambda i: {"InstanceProfileName": i["name"], "Path": i["path"], "Tags": tags.pairs(i["tagsAll"])},
            identify=lambda answer, i: str(answer["InstanceProfile"]["InstanceProfileName"]),
            read=_read_profile,
            converge=_converge_profile,
            delete=_delete_profile,
            fixed=names("name namePrefix path"),
            mutable=names("role"),
            defaults={"path": "/"},
            name=Name(longest=128),
            tagger=tagger("instance_profile", "InstanceProfileName"),
            sweep=OWN_ROW,
            price=FREE,
            actions=names(
                "iam:CreateInstanceProfile iam:GetInstanceProfile iam:AddRoleToInstanceProfile "
                "iam:RemoveRoleFromInstanceProfile iam:TagInstanceProfile iam:UntagInstanceProfile iam:DeleteInstanceProfile"
            ),
        )
    ]


def _read_profile(cloud: Cloud, id: str, i: Given) -> State | None:
    found = cloud.client("iam").get_instance_profile(InstanceProfileName=id)["InstanceProfile"]
    return {
        "id": id,
        "name": id,
        "namePrefix": "",
        "arn": found["Arn"],
        "path": found["Path"],
        "uniqueId": found["InstanceProfileId"],
        "createDate": found["CreateDate"].isoformat(),
        "role": next((role["RoleName"] for role in found["Roles"]), None),
        "tagsAll": tags.mapping(found.get("Tags")),
    }


def _converge_profile(cloud: Cloud, state: State, wanted: Given) -> None:
    if wanted["role"] == state["role"]:
        return
    iam = cloud.client("iam")
    if state["role"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=state["name"], RoleName=state["role"])
    if wanted["role"]:
        iam.add_role_to_instance_profile(InstanceProfileName=state["name"], RoleName=wanted["role"])


def _delete_profile(cloud: Cloud, id: str, i: Given) -> None:
    iam = cloud.client("iam")
    for role in iam.get_instance_profile(InstanceProfileName=id)["InstanceProfile"]["Roles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=id, RoleName=role["RoleName"])
    iam.delete_instance_profile(InstanceProfileName=id)
