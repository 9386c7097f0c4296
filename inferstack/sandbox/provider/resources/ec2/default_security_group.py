"""aws:ec2 default security group of a VPC: AWS makes it, the program adopts it."""

from __future__ import annotations

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.ec2.find import by_filter
from inferstack.sandbox.provider.resources.ec2.security_group import converge_rules, read_group, revoke
from inferstack.sandbox.provider.resources.resource_type import FREE, ResourceType, names


def types() -> list[ResourceType]:
    """Adopts the group that AWS made with the VPC and empties it; a delete only lets go of it, as with the real provider."""
    return [
        ResourceType(
            token="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
            service="ec2",
            operation="describe_security_groups",
            request=lambda i: {},
            identify=lambda answer, i: "",
            create=_adopt_default_group,
            read=read_group,
            born=revoke,
            converge=converge_rules,
            delete=lambda cloud, id, i: None,
            fixed=names("vpcId"),
            mutable=names("ingress egress revokeRulesOnDelete"),
            defaults={"revokeRulesOnDelete": False},
            filled=names("ingress egress vpcId"),
            tagger=tags.EC2,
            sweep="aws:ec2/vpc:Vpc",
            price=FREE,
            actions=names(
                "ec2:DescribeSecurityGroups ec2:RevokeSecurityGroupIngress ec2:RevokeSecurityGroupEgress "
                "ec2:AuthorizeSecurityGroupIngress ec2:AuthorizeSecurityGroupEgress"
            ),
        )
    ]


def _adopt_default_group(cloud: Cloud, i: Given) -> str:
    ec2 = cloud.client("ec2")
    vpc = i["vpcId"] or by_filter(ec2, "vpcs", {"is-default": "true"})["VpcId"]
    found = by_filter(ec2, "security_groups", {"vpc-id": vpc, "group-name": "default"})
    if i["tagsAll"]:
        ec2.create_tags(Resources=[found["GroupId"]], Tags=tags.pairs(i["tagsAll"]))
    return str(found["GroupId"])
