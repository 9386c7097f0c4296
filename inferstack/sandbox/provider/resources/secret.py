"""aws:secretsmanager secret: the container only; its value never passes through Pulumi."""

from __future__ import annotations

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.refusals import code
from inferstack.sandbox.provider.properties.values import Given, same
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.resource_type import OWN_ROW, Name, ResourceType, State, Tagger, names


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:secretsmanager/secret:Secret",
            service="secretsmanager",
            operation="create_secret",
            request=lambda i: {
                "Name": i["name"],
                "Description": i["description"],
                "KmsKeyId": i["kmsKeyId"],
                "Tags": tags.pairs(i["tagsAll"]),
            },
            identify=lambda answer, i: str(answer["ARN"]),
            read=_read,
            converge=_converge,
            delete=_delete,
            fixed=names("name namePrefix"),
            mutable=names("description kmsKeyId policy recoveryWindowInDays forceOverwriteReplicaSecret"),
            defaults={"recoveryWindowInDays": 30, "forceOverwriteReplicaSecret": False},
            filled=names("policy"),
            name=Name(longest=512),
            tagger=Tagger(
                put=lambda cloud, state, found: cloud.client("secretsmanager").tag_resource(SecretId=state["id"], Tags=tags.pairs(found)),
                drop=lambda cloud, state, keys: cloud.client("secretsmanager").untag_resource(SecretId=state["id"], TagKeys=keys),
            ),
            wrong=_wrong,
            sweep=OWN_ROW,
            price="operations.secret",
            actions=names(
                "secretsmanager:CreateSecret secretsmanager:DescribeSecret secretsmanager:GetResourcePolicy "
                "secretsmanager:UpdateSecret secretsmanager:TagResource secretsmanager:UntagResource "
                "secretsmanager:DeleteSecret"
            ),
        )
    ]


def _wrong(i: Given) -> dict[str, str]:
    days = i["recoveryWindowInDays"]
    return {} if days in (None, 0) or 7 <= days <= 30 else {"recoveryWindowInDays": f"{days} is neither 0 nor 7 to 30 days"}


def _read(cloud: Cloud, id: str, i: Given) -> State | None:
    manager = cloud.client("secretsmanager")
    found = manager.describe_secret(SecretId=id)
    if found.get("DeletedDate"):
        return None
    return {
        "id": found["ARN"],
        "arn": found["ARN"],
        "name": found["Name"],
        "namePrefix": "",
        "description": found.get("Description", ""),
        "kmsKeyId": found.get("KmsKeyId", ""),
        "policy": _policy(manager, id),
        "replicas": [],
        "tagsAll": tags.mapping(found.get("Tags")),
    }


def _policy(manager: object, id: str) -> str:
    return str(manager.get_resource_policy(SecretId=id).get("ResourcePolicy") or "")  # type: ignore[attr-defined]


def _converge(cloud: Cloud, state: State, wanted: Given) -> None:
    manager, id = cloud.client("secretsmanager"), state["id"]
    asked = {"Description": wanted["description"] or "", "KmsKeyId": wanted["kmsKeyId"] or ""}
    has = {"Description": state["description"], "KmsKeyId": state["kmsKeyId"]}
    if changed := {name: value for name, value in asked.items() if value != has[name]}:
        manager.update_secret(SecretId=id, **changed)
    if wanted["policy"] is not None and not same(wanted["policy"], state["policy"]):
        manager.put_resource_policy(SecretId=id, ResourcePolicy=wanted["policy"]) if wanted["policy"] else manager.delete_resource_policy(
            SecretId=id
        )


def _delete(cloud: Cloud, id: str, i: Given) -> None:
    """A window of 0 means at once: else the name stays taken for days. A secret already on its way out is gone."""
    days = i["recoveryWindowInDays"]
    how = {"ForceDeleteWithoutRecovery": True} if days == 0 else {"RecoveryWindowInDays": days or 30}
    manager = cloud.client("secretsmanager")
    try:
        manager.delete_secret(SecretId=id, **how)
    except manager.exceptions.ClientError as error:
        if code(error) != "InvalidRequestException":
            raise
