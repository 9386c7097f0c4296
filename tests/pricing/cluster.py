"""A cluster as a program registers it in a preview: ids are unknown, references are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from inferstack.pricing.bill.bill import UNKNOWN, Registration

REGION = "us-east-1"
SUBNETS = ("urn:subnet-a", "urn:subnet-b")
TOKENS = tuple((Path(__file__).parent / "tokens.txt").read_text(encoding="utf-8").split())
"""The Pulumi types that stacks of this project may register."""


def registration(kind: str, name: str, inputs: dict[str, Any] | None = None, **refs: tuple[str, ...]) -> Registration:
    return Registration(type=kind, name=name, urn=f"urn:{name}", inputs=inputs or {}, refs=refs)


def template(**changes: Any) -> Registration:
    ebs = {"volumeSize": 500, "volumeType": "gp3", "iops": 4000, "throughput": 500, "encrypted": "true"}
    inputs = {"instanceType": "g6.12xlarge", "blockDeviceMappings": [{"deviceName": "/dev/sda1", "ebs": ebs}], "tags": {"Name": "x"}}
    return registration("aws:ec2/launchTemplate:LaunchTemplate", "nodes-template", {**inputs, **changes})


def group(**changes: Any) -> Registration:
    """As this project's program registers one: with the tag of its stack, created empty."""
    tags = [{"key": "inferstack:stack", "value": "demo", "propagateAtLaunch": False}]
    inputs = {"desiredCapacity": 0, "minSize": 0, "maxSize": 2, "launchTemplate": {"id": UNKNOWN, "version": UNKNOWN}, "tags": tags}
    return registration("aws:autoscaling/group:Group", "nodes", {**inputs, **changes}, launchTemplate=("urn:nodes-template",))


def endpoint(name: str = "ssm", **changes: Any) -> Registration:
    inputs = {"vpcEndpointType": "Interface", "serviceName": f"com.amazonaws.{REGION}.{name}", "subnetIds": [UNKNOWN, UNKNOWN]}
    return registration("aws:ec2/vpcEndpoint:VpcEndpoint", f"endpoint-{name}", {**inputs, **changes}, subnetIds=SUBNETS)


def cluster() -> tuple[Registration, ...]:
    return (
        registration("pulumi:pulumi:Stack", "inferstack-demo"),
        registration("pulumi:providers:aws", "aws", {"region": REGION}),
        registration("inferstack:cluster:Nodes", "nodes-component"),
        registration("aws:ec2/subnet:Subnet", "subnet-a"),
        registration("aws:ec2/subnet:Subnet", "subnet-b"),
        registration("aws:ec2/eip:Eip", "nat-address"),
        registration("aws:ec2/natGateway:NatGateway", "nat", {"connectivityType": "public", "subnetId": UNKNOWN}),
        endpoint(),
        registration("aws:ec2/vpcEndpoint:VpcEndpoint", "s3", {"vpcEndpointType": "Gateway"}),
        template(),
        group(),
        registration("aws:kms/key:Key", "key"),
        registration("aws:secretsmanager/secret:Secret", "api-key"),
        registration("aws:cloudwatch/logGroup:LogGroup", "logs", {"retentionInDays": 30}),
        registration("aws:s3/bucket:Bucket", "weights"),
        registration("aws:scheduler/schedule:Schedule", "reaper"),
        registration("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "https"),
        registration("aws:iam/role:Role", "node"),
    )
