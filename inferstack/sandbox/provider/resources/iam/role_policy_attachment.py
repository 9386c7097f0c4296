"""aws:iam attachment of a managed policy to a role."""

from __future__ import annotations

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources.resource_type import FREE, ResourceType, State, names


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            service="iam",
            operation="attach_role_policy",
            request=lambda i: {"RoleName": i["role"], "PolicyArn": i["policyArn"]},
            identify=lambda answer, i: f"{i['role']}/{i['policyArn']}",
            read=_read_attachment,
            delete=lambda cloud, id, i: cloud.client("iam").detach_role_policy(**_role_and_policy(id)),
            fixed=names("role policyArn"),
            sweep="aws:iam/role:Role",
            price=FREE,
            actions=names("iam:AttachRolePolicy iam:DetachRolePolicy iam:ListAttachedRolePolicies"),
        )
    ]


def _role_and_policy(id: str) -> dict[str, str]:
    role, arn = id.split("/", 1)
    return {"RoleName": role, "PolicyArn": arn}


def _read_attachment(cloud: Cloud, id: str, i: Given) -> State | None:
    wanted = _role_and_policy(id)
    attached = cloud.client("iam").list_attached_role_policies(RoleName=wanted["RoleName"])["AttachedPolicies"]
    if wanted["PolicyArn"] not in [each["PolicyArn"] for each in attached]:
        return None
    return {"id": id, "role": wanted["RoleName"], "policyArn": wanted["PolicyArn"]}
