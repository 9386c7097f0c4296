"""aws:iam inline policy of a role."""

from __future__ import annotations

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.properties.values import Given, same
from inferstack.sandbox.provider.resources.iam.role import document
from inferstack.sandbox.provider.resources.resource_type import FREE, Name, ResourceType, State, names


def types() -> list[ResourceType]:
    return [
        ResourceType(
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
            sweep="aws:iam/role:Role",
            price=FREE,
            actions=names("iam:PutRolePolicy iam:GetRolePolicy iam:DeleteRolePolicy"),
        )
    ]


def _role_and_name(id: str) -> dict[str, str]:
    role, name = id.split(":", 1)
    return {"RoleName": role, "PolicyName": name}


def _read_role_policy(cloud: Cloud, id: str, i: Given) -> State | None:
    found = cloud.client("iam").get_role_policy(**_role_and_name(id))
    return {"id": id, "role": found["RoleName"], "name": found["PolicyName"], "namePrefix": "", "policy": document(found["PolicyDocument"])}


def _converge_role_policy(cloud: Cloud, state: State, wanted: Given) -> None:
    if not same(state["policy"], wanted["policy"]):
        cloud.client("iam").put_role_policy(**_role_and_name(state["id"]), PolicyDocument=wanted["policy"])
