"""aws:ec2 route table, route and association. Routes and associations carry no tags: they die with their table."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.guard import ACCOUNT
from inferstack.sandbox.provider.cloud.refusals import is_gone
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.ec2.find import by_filter, one
from inferstack.sandbox.provider.resources.kind import Kind, State, names

DESTINATIONS = {
    "destinationCidrBlock": "DestinationCidrBlock",
    "destinationIpv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}
TARGETS = {
    "gatewayId": "GatewayId",
    "natGatewayId": "NatGatewayId",
    "networkInterfaceId": "NetworkInterfaceId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
    "transitGatewayId": "TransitGatewayId",
    "egressOnlyGatewayId": "EgressOnlyInternetGatewayId",
}
INLINE = {
    "cidrBlock": "DestinationCidrBlock",
    "ipv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}


def kinds() -> list[Kind]:
    return [_route_table(), _route(), _association()]


def _route_table() -> Kind:
    return Kind(
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
    )


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
            call(RouteTableId=state["id"], **dict([destination]), **_mapped(route, TARGETS))


def _inline_destination(route: Mapping[str, Any]) -> tuple[str, str]:
    return next((theirs, route[ours]) for ours, theirs in INLINE.items() if route.get(ours))


def _mapped(inputs: Mapping[str, Any], table: Mapping[str, str]) -> dict[str, Any]:
    return {theirs: inputs[ours] for ours, theirs in table.items() if inputs.get(ours)}


def _delete_table(cloud: Cloud, id: str, i: Given) -> None:
    """As the real provider does: associations first, or the table stays."""
    ec2 = cloud.client("ec2")
    for table in ec2.describe_route_tables(RouteTableIds=[id])["RouteTables"]:
        for association in table.get("Associations", []):
            if not association.get("Main"):
                ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
    ec2.delete_route_table(RouteTableId=id)


def _route() -> Kind:
    return Kind(
        token="aws:ec2/route:Route",
        service="ec2",
        operation="create_route",
        request=lambda i: {"RouteTableId": i["routeTableId"], **_mapped(i, DESTINATIONS), **_mapped(i, TARGETS)},
        identify=lambda answer, i: route_id(str(i["routeTableId"]), _destination(i)),
        read=_read_route,
        converge=_converge_route,
        delete=_delete_route,
        fixed=names("routeTableId") | DESTINATIONS.keys(),
        mutable=frozenset(TARGETS),
        wrong=_wrong_route,
    )


def route_id(table: str, destination: str) -> str:
    """The real provider's id: r-, the table, the CRC-32 of the destination."""
    return f"r-{table}{zlib.crc32(destination.encode())}"


def _destination(i: Mapping[str, Any]) -> str:
    return next((str(i[name]) for name in DESTINATIONS if i.get(name)), "")


def _wrong_route(i: Given) -> dict[str, str]:
    several = [name for name in TARGETS if i[name]]
    return {several[1]: f"a route has one target, not {' and '.join(several)}"} if len(several) > 1 else {}


def _read_route(cloud: Cloud, id: str, i: Given) -> State | None:
    """An import names TABLE_DESTINATION, as with the real provider."""
    table, destination = (i["routeTableId"], _destination(i)) if i["routeTableId"] else id.rsplit("_", 1)
    found = one(cloud.client("ec2").describe_route_tables(RouteTableIds=[table])["RouteTables"])
    for route in found.get("Routes", []) if found else []:
        if destination in [route.get(theirs) for theirs in DESTINATIONS.values()]:
            return _route_state(table, destination, route)
    return None


def _route_state(table: str, destination: str, route: Mapping[str, Any]) -> State:
    shown = {ours: route.get(theirs) for ours, theirs in (DESTINATIONS | TARGETS).items()}
    origin, state = route.get("Origin", "CreateRoute"), route.get("State", "active")
    unused = {"instanceId": "", "instanceOwnerId": ""}
    return {"id": route_id(table, destination), "routeTableId": table, "origin": origin, "state": state, **unused, **shown}


def _converge_route(cloud: Cloud, state: State, wanted: Given) -> None:
    if any(wanted[name] and wanted[name] != state[name] for name in TARGETS):
        cloud.client("ec2").replace_route(RouteTableId=wanted["routeTableId"], **_mapped(wanted, DESTINATIONS), **_mapped(wanted, TARGETS))


def _delete_route(cloud: Cloud, id: str, i: Given) -> None:
    cloud.client("ec2").delete_route(RouteTableId=i["routeTableId"], **_mapped(i, DESTINATIONS))


def _association() -> Kind:
    return Kind(
        token="aws:ec2/routeTableAssociation:RouteTableAssociation",
        service="ec2",
        operation="associate_route_table",
        request=lambda i: {"RouteTableId": i["routeTableId"], "SubnetId": i["subnetId"], "GatewayId": i["gatewayId"]},
        identify=lambda answer, i: str(answer["AssociationId"]),
        read=_read_association,
        delete=lambda cloud, id, i: cloud.client("ec2").disassociate_route_table(AssociationId=id),
        fixed=names("routeTableId subnetId gatewayId"),
    )


def _read_association(cloud: Cloud, id: str, i: Given) -> State | None:
    """An import names SUBNET/TABLE, as with the real provider."""
    ec2 = cloud.client("ec2")
    wanted = {"association.subnet-id": id.split("/")[0]} if "/" in id else {"association.route-table-association-id": id}
    try:
        table = by_filter(ec2, "route_tables", wanted)
    except ec2.exceptions.ClientError as error:
        if is_gone(error):
            return None
        raise
    for each in table.get("Associations", []):
        if id == each["RouteTableAssociationId"] or ("/" in id and each.get("SubnetId") == id.split("/")[0]):
            ends = {"subnetId": each.get("SubnetId"), "gatewayId": each.get("GatewayId")}
            return {"id": each["RouteTableAssociationId"], "routeTableId": table["RouteTableId"], **ends}
    return None
