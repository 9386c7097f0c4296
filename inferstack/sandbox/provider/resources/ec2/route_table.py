"""aws:ec2 route table, with the routes that stand in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.guard import ACCOUNT
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.ec2.find import one
from inferstack.sandbox.provider.resources.ec2.route import TARGETS, mapped
from inferstack.sandbox.provider.resources.resource_type import FREE, OWN_ROW, ResourceType, State, names

INLINE = {
    "cidrBlock": "DestinationCidrBlock",
    "ipv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:ec2/routeTable:RouteTable",
            service="ec2",
            operation="create_route_table",
            request=lambda i: {"VpcId": i["vpcId"], "TagSpecifications": tags.at_creation("route-table", i["tagsAll"])},
            identify=lambda answer, i: str(answer["RouteTable"]["RouteTableId"]),
            read=_read_table,
            converge=_converge_table,
            delete=_delete_table,
            fixed=names("vpcId"),
            mutable=names("routes"),
            filled=names("routes propagatingVgws"),
            tagger=tags.EC2,
            sweep=OWN_ROW,
            price=FREE,
            actions=names("ec2:CreateRouteTable ec2:DescribeRouteTables ec2:DeleteRouteTable ec2:DisassociateRouteTable"),
        )
    ]


def _read_table(cloud: Cloud, id: str, i: Given) -> State | None:
    if not (found := one(cloud.client("ec2").describe_route_tables(RouteTableIds=[id])["RouteTables"])):
        return None
    return {
        "id": id,
        "arn": cloud.arn("ec2", f"route-table/{id}"),
        "vpcId": found["VpcId"],
        "ownerId": found.get("OwnerId", ACCOUNT),
        "propagatingVgws": [],
        "routes": [_inline(each) for each in found.get("Routes", []) if _is_ours(each)],
        "tagsAll": tags.mapping(found.get("Tags")),
    }


def _is_ours(route: Mapping[str, Any]) -> bool:
    """Not the local route, and not what a gateway endpoint put there."""
    return route.get("GatewayId") != "local" and not str(route.get("GatewayId", "")).startswith("vpce-")


def _inline(route: Mapping[str, Any]) -> dict[str, Any]:
    return {ours: route[theirs] for ours, theirs in (INLINE | TARGETS).items() if route.get(theirs)}


def _converge_table(cloud: Cloud, state: State, wanted: Given) -> None:
    """Only when the program lists routes inline; otherwise they belong to Route resources."""
    if wanted["routes"] is None:
        return
    has = {_inline_destination(each): each for each in state["routes"]}
    want = {_inline_destination(each): each for each in wanted["routes"]}
    ec2 = cloud.client("ec2")
    for destination in has.keys() - want.keys():
        ec2.delete_route(RouteTableId=state["id"], **dict([destination]))
    for destination, route in want.items():
        if route != has.get(destination):
            call = ec2.replace_route if destination in has else ec2.create_route
            call(RouteTableId=state["id"], **dict([destination]), **mapped(route, TARGETS))


def _inline_destination(route: Mapping[str, Any]) -> tuple[str, str]:
    return next((theirs, route[ours]) for ours, theirs in INLINE.items() if route.get(ours))


def _delete_table(cloud: Cloud, id: str, i: Given) -> None:
    """Delete the associations, then the table, as the real provider does; the table stays otherwise."""
    ec2 = cloud.client("ec2")
    for table in ec2.describe_route_tables(RouteTableIds=[id])["RouteTables"]:
        for association in table.get("Associations", []):
            if not association.get("Main"):
                ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
    ec2.delete_route_table(RouteTableId=id)
