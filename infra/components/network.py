"""The long-lived network of a base: VPC, subnets in every zone, gateways that cost nothing, a default group that admits nobody."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components import subnets

ANYWHERE = "0.0.0.0/0"


class Network(pulumi.ComponentResource):
    """`zones` are names; private subnets have no way out until a cluster stack brings one."""

    def __init__(self, name: str, *, region: str, zones: Sequence[str], opts: ResourceOptions | None = None) -> None:
        super().__init__("inferstack:infra:Network", name, None, opts)
        child = ResourceOptions(parent=self, protect=opts.protect if opts else None)
        self.vpc = aws.ec2.Vpc(f"{name}-vpc", cidr_block=subnets.NETWORK, enable_dns_hostnames=True, enable_dns_support=True, opts=child)
        self.plan = subnets.layout(zones)
        self.subnets = {one.name: self._subnet(name, one, child) for one in self.plan}
        gateway = aws.ec2.InternetGateway(f"{name}-igw", vpc_id=self.vpc.id, opts=child)
        public = aws.ec2.RouteTable(f"{name}-public", vpc_id=self.vpc.id, opts=child)
        self.private_routes = aws.ec2.RouteTable(f"{name}-private", vpc_id=self.vpc.id, opts=child)
        aws.ec2.Route(
            f"{name}-out", route_table_id=public.id, destination_cidr_block=ANYWHERE, gateway_id=gateway.id, opts=_inside(self, public)
        )
        for one in self.plan:
            table = public if one.public else self.private_routes
            subnet = self.subnets[one.name]
            aws.ec2.RouteTableAssociation(f"{name}-{one.name}", subnet_id=subnet.id, route_table_id=table.id, opts=_inside(self, table))
        aws.ec2.DefaultSecurityGroup(f"{name}-default", vpc_id=self.vpc.id, ingress=[], egress=[], opts=child)
        self.storage_gateway = aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=self.vpc.id,
            service_name=f"com.amazonaws.{region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[self.private_routes.id],
            opts=child,
        )
        self.register_outputs({"vpcId": self.vpc.id})

    def subnet_ids(self, *, public: bool) -> list[pulumi.Output[str]]:
        """Return the subnets in the order of the zones' names."""
        return [self.subnets[one.name].id for one in self.plan if one.public == public]

    def zones(self) -> list[str]:
        """Return the zones of the private subnets, in their order."""
        return [one.zone for one in self.plan if not one.public]

    def _subnet(self, name: str, one: subnets.Subnet, child: ResourceOptions) -> aws.ec2.Subnet:
        return aws.ec2.Subnet(
            f"{name}-{one.name}",
            vpc_id=self.vpc.id,
            cidr_block=one.cidr,
            availability_zone=one.zone,
            map_public_ip_on_launch=False,
            opts=child,
        )


def _inside(parent: pulumi.Resource, table: aws.ec2.RouteTable) -> ResourceOptions:
    """Routes and associations carry no tags: they die with their table."""
    return ResourceOptions(parent=parent, deleted_with=table)
