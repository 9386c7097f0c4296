"""aws:ec2 subnet."""

from __future__ import annotations

from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.guard import ACCOUNT
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.ec2.find import one
from inferstack.sandbox.provider.resources.resource_type import FREE, OWN_ROW, ResourceType, State, names


def types() -> list[ResourceType]:
    return [
        ResourceType(
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
            sweep=OWN_ROW,
            price=FREE,
            actions=names("ec2:CreateSubnet ec2:DescribeSubnets ec2:ModifySubnetAttribute ec2:DeleteSubnet ec2:DescribeNetworkInterfaces"),
        )
    ]


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
