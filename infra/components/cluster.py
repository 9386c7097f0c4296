"""All that bills by the hour, and the switch that removes it: the disposable half of a deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from inferstack.records.plan import Plan
from inferstack.records.settings import StackConfig
from infra import naming
from infra.components.access import NodeAccess, NodeGroup
from infra.components.documents import Place
from infra.components.egress import Endpoints, Nat
from infra.components.fleet import Fleet, NodeLaunch
from infra.components.reaper import Reaper

BaseOutputs = Mapping[str, pulumi.Output[Any]]


class Cluster(pulumi.ComponentResource):
    """`base` is what the base stack put out; `outputs` is what infra/calls/outputs.py reads."""

    def __init__(
        self,
        name: str,
        *,
        config: StackConfig,
        plan: Plan,
        base: BaseOutputs,
        efa_cards: Sequence[int],
        shared_tags: Mapping[str, str],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferstack:infra:Cluster", name, None, opts)
        assert config.expires_at and config.ami_id and config.ssh_public_key
        child = ResourceOptions(parent=self)
        place = Place(config.region, config.account_id)
        boundary = config.permissions_boundary
        reaper = Reaper("reaper", stack=config.stack, place=place, boundary=boundary, expires_at=config.expires_at, opts=child)
        first = ResourceOptions(parent=self, depends_on=[reaper.nodes])
        secret = self._secret(config, base)
        access = NodeAccess(
            "node",
            stack=config.stack,
            place=place,
            boundary=boundary,
            bucket=base["weightsBucket"],
            kms_key_arn=base["kmsKeyArn"],
            opts=child,
        )
        nodes = self._node_group(config, plan, base)
        self._network(config, base, nodes, reaper, first)
        fleet = Fleet(
            "nodes",
            launch=NodeLaunch(config.stack, plan, config.ami_id, config.ssh_public_key, efa_cards, shared_tags),
            profile=access.profile,
            security_group_id=nodes.group.id,
            subnet_ids=_node_subnets(config, plan, base),
            opts=ResourceOptions(parent=self, depends_on=[reaper.nodes, access.policy]),
        )
        self.outputs = {
            **_known(config, base),
            "autoscalingGroupName": fleet.group.name,
            "launchTemplateId": fleet.template.id,
            "scheduleGroupName": reaper.group.name,
            "nodeRoleName": access.role.name,
            "securityGroupId": nodes.group.id,
            "apiKeySecretArn": secret.arn,
        }
        self.register_outputs(self.outputs)

    def _secret(self, config: StackConfig, base: BaseOutputs) -> aws.secretsmanager.Secret:
        """The container only: its value never passes through Pulumi. No recovery window: the next cluster takes the same name."""
        return aws.secretsmanager.Secret(
            "api-key",
            name=naming.api_key_secret(config.stack),
            description="bearer key of the endpoint",
            kms_key_id=base["kmsKeyArn"],
            recovery_window_in_days=0,
            opts=ResourceOptions(parent=self),
        )

    def _node_group(self, config: StackConfig, plan: Plan, base: BaseOutputs) -> NodeGroup:
        return NodeGroup(
            "node-access",
            vpc_id=base["vpcId"],
            vpc_cidr=base["vpcCidr"],
            storage_prefix_list_id=None if config.vpc_id else base["storagePrefixListId"],
            egress=config.egress,
            across_nodes=plan.nodes_per_replica > 1,
            opts=ResourceOptions(parent=self),
        )

    def _network(self, config: StackConfig, base: BaseOutputs, nodes: NodeGroup, reaper: Reaper, first: ResourceOptions) -> None:
        """An adopted network has its own endpoints and way out; a second set would clash with its private DNS."""
        if config.vpc_id:
            return
        subnet = base["privateSubnetIds"].apply(lambda ids: ids[0])
        made = Endpoints("endpoints", region=config.region, vpc_id=base["vpcId"], subnet_id=subnet, clients=nodes.group, opts=first)
        reaper.endpoints(made.endpoints)
        if config.egress == "nat":
            nat = Nat("nat", subnet_id=base["natSubnetId"], route_table_id=base["privateRouteTableId"], opts=first)
            reaper.nat(nat.gateway, nat.address)


def _known(config: StackConfig, base: BaseOutputs) -> dict[str, pulumi.Input[Any]]:
    """Outputs that need no resource of this stack."""
    return {
        "kind": "cluster",
        "weightsBucket": base["weightsBucket"],
        "kmsKeyArn": base["kmsKeyArn"],
        "endpointHostname": naming.endpoint_hostname(config.stack),
    }


def _node_subnets(config: StackConfig, plan: Plan, base: BaseOutputs) -> pulumi.Output[list[str]]:
    """Where nodes may start: the base's private subnets in the zones that offer the instance type.

    A replica that spans nodes must lie in one zone: EFA does not cross zones.
    """
    one_zone = plan.nodes_per_replica > 1

    def chosen(known: list[Any]) -> list[str]:
        ids, zones = known
        places = [(zone, subnet) for zone, subnet in zip(zones, ids, strict=True) if not config.zones or zone in config.zones]
        if not places:
            raise pulumi.RunError(
                f"{plan.instance_type} is offered in {', '.join(config.zones)}; the base's subnets are in {', '.join(sorted(set(zones)))}"
            )
        first = places[0][0]
        return [subnet for zone, subnet in places if zone == first or not one_zone]

    return pulumi.Output.all(base["privateSubnetIds"], base["privateSubnetZones"]).apply(chosen)
