"""aws:ec2 internet gateway."""

from __future__ import annotations

from inferstack.sandbox.provider.cloud.clients import Cloud, wait
from inferstack.sandbox.provider.cloud.guard import ACCOUNT
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.ec2.find import one
from inferstack.sandbox.provider.resources.resource_type import FREE, OWN_ROW, ResourceType, State, names


def types() -> list[ResourceType]:
    return [
        ResourceType(
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
            sweep=OWN_ROW,
            price=FREE,
            actions=names(
                "ec2:CreateInternetGateway ec2:DescribeInternetGateways ec2:AttachInternetGateway ec2:DetachInternetGateway "
                "ec2:DeleteInternetGateway"
            ),
        )
    ]


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
