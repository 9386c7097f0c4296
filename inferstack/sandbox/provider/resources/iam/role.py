"""aws:iam role, inline policy, attachment and instance profile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.properties.values import Given, same
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.kind import Kind, Name, State, Tagger, names


def kinds() -> list[Kind]:
    return [_role(), _role_policy(), _attachment(), _instance_profile()]


def _role() -> Kind:
    return Kind(
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
        tagger=_tagger("role", "RoleName"),
    )


def _tagger(what: str, key: str) -> Tagger:
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


def _role_policy() -> Kind:
    return Kind(
        token="aws:iam/rolePolicy:RolePolicy",
        service="iam",
        operation="put_role_policy",
        request=lambda i: {"RoleName": i["role"], "PolicyName": i["name"], "PolicyDocument": i["policy"]},
        identify=lambda answer, i: f"{i['role']}:{i['name']}",
        read=_read_role_policy,
        converge=_converge_role_policy,
        delete=lambda cloud, id, i: cloud.client("iam").delete_role_policy(**_role_and_name(id)),
        fixed=names("role name namePrefix"),
        mutable=names("policy"),
        name=Name(longest=128),
    )


def _role_and_name(id: str) -> dict[str, str]:
    role, name = id.split(":", 1)
    return {"RoleName": role, "PolicyName": name}


def _read_role_policy(cloud: Cloud, id: str, i: Given) -> State | None:
    found = cloud.client("iam").get_role_policy(**_role_and_name(id))
    return {"id": id, "role": found["RoleName"], "name": found["PolicyName"], "namePrefix": "", "policy": document(found["PolicyDocument"])}


def _converge_role_policy(cloud: Cloud, state: State, wanted: Given) -> None:
    if not same(state["policy"], wanted["policy"]):
        cloud.client("iam").put_role_policy(**_role_and_name(state["id"]), PolicyDocument=wanted["policy"])


def _attachment() -> Kind:
    return Kind(
        token="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        service="iam",
        operation="attach_role_policy",
        request=lambda i: {"RoleName": i["role"], "PolicyArn": i["policyArn"]},
        identify=lambda answer, i: f"{i['role']}/{i['policyArn']}",
        read=_read_attachment,
        delete=lambda cloud, id, i: cloud.client("iam").detach_role_policy(**_role_and_policy(id)),
        fixed=names("role policyArn"),
    )


def _role_and_policy(id: str) -> dict[str, str]:
    role, arn = id.split("/", 1)
    return {"RoleName": role, "PolicyArn": arn}


def _read_attachment(cloud: Cloud, id: str, i: Given) -> State | None:
    wanted = _role_and_policy(id)
    attached = cloud.client("iam").list_attached_role_policies(RoleName=wanted["RoleName"])["AttachedPolicies"]
    if wanted["PolicyArn"] not in [each["PolicyArn"] for each in attached]:
        return None
    return {"id": id, "role": wanted["RoleName"], "policyArn": wanted["PolicyArn"]}


def _instance_profile() -> Kind:
    return Kind(
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
        tagger=_tagger("instance_profile", "InstanceProfileName"),
    )


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
