"""aws:ec2 VPC."""

from __future__ import annotations

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.guard import ACCOUNT
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.ec2.find import by_filter, one
from inferstack.sandbox.provider.resources.resource_type import FREE, OWN_ROW, ResourceType, State, names


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:ec2/vpc:Vpc",
            service="ec2",
            operation="create_vpc",
            request=lambda i: {
                "CidrBlock": i["cidrBlock"],
                "InstanceTenancy": i["instanceTenancy"],
                "TagSpecifications": tags.at_creation("vpc", i["tagsAll"]),
            },
            identify=lambda answer, i: str(answer["Vpc"]["VpcId"]),
            read=_read_vpc,
            converge=_converge_vpc,
            delete=lambda cloud, id, i: cloud.client("ec2").delete_vpc(VpcId=id),
            fixed=names("cidrBlock"),
            mutable=names("enableDnsHostnames enableDnsSupport enableNetworkAddressUsageMetrics instanceTenancy"),
            defaults={"enableDnsSupport": True, "instanceTenancy": "default"},
            filled=names("enableDnsHostnames enableNetworkAddressUsageMetrics"),
            tagger=tags.EC2,
            wrong=lambda i: {} if i["cidrBlock"] else {"cidrBlock": "cidrBlock is required: the rehearsal has no address pools (IPAM)"},
            sweep=OWN_ROW,
            price=FREE,
            actions=names(
                "ec2:CreateVpc ec2:DescribeVpcs ec2:DescribeVpcAttribute ec2:ModifyVpcAttribute ec2:DeleteVpc "
                "ec2:DescribeNetworkAcls ec2:DescribeRouteTables ec2:DescribeSecurityGroups"
            ),
        )
    ]


VPC_ATTRIBUTES = {
    "enableDnsHostnames": "EnableDnsHostnames",
    "enableDnsSupport": "EnableDnsSupport",
    "enableNetworkAddressUsageMetrics": "EnableNetworkAddressUsageMetrics",
}


def _read_vpc(cloud: Cloud, id: str, i: Given) -> State | None:
    ec2 = cloud.client("ec2")
    if not (found := one(ec2.describe_vpcs(VpcIds=[id])["Vpcs"])):
        return None
    asked = {ours: theirs[:1].lower() + theirs[1:] for ours, theirs in VPC_ATTRIBUTES.items()}
    attributes = {ours: ec2.describe_vpc_attribute(VpcId=id, Attribute=name)[VPC_ATTRIBUTES[ours]]["Value"] for ours, name in asked.items()}
    main = by_filter(ec2, "route_tables", {"vpc-id": id, "association.main": "true"})
    return {
        "id": id,
        "arn": cloud.arn("ec2", f"vpc/{id}"),
        "cidrBlock": found["CidrBlock"],
        "instanceTenancy": found.get("InstanceTenancy", "default"),
        "dhcpOptionsId": found.get("DhcpOptionsId"),
        "ownerId": found.get("OwnerId", ACCOUNT),
        "mainRouteTableId": main.get("RouteTableId"),
        "defaultRouteTableId": main.get("RouteTableId"),
        "defaultNetworkAclId": by_filter(ec2, "network_acls", {"vpc-id": id, "default": "true"}).get("NetworkAclId"),
        "defaultSecurityGroupId": by_filter(ec2, "security_groups", {"vpc-id": id, "group-name": "default"}).get("GroupId"),
        "ipv6AssociationId": "",
        "tagsAll": tags.mapping(found.get("Tags")),
        **attributes,
    }


def _converge_vpc(cloud: Cloud, state: State, wanted: Given) -> None:
    ec2 = cloud.client("ec2")
    for ours, theirs in VPC_ATTRIBUTES.items():
        if wanted[ours] is not None and wanted[ours] != state[ours]:
            ec2.modify_vpc_attribute(VpcId=state["id"], **{theirs: {"Value": wanted[ours]}})
    if wanted["instanceTenancy"] == "default" != state["instanceTenancy"]:
        ec2.modify_vpc_tenancy(VpcId=state["id"], InstanceTenancy="default")
