"""Rows of EC2 for what has no tags of its own, or goes before what it belongs to: routes, associations, rules of security groups."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from infra import naming
from infra.calls.aws import Aws
from infra.leftovers.kinds import FoundResource, Kind, Scope, pages, tag_map
from infra.leftovers.listing import Listing, gone_is_fine

ROUTE = "aws:ec2/route:Route"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"


def kinds_of_gateways(gateways: Listing) -> tuple[Kind, ...]:
    """The route to a NAT gateway lies in the base's table and would be left as a black hole."""
    return (Kind(ROUTE, lambda aws, scope: _routes(aws, scope, gateways), _delete_route),)


def kinds_of_tables(tables: Listing) -> tuple[Kind, ...]:
    return (Kind(ASSOCIATION, lambda aws, scope: _associations(aws, scope, tables), _disassociate),)


def rule_kinds() -> tuple[Kind, ...]:
    """Return the kinds of rules, which are removed before the groups, because groups may name one another."""
    return (
        Kind(INGRESS, lambda aws, scope: _rules(aws, scope, egress=False), _revoke),
        Kind(EGRESS, lambda aws, scope: _rules(aws, scope, egress=True), _revoke),
    )


def route_id(table_id: str, destination: str) -> str:
    """The provider's id of a route: r-, the table, the CRC-32 of the destination."""
    return f"r-{table_id}{zlib.crc32(destination.encode())}"


def _routes(aws: Aws, scope: Scope, gateways: Listing) -> Iterable[FoundResource]:
    ec2 = aws.client("ec2")
    for gateway in (one for one in gateways.find(aws, scope) if scope.owns(one)):
        network = [{"Name": "vpc-id", "Values": [str(gateway.details.get("VpcId", ""))]}]
        for table in pages(ec2, "describe_route_tables", "RouteTables", Filters=network):
            for route in table.get("Routes", []):
                if route.get("NatGatewayId") == gateway.id:
                    yield _route(table["RouteTableId"], route["DestinationCidrBlock"], gateway)


def _route(table_id: str, destination: str, gateway: FoundResource) -> FoundResource:
    where = {"RouteTableId": table_id, "DestinationCidrBlock": destination}
    return FoundResource(ROUTE, route_id(table_id, destination), f"to {gateway.id}", gateway.tags, details=where)


def _delete_route(aws: Aws, one: FoundResource) -> None:
    gone_is_fine(lambda: aws.client("ec2").delete_route(**one.details))


def _associations(aws: Aws, scope: Scope, tables: Listing) -> Iterable[FoundResource]:
    for table in (one for one in tables.find(aws, scope) if scope.owns(one)):
        for each in table.details.get("Associations", []):
            if each.get("SubnetId"):
                yield FoundResource(ASSOCIATION, each["RouteTableAssociationId"], f"{table.name} {each['SubnetId']}", table.tags)


def _disassociate(aws: Aws, one: FoundResource) -> None:
    gone_is_fine(lambda: aws.client("ec2").disassociate_route_table(AssociationId=one.id))


def _rules(aws: Aws, scope: Scope, *, egress: bool) -> Iterable[FoundResource]:
    ours = [{"Name": f"tag:{naming.STACK_TAG}", "Values": [scope.stack]}]
    for one in pages(aws.client("ec2"), "describe_security_group_rules", "SecurityGroupRules", Filters=ours):
        tags = tag_map(one.get("Tags"))
        if bool(one.get("IsEgress")) == egress and tags:
            yield FoundResource(EGRESS if egress else INGRESS, one["SecurityGroupRuleId"], tags.get("Name", ""), tags, details=one)


def _revoke(aws: Aws, one: FoundResource) -> None:
    ec2: Any = aws.client("ec2")
    revoke = ec2.revoke_security_group_egress if one.type == EGRESS else ec2.revoke_security_group_ingress
    gone_is_fine(lambda: revoke(GroupId=one.details["GroupId"], SecurityGroupRuleIds=[one.id]))
