"""aws:ec2 Elastic IP."""

from __future__ import annotations

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.ec2.find import one
from inferstack.sandbox.provider.resources.resource_type import OWN_ROW, ResourceType, State, names


def types() -> list[ResourceType]:
    return [
        ResourceType(
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
            sweep=OWN_ROW,
            price="network.address",
            actions=names(
                "ec2:AllocateAddress ec2:DescribeAddresses ec2:DescribeAddressesAttribute ec2:DisassociateAddress ec2:ReleaseAddress"
            ),
        )
    ]


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
