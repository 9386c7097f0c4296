"""The embedded AWS inside the test's process: moto with its gaps filled, and networks and groups made in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from inferstack.sandbox.aws import moto_settings
from infra.calls.aws import Aws

moto_settings.apply()

IMAGE = "ami-0d1a24040d1a24040"


class Embedded:
    def __init__(self, world: Any, region: str) -> None:
        self.world = world
        self.aws = Aws(region)
        self.group = "inferstack-x-nodes"

    def refuse(self, zones: str, code: str, text: str) -> None:
        """Launches in these zones, by their letters, fail so."""
        from inferstack.sandbox.aws.front.answers import Refusal

        self.world.launch_refusal = lambda kind, zone, group: (
            Refusal(code, text.format(kind=kind, zone=zone)) if zone[-1] in zones else None
        )

    def subnets(self, zones: str) -> list[str]:
        """A network with one subnet in each of these zones."""
        ec2 = self.aws.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        made = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=f"{self.aws.region}{zone}")
            for number, zone in enumerate(zones)
        ]
        return [str(one["Subnet"]["SubnetId"]) for one in made]

    def make_group(self, *, zones: str = "ab", kind: str = "g6.xlarge", **template: Any) -> None:
        """Empty, launches and rebalancing suspended, as the program makes it."""
        data = {"ImageId": IMAGE, "InstanceType": kind, **template}
        made = self.aws.client("ec2").create_launch_template(LaunchTemplateName="nodes", LaunchTemplateData=data)["LaunchTemplate"]
        scaling = self.aws.client("autoscaling")
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=self.group,
            MinSize=0,
            MaxSize=4,
            DesiredCapacity=0,
            LaunchTemplate={"LaunchTemplateId": made["LaunchTemplateId"], "Version": "$Latest"},
            VPCZoneIdentifier=",".join(self.subnets(zones)),
        )
        scaling.suspend_processes(AutoScalingGroupName=self.group, ScalingProcesses=["Launch", "AZRebalance"])

    def described(self) -> Any:
        return self.aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]


@contextmanager
def opened(region: str = "us-east-1") -> Iterator[Embedded]:
    from moto import mock_aws

    from inferstack.sandbox.aws.gaps import filled
    from inferstack.sandbox.aws.world import SandboxWorld

    world = SandboxWorld(account_id=moto_settings.ACCOUNT_ID)
    with filled(world), mock_aws():
        yield Embedded(world, region)
