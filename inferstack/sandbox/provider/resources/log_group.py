"""aws:cloudwatch log group. Its tags hang on the ARN without ":*"."""

from __future__ import annotations

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources.resource_type import OWN_ROW, Name, ResourceType, State, Tagger, names


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:cloudwatch/logGroup:LogGroup",
            service="logs",
            operation="create_log_group",
            request=lambda i: {
                "logGroupName": i["name"],
                "kmsKeyId": i["kmsKeyId"],
                "logGroupClass": i["logGroupClass"],
                "tags": i["tagsAll"],
            },
            identify=lambda answer, i: str(i["name"]),
            read=_read,
            converge=_converge,
            delete=lambda cloud, id, i: None if i["skipDestroy"] else cloud.client("logs").delete_log_group(logGroupName=id),
            fixed=names("name namePrefix logGroupClass"),
            mutable=names("retentionInDays kmsKeyId skipDestroy"),
            defaults={"skipDestroy": False, "retentionInDays": 0},
            filled=names("logGroupClass deletionProtectionEnabled"),
            name=Name(longest=512),
            tagger=Tagger(
                put=lambda cloud, state, found: cloud.client("logs").tag_resource(resourceArn=state["arn"], tags=dict(found)),
                drop=lambda cloud, state, keys: cloud.client("logs").untag_resource(resourceArn=state["arn"], tagKeys=keys),
            ),
            wrong=_wrong,
            sweep=OWN_ROW,
            price="operations.log_group",
            actions=names(
                "logs:CreateLogGroup logs:DescribeLogGroups logs:PutRetentionPolicy logs:DeleteRetentionPolicy "
                "logs:AssociateKmsKey logs:DisassociateKmsKey logs:ListTagsForResource logs:TagResource logs:UntagResource "
                "logs:DeleteLogGroup"
            ),
        )
    ]


RETENTIONS = (0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


def _wrong(i: Given) -> dict[str, str]:
    """CloudWatch Logs, PutRetentionPolicy: the possible values."""
    days = i["retentionInDays"]
    return {} if days is None or days in RETENTIONS else {"retentionInDays": f"{days} is not one of {', '.join(map(str, RETENTIONS))}"}


def _read(cloud: Cloud, id: str, i: Given) -> State | None:
    logs = cloud.client("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=id)["logGroups"]
    found = next((each for each in groups if each["logGroupName"] == id), None)
    if not found:
        return None
    arn = found["arn"].removesuffix(":*")
    return {
        "id": id,
        "name": id,
        "namePrefix": "",
        "arn": arn,
        "retentionInDays": found.get("retentionInDays", 0) or 0,
        "kmsKeyId": found.get("kmsKeyId", ""),
        "logGroupClass": found.get("logGroupClass", "STANDARD"),
        "deletionProtectionEnabled": bool(found.get("deletionProtectionEnabled")),
        "tagsAll": logs.list_tags_for_resource(resourceArn=arn).get("tags", {}),
    }


def _converge(cloud: Cloud, state: State, wanted: Given) -> None:
    logs, name = cloud.client("logs"), state["name"]
    days = wanted["retentionInDays"] or 0
    if days and days != state["retentionInDays"]:
        logs.put_retention_policy(logGroupName=name, retentionInDays=days)
    if state["retentionInDays"] and not days:
        logs.delete_retention_policy(logGroupName=name)
    key = wanted["kmsKeyId"] or ""
    if key and key != state["kmsKeyId"]:
        logs.associate_kms_key(logGroupName=name, kmsKeyId=key)
    if state["kmsKeyId"] and not key:
        logs.disassociate_kms_key(logGroupName=name)
