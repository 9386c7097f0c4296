"""aws:ec2 route. It carries no tags: it dies with its table."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources.ec2.find import one
from inferstack.sandbox.provider.resources.resource_type import FREE, OWN_ROW, ResourceType, State, names

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


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:ec2/route:Route",
            service="ec2",
            operation="create_route",
            request=lambda i: {"RouteTableId": i["routeTableId"], **mapped(i, DESTINATIONS), **mapped(i, TARGETS)},
            identify=lambda answer, i: route_id(str(i["routeTableId"]), _destination(i)),
            read=_read_route,
            converge=_converge_route,
            delete=_delete_route,
            fixed=names("routeTableId") | DESTINATIONS.keys(),
            mutable=frozenset(TARGETS),
            wrong=_wrong_route,
            sweep=OWN_ROW,
            price=FREE,
            actions=names("ec2:CreateRoute ec2:ReplaceRoute ec2:DeleteRoute ec2:DescribeRouteTables"),
        )
    ]


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
        cloud.client("ec2").replace_route(RouteTableId=wanted["routeTableId"], **mapped(wanted, DESTINATIONS), **mapped(wanted, TARGETS))


def _delete_route(cloud: Cloud, id: str, i: Given) -> None:
    cloud.client("ec2").delete_route(RouteTableId=i["routeTableId"], **mapped(i, DESTINATIONS))


def mapped(inputs: Mapping[str, Any], table: Mapping[str, str]) -> dict[str, Any]:
    return {theirs: inputs[ours] for ours, theirs in table.items() if inputs.get(ours)}
