"""aws:ec2 security group, with the rules that stand in it."""

from __future__ import annotations

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.guard import ACCOUNT
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.ec2.find import one
from inferstack.sandbox.provider.resources.ec2.inline_rules import inline, permissions
from inferstack.sandbox.provider.resources.resource_type import FREE, OWN_ROW, Name, ResourceType, State, names


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:ec2/securityGroup:SecurityGroup",
            service="ec2",
            operation="create_security_group",
            request=lambda i: {
                "GroupName": i["name"],
                "Description": i["description"],
                "VpcId": i["vpcId"],
                "TagSpecifications": tags.at_creation("security-group", i["tagsAll"]),
            },
            identify=lambda answer, i: str(answer["GroupId"]),
            read=read_group,
            born=_without_rules,
            converge=converge_rules,
            delete=_delete_group,
            fixed=names("name namePrefix description vpcId"),
            mutable=names("ingress egress revokeRulesOnDelete"),
            defaults={"description": "Managed by Pulumi", "revokeRulesOnDelete": False},
            filled=names("ingress egress vpcId"),
            name=Name(longest=255),
            tagger=tags.EC2,
            sweep=OWN_ROW,
            price=FREE,
            actions=names(
                "ec2:CreateSecurityGroup ec2:DescribeSecurityGroups ec2:DeleteSecurityGroup ec2:RevokeSecurityGroupIngress "
                "ec2:RevokeSecurityGroupEgress ec2:DescribeNetworkInterfaces"
            ),
        )
    ]


def read_group(cloud: Cloud, id: str, i: Given) -> State | None:
    if not (found := one(cloud.client("ec2").describe_security_groups(GroupIds=[id])["SecurityGroups"])):
        return None
    return {
        "id": id,
        "arn": cloud.arn("ec2", f"security-group/{id}"),
        "name": found["GroupName"],
        "namePrefix": "",
        "description": found["Description"],
        "vpcId": found.get("VpcId"),
        "ownerId": found.get("OwnerId", ACCOUNT),
        "ingress": inline(found.get("IpPermissions", []), group=id, wanted=i["ingress"]),
        "egress": inline(found.get("IpPermissionsEgress", []), group=id, wanted=i["egress"]),
        "tagsAll": tags.mapping(found.get("Tags")),
    }


def _without_rules(cloud: Cloud, id: str) -> None:
    """AWS gives a new group an open egress rule; the real provider takes it away, so that only declared rules exist."""
    revoke(cloud, id, egress_only=True)


def revoke(cloud: Cloud, id: str, *, egress_only: bool = False) -> None:
    ec2 = cloud.client("ec2")
    group = ec2.describe_security_groups(GroupIds=[id])["SecurityGroups"][0]
    if group.get("IpPermissionsEgress"):
        ec2.revoke_security_group_egress(GroupId=id, IpPermissions=group["IpPermissionsEgress"])
    if group.get("IpPermissions") and not egress_only:
        ec2.revoke_security_group_ingress(GroupId=id, IpPermissions=group["IpPermissions"])


def converge_rules(cloud: Cloud, state: State, wanted: Given) -> None:
    """Only the directions that the program lists inline; the others belong to rule resources."""
    ec2 = cloud.client("ec2")
    group = ec2.describe_security_groups(GroupIds=[state["id"]])["SecurityGroups"][0]
    for direction, key in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
        if wanted[direction] is None or state[direction] == wanted[direction]:
            continue
        if group.get(key):
            getattr(ec2, f"revoke_security_group_{direction}")(GroupId=state["id"], IpPermissions=group[key])
        if wanted[direction]:
            allowed = permissions(wanted[direction], group=state["id"])
            getattr(ec2, f"authorize_security_group_{direction}")(GroupId=state["id"], IpPermissions=allowed)


def _delete_group(cloud: Cloud, id: str, i: Given) -> None:
    if i["revokeRulesOnDelete"]:
        revoke(cloud, id)
    cloud.client("ec2").delete_security_group(GroupId=id)
