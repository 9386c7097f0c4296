"""The nodes: a launch template and an Auto Scaling group that starts at nothing. `up` raises it afterwards (infra/calls/nodes.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from inferstack.records.plan import Plan
from infra import naming
from infra.components import interfaces, userdata

SUSPENDED = ["AZRebalance", "Launch"]
"""Only `up` starts nodes, because only `up` configures them: it resumes Launch while it waits (infra/calls/nodes.py).

Rebalancing would end a serving node to start an unconfigured one elsewhere.
https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
"""
ROOT_DEVICE = "/dev/sda1"
INSTANCE = "aws:ec2/instance:Instance"
LAUNCHED = {"instance": INSTANCE, "volume": "aws:ebs/volume:Volume", "network-interface": "aws:ec2/networkInterface:NetworkInterface"}


@dataclass(frozen=True)
class NodeLaunch:
    """What is launched. `shared_tags` go to instances, volumes and interfaces: nothing else puts tags on them."""

    stack: str
    plan: Plan
    ami_id: str
    public_key: str
    efa_cards: Sequence[int]
    shared_tags: Mapping[str, str]


class Fleet(pulumi.ComponentResource):
    def __init__(
        self,
        name: str,
        *,
        launch: NodeLaunch,
        profile: aws.iam.InstanceProfile,
        security_group_id: pulumi.Input[str],
        subnet_ids: pulumi.Input[Sequence[str]],
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("inferstack:infra:Fleet", name, None, opts)
        self.template = self._template(f"{name}-template", launch, profile, security_group_id)
        self.group = aws.autoscaling.Group(
            f"{name}-group",
            name=naming.group(launch.stack),
            min_size=0,
            max_size=launch.plan.instance_count,
            desired_capacity=0,
            vpc_zone_identifiers=subnet_ids,
            launch_template={"id": self.template.id, "version": self.template.latest_version.apply(str)},
            wait_for_capacity_timeout="0",
            force_delete=True,
            health_check_type="EC2",
            suspended_processes=SUSPENDED,
            # `up` and the reaper move the size; the program must not move it back.
            opts=ResourceOptions(parent=self, ignore_changes=["desiredCapacity"]),
        )
        self.register_outputs({})

    def _template(
        self, name: str, launch: NodeLaunch, profile: aws.iam.InstanceProfile, security_group_id: pulumi.Input[str]
    ) -> aws.ec2.LaunchTemplate:
        return aws.ec2.LaunchTemplate(
            name,
            name=naming.group(launch.stack),
            image_id=launch.ami_id,
            instance_type=launch.plan.instance_type,
            update_default_version=True,
            user_data=userdata.encoded(launch.public_key),
            iam_instance_profile={"arn": profile.arn},
            metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
            block_device_mappings=[_root(launch.plan)],
            network_interfaces=_interfaces(launch.efa_cards, security_group_id, across_nodes=launch.plan.nodes_per_replica > 1),
            tag_specifications=[_launched(kind, launch.shared_tags) for kind in LAUNCHED],
            opts=ResourceOptions(parent=self),
        )


def _root(plan: Plan) -> aws.ec2.LaunchTemplateBlockDeviceMappingArgs:
    """Encrypt the root volume with the account's key for volumes: a key of our own would need the service role of Auto Scaling in its
    policy."""
    ebs = aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
        volume_type="gp3",
        volume_size=plan.storage.root_volume_gib,
        iops=plan.storage.root_iops,
        throughput=plan.storage.root_throughput_mib_s,
        encrypted="true",
        delete_on_termination="true",
    )
    return aws.ec2.LaunchTemplateBlockDeviceMappingArgs(device_name=ROOT_DEVICE, ebs=ebs)


def _interfaces(
    cards: Sequence[int], security_group_id: pulumi.Input[str], *, across_nodes: bool
) -> list[aws.ec2.LaunchTemplateNetworkInterfaceArgs]:
    return [
        aws.ec2.LaunchTemplateNetworkInterfaceArgs(
            device_index=one.device,
            network_card_index=one.card or None,
            interface_type=one.kind,
            associate_public_ip_address="false" if one.kind is None else None,
            delete_on_termination="true",
            security_groups=[security_group_id],
        )
        for one in interfaces.table(cards, across_nodes=across_nodes)
    ]


def _launched(kind: str, shared: Mapping[str, str]) -> aws.ec2.LaunchTemplateTagSpecificationArgs:
    return aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=naming.resource_tags(shared, LAUNCHED[kind], "node"))
