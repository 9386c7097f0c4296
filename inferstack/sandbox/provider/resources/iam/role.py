"""aws:iam role."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.properties.values import Given, same
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.resource_type import FREE, OWN_ROW, Name, ResourceType, State, Tagger, names


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:iam/role:Role",
            service="iam",
            operation="create_role",
            request=lambda i: {
                "RoleName": i["name"],
                "Path": i["path"],
                "AssumeRolePolicyDocument": i["assumeRolePolicy"],
                "Description": i["description"],
                "MaxSessionDuration": i["maxSessionDuration"],
                "PermissionsBoundary": i["permissionsBoundary"],
                "Tags": tags.pairs(i["tagsAll"]),
            },
            identify=lambda answer, i: str(answer["Role"]["RoleName"]),
            read=_read_role,
            converge=_converge_role,
            delete=_delete_role,
            fixed=names("name namePrefix path"),
            mutable=names("assumeRolePolicy description maxSessionDuration permissionsBoundary forceDetachPolicies"),
            defaults={"path": "/", "maxSessionDuration": 3600, "forceDetachPolicies": False},
            filled=names("managedPolicyArns"),
            name=Name(longest=64),
            tagger=tagger("role", "RoleName"),
            sweep=OWN_ROW,
            price=FREE,
            actions=names(
                "iam:CreateRole iam:GetRole iam:UpdateRole iam:UpdateAssumeRolePolicy iam:UpdateRoleDescription iam:TagRole "
                "iam:UntagRole iam:ListRolePolicies iam:ListAttachedRolePolicies iam:ListInstanceProfilesForRole "
                "iam:DeleteRole"
            ),
        )
    ]


def tagger(what: str, key: str) -> Tagger:
    return Tagger(
        put=lambda cloud, state, found: getattr(cloud.client("iam"), f"tag_{what}")(**{key: state["name"]}, Tags=tags.pairs(found)),
        drop=lambda cloud, state, keys: getattr(cloud.client("iam"), f"untag_{what}")(**{key: state["name"]}, TagKeys=keys),
    )


def _read_role(cloud: Cloud, id: str, i: Given) -> State | None:
    iam = cloud.client("iam")
    found = iam.get_role(RoleName=id)["Role"]
    attached = iam.list_attached_role_policies(RoleName=id)["AttachedPolicies"]
    return {
        "id": id,
        "name": id,
        "namePrefix": "",
        "arn": found["Arn"],
        "path": found["Path"],
        "uniqueId": found["RoleId"],
        "createDate": found["CreateDate"].isoformat(),
        "assumeRolePolicy": document(found["AssumeRolePolicyDocument"]),
        "description": found.get("Description", ""),
        "maxSessionDuration": found.get("MaxSessionDuration", 3600),
        "permissionsBoundary": (found.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn", ""),
        "managedPolicyArns": [each["PolicyArn"] for each in attached],
        "tagsAll": tags.mapping(found.get("Tags")),
    }


def document(found: Mapping[str, Any] | str) -> str:
    """botocore answers policy documents parsed; Pulumi holds them as text."""
    return found if isinstance(found, str) else json.dumps(found)


def _converge_role(cloud: Cloud, state: State, wanted: Given) -> None:
    iam, name = cloud.client("iam"), state["name"]
    if wanted["assumeRolePolicy"] and not same(state["assumeRolePolicy"], wanted["assumeRolePolicy"]):
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=wanted["assumeRolePolicy"])
    described = (wanted["description"] or "", wanted["maxSessionDuration"] or 3600)
    if described != (state["description"], state["maxSessionDuration"]):
        iam.update_role(RoleName=name, Description=described[0], MaxSessionDuration=described[1])
    boundary = wanted["permissionsBoundary"] or ""
    if boundary and boundary != state["permissionsBoundary"]:
        iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
    if state["permissionsBoundary"] and not boundary:
        iam.delete_role_permissions_boundary(RoleName=name)


def _delete_role(cloud: Cloud, id: str, i: Given) -> None:
    """Instance profiles let go first, as the real provider does; policies only when forceDetachPolicies says so."""
    iam = cloud.client("iam")
    for profile in iam.list_instance_profiles_for_role(RoleName=id)["InstanceProfiles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=id)
    if i["forceDetachPolicies"]:
        for each in iam.list_attached_role_policies(RoleName=id)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=id, PolicyArn=each["PolicyArn"])
        for name in iam.list_role_policies(RoleName=id)["PolicyNames"]:
            iam.delete_role_policy(RoleName=id, PolicyName=name)
    iam.delete_role(RoleName=id)
