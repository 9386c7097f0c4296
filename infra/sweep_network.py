"""Sweep rows of a cluster's network: endpoints, NAT gateways and the routes to them, addresses, security groups."""

from __future__ import annotations

from collections.abc import Iterator

from infra.aws import Aws
from infra.sweep_kind import Kind, Seen, ec2, ec2_delete, pages, tags_of

GONE = {"deleted", "deleting"}


def nat_gateways(aws: Aws) -> Iterator[Seen]:
    for entry in pages(aws, "ec2", "describe_nat_gateways", "NatGateways"):
        if entry["State"] != "deleted":
            tags = tags_of(entry.get("Tags"))
            yield Seen(entry["NatGatewayId"], tags.get("Name", ""), tags, entry)


def delete_nat_gateway(aws: Aws, seen: Seen) -> None:
    """Its routes go with it: they stand in the base's route tables, carry no tag, and would stay as black holes."""
    client = aws.client("ec2")
    for table in pages(aws, "ec2", "describe_route_tables", "RouteTables"):
        for route in table.get("Routes", []):
            if route.get("NatGatewayId") == seen.id and route.get("DestinationCidrBlock"):
                client.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock=route["DestinationCidrBlock"])
    if seen.about["State"] not in GONE:
        client.delete_nat_gateway(NatGatewayId=seen.id)


def delete_address(aws: Aws, seen: Seen) -> object:
    return aws.client("ec2").release_address(AllocationId=seen.id)


def delete_security_group(aws: Aws, seen: Seen) -> object:
    """Rules first: two groups that name each other cannot go one after the other."""
    client = aws.client("ec2")
    if seen.about.get("IpPermissions"):
        client.revoke_security_group_ingress(GroupId=seen.id, IpPermissions=seen.about["IpPermissions"])
    if seen.about.get("IpPermissionsEgress"):
        client.revoke_security_group_egress(GroupId=seen.id, IpPermissions=seen.about["IpPermissionsEgress"])
    return client.delete_security_group(GroupId=seen.id)


KINDS = (
    Kind(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        ec2("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", gone=lambda entry: entry["State"].lower() in GONE),
        ec2_delete("delete_vpc_endpoints", "VpcEndpointIds", many=True),
    ),
    Kind("aws:ec2/natGateway:NatGateway", nat_gateways, delete_nat_gateway),
    Kind("aws:ec2/eip:Eip", ec2("describe_addresses", "Addresses", "AllocationId"), delete_address),
    Kind(
        "aws:ec2/securityGroup:SecurityGroup",
        ec2("describe_security_groups", "SecurityGroups", "GroupId", gone=lambda entry: entry["GroupName"] == "default"),
        delete_security_group,
    ),
)
