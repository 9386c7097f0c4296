"""What a node is allowed: be reached by Systems Manager, read the weights, write its log. And what is allowed to reach it: nobody."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra import naming
from infra.components import documents
from infra.components.documents import Place
from infra.components.egress import HTTP, HTTPS
from infra.components.network import ANYWHERE


class NodeAccess(pulumi.ComponentResource):
    """Role and instance profile of the nodes. The policy names the key by ARN, so it is an output; the rest is known in a preview."""

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        place: Place,
        boundary: str,
        bucket: pulumi.Input[str],
        kms_key_arn: pulumi.Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferstack:infra:NodeAccess", name, None, opts)
        child = ResourceOptions(parent=self)
        called = naming.node_role(stack)
        self.role = aws.iam.Role(
            f"{name}-role",
            name=called,
            assume_role_policy=documents.trust("ec2.amazonaws.com"),
            permissions_boundary=place.boundary_arn(boundary),
            opts=child,
        )
        policy = pulumi.Output.all(bucket, kms_key_arn).apply(
            lambda known: documents.node(place, stack, bucket=known[0], kms_key_arn=known[1])
        )
        self.policy = aws.iam.RolePolicy(f"{name}-policy", name="node", role=self.role.id, policy=policy, opts=child)
        self.profile = aws.iam.InstanceProfile(f"{name}-profile", name=called, role=self.role.name, opts=child)
        self.register_outputs({})


class NodeGroup(pulumi.ComponentResource):
    """The nodes' security group: no way in but from one another, and that only where a replica spans nodes."""

    def __init__(
        self,
        name: str,
        *,
        vpc_id: pulumi.Input[str],
        vpc_cidr: pulumi.Input[str],
        storage_prefix_list_id: pulumi.Input[str] | None,
        egress: str,
        across_nodes: bool,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferstack:infra:NodeGroup", name, None, opts)
        self.group = aws.ec2.SecurityGroup(
            f"{name}-group", vpc_id=vpc_id, description="nodes of one cluster", opts=ResourceOptions(parent=self)
        )
        if egress == "nat":
            self._out(f"{name}-https", HTTPS, "HTTPS", cidr_ipv4=ANYWHERE)
            # Ubuntu's mirrors inside AWS speak HTTP only; apt checks signatures, not transport.
            self._out(f"{name}-http", HTTP, "package archives", cidr_ipv4=ANYWHERE)
        else:
            self._out(f"{name}-https", HTTPS, "AWS services by interface endpoint", cidr_ipv4=vpc_cidr)
            if storage_prefix_list_id is not None:
                self._out(f"{name}-s3", HTTPS, "S3 by gateway endpoint", prefix_list_id=storage_prefix_list_id)
        if across_nodes:
            self._to_one_another(name)
        self.register_outputs({})

    def _out(self, name: str, port: int, description: str, **to: pulumi.Input[str]) -> None:
        aws.vpc.SecurityGroupEgressRule(
            name,
            security_group_id=self.group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=description,
            opts=ResourceOptions(parent=self),
            **to,
        )

    def _to_one_another(self, name: str) -> None:
        """EFA needs all traffic within the group, both ways."""
        for way, rule in (("in", aws.vpc.SecurityGroupIngressRule), ("out", aws.vpc.SecurityGroupEgressRule)):
            rule(
                f"{name}-peers-{way}",
                security_group_id=self.group.id,
                referenced_security_group_id=self.group.id,
                ip_protocol="-1",
                description="between the nodes of a replica",
                opts=ResourceOptions(parent=self),
            )
