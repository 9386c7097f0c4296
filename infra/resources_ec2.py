"""Rows of EC2: what bills by the hour first, then what it held on to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra import naming
from infra.aws import Aws, code_of
from infra.resources import Found, Kind, Scope, pages, tag_map

# The security group that every network has from birth to death.
DEFAULT_GROUP = "default"
ENDED = {"terminated", "shutting-down", "deleted", "failed"}


@dataclass(frozen=True)
class Listing:
    """How EC2 lists a kind: operation, key of the answer, key of the id, parameter that takes ids."""

    type: str
    operation: str
    key: str
    id_key: str
    ids: str
    state: Callable[[Mapping[str, Any]], str] = lambda one: str(one.get("State", ""))

    def find(self, aws: Aws, scope: Scope) -> Iterable[Found]:
        ec2 = aws.client("ec2")
        ours = {"Filters": [{"Name": f"tag:{naming.STACK_TAG}", "Values": [scope.stack]}]}
        seen = {one.id: one for one in self._listed(ec2, **ours)}
        for wanted in sorted(scope.recorded(self.type) - seen.keys()):
            seen |= {one.id: one for one in self._by_id(ec2, wanted)}
        return list(seen.values())

    def _by_id(self, ec2: Any, wanted: str) -> list[Found]:
        try:
            return list(self._listed(ec2, **{self.ids: [wanted]}))
        except ec2.exceptions.ClientError as error:
            if is_gone(error):
                return []
            raise

    def _listed(self, ec2: Any, **asked: Any) -> Iterable[Found]:
        for one in _flat(pages(ec2, self.operation, self.key, **asked)):
            if self.state(one) not in ENDED and one.get("GroupName") != DEFAULT_GROUP:
                tags = tag_map(one.get("Tags") or one.get("TagSet"))
                yield Found(self.type, str(one[self.id_key]), tags.get("Name", ""), tags, details=one)


def is_gone(error: BaseException) -> bool:
    code = code_of(error)
    return "NotFound" in code or "NoSuch" in code or code in {"InvalidVpcEndpointId.NotFound", "NatGatewayNotFound"}


def ec2(listing: Listing, delete: Callable[[Any, Found], object]) -> Kind:
    return Kind(listing.type, listing.find, lambda aws, found: _gone_is_fine(lambda: delete(aws.client("ec2"), found)))


def cluster_kinds() -> tuple[Kind, ...]:
    return (
        ec2(INSTANCES, lambda ec2, one: ec2.terminate_instances(InstanceIds=[one.id])),
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
        ec2(SUBNETS, lambda ec2, one: ec2.delete_subnet(SubnetId=one.id)),
        ec2(ROUTE_TABLES, _delete_routes),
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


def _flat(entries: Iterable[Any]) -> Iterable[Any]:
    """Instances come inside reservations."""
    for entry in entries:
        yield from entry["Instances"] if "Instances" in entry and "ReservationId" in entry else (entry,)


def _delete_gateway(ec2: Any, one: Found) -> None:
    """The route that leads to it lies in the base's table and would be left as a black hole."""
    network = {"Filters": [{"Name": "vpc-id", "Values": [str(one.details.get("VpcId", ""))]}]}
    for table in pages(ec2, "describe_route_tables", "RouteTables", **network):
        for route in table.get("Routes", []):
            if route.get("NatGatewayId") == one.id:
                ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock=route["DestinationCidrBlock"])
    if one.details.get("State") != "deleting":
        ec2.delete_nat_gateway(NatGatewayId=one.id)


def _delete_interface(ec2: Any, one: Found) -> None:
    """One that is in use goes with what uses it."""
    if one.details.get("Status") != "in-use":
        ec2.delete_network_interface(NetworkInterfaceId=one.id)


def _release(ec2: Any, one: Found) -> None:
    """An association with a gateway ends with the gateway; ours is only with what is gone."""
    ec2.release_address(AllocationId=one.id)


def _delete_routes(ec2: Any, one: Found) -> None:
    associations = one.details.get("Associations", [])
    if any(each.get("Main") for each in associations):
        return
    for each in associations:
        ec2.disassociate_route_table(AssociationId=each["RouteTableAssociationId"])
    ec2.delete_route_table(RouteTableId=one.id)


def _delete_internet_gateway(ec2: Any, one: Found) -> None:
    for each in one.details.get("Attachments", []):
        ec2.detach_internet_gateway(InternetGatewayId=one.id, VpcId=each["VpcId"])
    ec2.delete_internet_gateway(InternetGatewayId=one.id)


def _gone_is_fine(delete: Callable[[], object]) -> None:
    try:
        delete()
    except Exception as error:
        if not is_gone(error):
            raise
