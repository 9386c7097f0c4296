"""aws:ec2 Elastic IP and NAT gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud, NeverCame, wait
from inferstack.sandbox.provider.cloud.refusals import is_gone
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.ec2.find import one
from inferstack.sandbox.provider.resources.kind import Kind, State, names

REGIONAL = ("autoProvisionZones", "autoScalingIps", "regionalNatGatewayAutoMode", "routeTableId")


def kinds() -> list[Kind]:
    return [_eip(), _nat_gateway()]


def _eip() -> Kind:
    return Kind(
        token="aws:ec2/eip:Eip",
        service="ec2",
        operation="allocate_address",
        request=lambda i: {
            "Domain": i["domain"],
            "NetworkBorderGroup": i["networkBorderGroup"],
            "PublicIpv4Pool": i["publicIpv4Pool"],
            "TagSpecifications": tags.at_creation("elastic-ip", i["tagsAll"]),
        },
        identify=lambda answer, i: str(answer["AllocationId"]),
        read=_read_eip,
        converge=_associate,
        delete=_release,
        fixed=names("domain networkBorderGroup publicIpv4Pool"),
        mutable=names("instance networkInterface associateWithPrivateIp"),
        defaults={"domain": "vpc"},
        filled=names("domain instance networkInterface networkBorderGroup publicIpv4Pool"),
        tagger=tags.EC2,
    )


def _read_eip(cloud: Cloud, id: str, i: Given) -> State | None:
    if not (found := one(cloud.client("ec2").describe_addresses(AllocationIds=[id])["Addresses"])):
        return None
    address = found["PublicIp"]
    suffix = "compute-1.amazonaws.com" if cloud.region == "us-east-1" else f"{cloud.region}.compute.amazonaws.com"
    return {
        "id": id,
        "allocationId": id,
        "arn": cloud.arn("ec2", f"elastic-ip/{id}"),
        "domain": found.get("Domain", "vpc"),
        "publicIp": address,
        "publicDns": f"ec2-{address.replace('.', '-')}.{suffix}",
        "associationId": found.get("AssociationId", ""),
        "instance": found.get("InstanceId", ""),
        "networkInterface": found.get("NetworkInterfaceId", ""),
        "privateIp": found.get("PrivateIpAddress", ""),
        "privateDns": "",
        "networkBorderGroup": found.get("NetworkBorderGroup", cloud.region),
        "publicIpv4Pool": found.get("PublicIpv4Pool", "amazon"),
        "carrierIp": "",
        "customerOwnedIp": "",
        "ptrRecord": "",
        "tagsAll": tags.mapping(found.get("Tags")),
    }


def _associate(cloud: Cloud, state: State, wanted: Given) -> None:
    """Only what the program asks for: an address of a NAT gateway is associated by the gateway."""
    target = {"InstanceId": wanted["instance"], "NetworkInterfaceId": wanted["networkInterface"]}
    asked = {name: value for name, value in target.items() if value}
    if not asked or (wanted["instance"] or wanted["networkInterface"]) in (state["instance"], state["networkInterface"]):
        return
    private = {"PrivateIpAddress": wanted["associateWithPrivateIp"]} if wanted["associateWithPrivateIp"] else {}
    cloud.client("ec2").associate_address(AllocationId=state["id"], AllowReassociation=True, **asked, **private)


def _release(cloud: Cloud, id: str, i: Given) -> None:
    found = _read_eip(cloud, id, i)
    if found and found["associationId"] and (i["instance"] or i["networkInterface"]):
        cloud.client("ec2").disassociate_address(AssociationId=found["associationId"])
    cloud.client("ec2").release_address(AllocationId=id)


def _nat_gateway() -> Kind:
    return Kind(
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
        filled=names("privateIp vpcId availabilityMode secondaryAllocationIds secondaryPrivateIpAddressCount secondaryPrivateIpAddresses"),
        tagger=tags.EC2,
        wrong=_wrong_nat,
    )


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
    """Until it is really gone its address cannot be released, nor its subnet deleted."""
    cloud.client("ec2").delete_nat_gateway(NatGatewayId=id)
    ended = wait(
        lambda: _describe_nat(cloud, id),
        until=lambda found: not found or found["State"] in ("deleted", "failed"),
        what=f"the end of the NAT gateway {id}",
        seconds=600,
    )
    if ended and ended["State"] == "failed":
        raise NeverCame(f"{ended.get('FailureCode', 'failed')}: {ended.get('FailureMessage', 'the NAT gateway was not deleted')}")
