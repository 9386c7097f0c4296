"""Rows of EC2: what bills by the hour first, then what it held on to."""

from __future__ import annotations

from typing import Any

from infra.leftovers import routes
from infra.leftovers.kinds import FoundResource, Kind
from infra.leftovers.listing import Listing, ec2


def cluster_kinds() -> tuple[Kind, ...]:
    return (
        ec2(INSTANCES, lambda ec2, one: ec2.terminate_instances(InstanceIds=[one.id])),
        *routes.kinds_of_gateways(GATEWAYS),
        *routes.rule_kinds(),
        ec2(ENDPOINTS, lambda ec2, one: ec2.delete_vpc_endpoints(VpcEndpointIds=[one.id])),
        ec2(GATEWAYS, _delete_gateway),
        ec2(VOLUMES, lambda ec2, one: ec2.delete_volume(VolumeId=one.id)),
        ec2(INTERFACES, _delete_interface),
        ec2(ADDRESSES, _release),
        ec2(TEMPLATES, lambda ec2, one: ec2.delete_launch_template(LaunchTemplateId=one.id)),
        ec2(GROUPS, lambda ec2, one: ec2.delete_security_group(GroupId=one.id)),
    )


def base_kinds() -> tuple[Kind, ...]:
    return (
        *routes.kinds_of_tables(ROUTE_TABLES),
        ec2(SUBNETS, lambda ec2, one: ec2.delete_subnet(SubnetId=one.id)),
        ec2(ROUTE_TABLES, _delete_table),
        ec2(INTERNET_GATEWAYS, _delete_internet_gateway),
        ec2(NETWORKS, lambda ec2, one: ec2.delete_vpc(VpcId=one.id)),
    )


INSTANCES = Listing(
    "aws:ec2/instance:Instance", "describe_instances", "Reservations", "InstanceId", "InstanceIds", lambda one: one["State"]["Name"]
)
ENDPOINTS = Listing("aws:ec2/vpcEndpoint:VpcEndpoint", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", "VpcEndpointIds")
GATEWAYS = Listing("aws:ec2/natGateway:NatGateway", "describe_nat_gateways", "NatGateways", "NatGatewayId", "NatGatewayIds")
VOLUMES = Listing("aws:ebs/volume:Volume", "describe_volumes", "Volumes", "VolumeId", "VolumeIds")
INTERFACES = Listing(
    "aws:ec2/networkInterface:NetworkInterface",
    "describe_network_interfaces",
    "NetworkInterfaces",
    "NetworkInterfaceId",
    "NetworkInterfaceIds",
    lambda one: "",
)
ADDRESSES = Listing("aws:ec2/eip:Eip", "describe_addresses", "Addresses", "AllocationId", "AllocationIds")
TEMPLATES = Listing(
    "aws:ec2/launchTemplate:LaunchTemplate", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateId", "LaunchTemplateIds"
)
GROUPS = Listing("aws:ec2/securityGroup:SecurityGroup", "describe_security_groups", "SecurityGroups", "GroupId", "GroupIds")
SUBNETS = Listing("aws:ec2/subnet:Subnet", "describe_subnets", "Subnets", "SubnetId", "SubnetIds")
ROUTE_TABLES = Listing("aws:ec2/routeTable:RouteTable", "describe_route_tables", "RouteTables", "RouteTableId", "RouteTableIds")
INTERNET_GATEWAYS = Listing(
    "aws:ec2/internetGateway:InternetGateway",
    "describe_internet_gateways",
    "InternetGateways",
    "InternetGatewayId",
    "InternetGatewayIds",
)
NETWORKS = Listing("aws:ec2/vpc:Vpc", "describe_vpcs", "Vpcs", "VpcId", "VpcIds")


def _delete_gateway(ec2: Any, one: FoundResource) -> None:
    if one.details.get("State") != "deleting":
        ec2.delete_nat_gateway(NatGatewayId=one.id)


def _delete_interface(ec2: Any, one: FoundResource) -> None:
    """One that is in use goes with what uses it."""
    if one.details.get("Status") != "in-use":
        ec2.delete_network_interface(NetworkInterfaceId=one.id)


def _release(ec2: Any, one: FoundResource) -> None:
    """An association with a gateway ends with the gateway; ours is only with what is gone."""
    ec2.release_address(AllocationId=one.id)


def _delete_table(ec2: Any, one: FoundResource) -> None:
    """A network's main table goes with the network."""
    if not any(each.get("Main") for each in one.details.get("Associations", [])):
        ec2.delete_route_table(RouteTableId=one.id)


def _delete_internet_gateway(ec2: Any, one: FoundResource) -> None:
    for each in one.details.get("Attachments", []):
        ec2.detach_internet_gateway(InternetGatewayId=one.id, VpcId=each["VpcId"])
    ec2.delete_internet_gateway(InternetGatewayId=one.id)
