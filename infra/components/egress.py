"""The private subnets' way out while a cluster lives: one NAT gateway. What needs no way out goes through interface endpoints."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra.components.network import ANYWHERE

SERVICES = ("ssm", "ssmmessages")
"""What the agent on a node speaks to. From version 3.3.40 on it needs no ec2messages, which regions opened since 2024 do not have:
https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-setting-up-messageAPIs.html (read 2026-11-30).
Nothing on a node asks Secrets Manager or CloudWatch Logs: the key comes over SSH, and logs stay in the node's journal.
"""
HTTPS, HTTP = 443, 80


class Nat(pulumi.ComponentResource):
    def __init__(
        self, name: str, *, subnet_id: pulumi.Input[str], route_table_id: pulumi.Input[str], opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("inferstack:infra:Nat", name, None, opts)
        child = ResourceOptions(parent=self)
        self.address = aws.ec2.Eip(f"{name}-address", domain="vpc", opts=child)
        self.gateway = aws.ec2.NatGateway(f"{name}-gateway", allocation_id=self.address.id, subnet_id=subnet_id, opts=child)
        self.route = aws.ec2.Route(
            f"{name}-route",
            route_table_id=route_table_id,
            destination_cidr_block=ANYWHERE,
            nat_gateway_id=self.gateway.id,
            opts=child,
        )
        self.register_outputs({})


class Endpoints(pulumi.ComponentResource):
    """VPC endpoints in one zone: a disposable cluster pays for one, and private DNS leads both zones to it."""

    def __init__(
        self,
        name: str,
        *,
        region: str,
        vpc_id: pulumi.Input[str],
        subnet_id: pulumi.Input[str],
        clients: aws.ec2.SecurityGroup,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferstack:infra:Endpoints", name, None, opts)
        child = ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(f"{name}-group", vpc_id=vpc_id, description="AWS services, for the nodes of one cluster", opts=child)
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-from-nodes",
            security_group_id=group.id,
            referenced_security_group_id=clients.id,
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            description="HTTPS from the nodes",
            opts=child,
        )
        self.endpoints = [
            aws.ec2.VpcEndpoint(
                f"{name}-{service}",
                vpc_id=vpc_id,
                service_name=f"com.amazonaws.{region}.{service}",
                vpc_endpoint_type="Interface",
                subnet_ids=[subnet_id],
                security_group_ids=[group.id],
                private_dns_enabled=True,
                opts=child,
            )
            for service in SERVICES
        ]
        self.register_outputs({})
