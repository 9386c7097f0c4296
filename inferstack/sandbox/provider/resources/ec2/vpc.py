"""aws:ec2 VPC, subnet and internet gateway."""

from __future__ import annotations

from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud, wait
from inferstack.sandbox.provider.cloud.guard import ACCOUNT
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.ec2.find import by_filter, one
from inferstack.sandbox.provider.resources.kind import Kind, State, names


def kinds() -> list[Kind]:
    return [_vpc(), _subnet(), _internet_gateway()]


def _vpc() -> Kind:
    return Kind(
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
    )


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


def _subnet() -> Kind:
    return Kind(
        token="aws:ec2/subnet:Subnet",
        service="ec2",
        operation="create_subnet",
        request=lambda i: {
            "VpcId": i["vpcId"],
            "CidrBlock": i["cidrBlock"],
            "AvailabilityZone": i["availabilityZone"],
            "AvailabilityZoneId": i["availabilityZoneId"],
            "TagSpecifications": tags.at_creation("subnet", i["tagsAll"]),
        },
        identify=lambda answer, i: str(answer["Subnet"]["SubnetId"]),
        read=_read_subnet,
        converge=_converge_subnet,
        delete=lambda cloud, id, i: cloud.client("ec2").delete_subnet(SubnetId=id),
        fixed=names("vpcId cidrBlock availabilityZone availabilityZoneId"),
        mutable=names("mapPublicIpOnLaunch"),
        defaults={"mapPublicIpOnLaunch": False},
        filled=names("availabilityZone availabilityZoneId"),
        tagger=tags.EC2,
    )


SUBNET_FLAGS = ("assignIpv6AddressOnCreation", "enableDns64", "ipv6Native")


def _read_subnet(cloud: Cloud, id: str, i: Given) -> State | None:
    if not (found := one(cloud.client("ec2").describe_subnets(SubnetIds=[id])["Subnets"])):
        return None
    flags: dict[str, Any] = {name: bool(found.get(name[:1].upper() + name[1:], False)) for name in SUBNET_FLAGS}
    return {
        "id": id,
        "arn": found.get("SubnetArn") or cloud.arn("ec2", f"subnet/{id}"),
        "vpcId": found["VpcId"],
        "cidrBlock": found["CidrBlock"],
        "availabilityZone": found["AvailabilityZone"],
        "availabilityZoneId": found.get("AvailabilityZoneId"),
        "mapPublicIpOnLaunch": bool(found.get("MapPublicIpOnLaunch")),
        "ownerId": found.get("OwnerId", ACCOUNT),
        "ipv6CidrBlockAssociationId": "",
        "tagsAll": tags.mapping(found.get("Tags")),
        **flags,
    }


def _converge_subnet(cloud: Cloud, state: State, wanted: Given) -> None:
    flag = bool(wanted["mapPublicIpOnLaunch"])
    if flag != state["mapPublicIpOnLaunch"]:
        cloud.client("ec2").modify_subnet_attribute(SubnetId=state["id"], MapPublicIpOnLaunch={"Value": flag})


def _internet_gateway() -> Kind:
    return Kind(
        token="aws:ec2/internetGateway:InternetGateway",
        service="ec2",
        operation="create_internet_gateway",
        request=lambda i: {"TagSpecifications": tags.at_creation("internet-gateway", i["tagsAll"])},
        identify=lambda answer, i: str(answer["InternetGateway"]["InternetGatewayId"]),
        read=_read_internet_gateway,
        converge=_attach_internet_gateway,
        delete=_delete_internet_gateway,
        mutable=names("vpcId"),
        tagger=tags.EC2,
    )


def _read_internet_gateway(cloud: Cloud, id: str, i: Given) -> State | None:
    if not (found := one(cloud.client("ec2").describe_internet_gateways(InternetGatewayIds=[id])["InternetGateways"])):
        return None
    attached = found.get("Attachments") or [{}]
    return {
        "id": id,
        "arn": cloud.arn("ec2", f"internet-gateway/{id}"),
        "vpcId": attached[0].get("VpcId"),
        "ownerId": found.get("OwnerId", ACCOUNT),
        "tagsAll": tags.mapping(found.get("Tags")),
    }


def _attach_internet_gateway(cloud: Cloud, state: State, wanted: Given) -> None:
    if wanted["vpcId"] == state["vpcId"]:
        return
    ec2 = cloud.client("ec2")
    if state["vpcId"]:
        ec2.detach_internet_gateway(InternetGatewayId=state["id"], VpcId=state["vpcId"])
    if wanted["vpcId"]:
        ec2.attach_internet_gateway(InternetGatewayId=state["id"], VpcId=wanted["vpcId"])
        wait(
            lambda: _read_internet_gateway(cloud, state["id"], wanted),
            until=lambda s: bool(s and s["vpcId"]),
            what="the gateway's attachment",
        )


def _delete_internet_gateway(cloud: Cloud, id: str, i: Given) -> None:
    found = _read_internet_gateway(cloud, id, i)
    if found and found["vpcId"]:
        cloud.client("ec2").detach_internet_gateway(InternetGatewayId=id, VpcId=found["vpcId"])
    cloud.client("ec2").delete_internet_gateway(InternetGatewayId=id)
