"""aws:ec2 NAT gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud, NeverCame, wait
from inferstack.sandbox.provider.cloud.refusals import is_gone
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.ec2.find import one
from inferstack.sandbox.provider.resources.resource_type import OWN_ROW, ResourceType, State, names

REGIONAL = ("autoProvisionZones", "autoScalingIps", "regionalNatGatewayAutoMode", "routeTableId")


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:ec2/natGateway:NatGateway",
            service="ec2",
            operation="create_nat_gateway",
            request=lambda i: {
                "SubnetId": i["subnetId"],
                "AllocationId": i["allocationId"],
                "ConnectivityType": i["connectivityType"],
                "PrivateIpAddress": i["privateIp"],
                "TagSpecifications": tags.at_creation("natgateway", i["tagsAll"]),
            },
            identify=lambda answer, i: str(answer["NatGateway"]["NatGatewayId"]),
            read=_read_nat,
            converge=_wait_for_nat,
            delete=_delete_nat,
            fixed=names("subnetId allocationId connectivityType privateIp"),
            defaults={"connectivityType": "public"},
            filled=names(
                "privateIp vpcId availabilityMode secondaryAllocationIds secondaryPrivateIpAddressCount secondaryPrivateIpAddresses"
            ),
            tagger=tags.EC2,
            wrong=_wrong_nat,
            sweep=OWN_ROW,
            price="network.nat_gateway",
            actions=names("ec2:CreateNatGateway ec2:DescribeNatGateways ec2:DeleteNatGateway"),
        )
    ]


def _wrong_nat(i: Given) -> dict[str, str]:
    if i["connectivityType"] == "private" and i["allocationId"]:
        return {"allocationId": "a private NAT gateway has no address"}
    return {}


def _describe_nat(cloud: Cloud, id: str) -> dict[str, Any] | None:
    try:
        return one(cloud.client("ec2").describe_nat_gateways(NatGatewayIds=[id])["NatGateways"])
    except cloud.client("ec2").exceptions.ClientError as error:
        if is_gone(error):
            return None
        raise


def _read_nat(cloud: Cloud, id: str, i: Given) -> State | None:
    found = _describe_nat(cloud, id)
    if not found or found["State"] in ("deleted", "deleting"):
        return None
    address: Mapping[str, Any] = next(iter(found.get("NatGatewayAddresses") or []), {})
    return {
        "id": id,
        "subnetId": found["SubnetId"],
        "vpcId": found.get("VpcId"),
        "connectivityType": found.get("ConnectivityType", "public"),
        "availabilityMode": found.get("AvailabilityMode", "zonal"),
        "allocationId": address.get("AllocationId"),
        "associationId": address.get("AssociationId", ""),
        "networkInterfaceId": address.get("NetworkInterfaceId", ""),
        "privateIp": address.get("PrivateIp", ""),
        "publicIp": address.get("PublicIp", ""),
        "secondaryAllocationIds": [],
        "secondaryPrivateIpAddresses": [],
        "secondaryPrivateIpAddressCount": 0,
        **dict.fromkeys(REGIONAL, ""),
        "regionalNatGatewayAddresses": [],
        "tagsAll": tags.mapping(found.get("Tags")),
    }


def _wait_for_nat(cloud: Cloud, state: State, wanted: Given) -> None:
    found = wait(
        lambda: _describe_nat(cloud, state["id"]) or {},
        until=lambda f: f.get("State") not in (None, "pending"),
        what=f"the NAT gateway {state['id']}",
        seconds=600,
    )
    if found["State"] == "failed":
        raise NeverCame(f"{found.get('FailureCode', 'failed')}: {found.get('FailureMessage', 'the NAT gateway failed')}")


def _delete_nat(cloud: Cloud, id: str, i: Given) -> None:
    """Delete the gateway and wait until it is gone: before that its address cannot be released, nor its subnet deleted."""
    cloud.client("ec2").delete_nat_gateway(NatGatewayId=id)
    ended = wait(
        lambda: _describe_nat(cloud, id),
        until=lambda found: not found or found["State"] in ("deleted", "failed"),
        what=f"the end of the NAT gateway {id}",
        seconds=600,
    )
    if ended and ended["State"] == "failed":
        raise NeverCame(f"{ended.get('FailureCode', 'failed')}: {ended.get('FailureMessage', 'the NAT gateway was not deleted')}")
