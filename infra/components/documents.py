"""Policy documents as text, built from known names: an ARN that is an output would hide the whole document in a preview. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra import naming

Statement = dict[str, Any]
SSM_AGENT = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
]
NETWORK_ACTIONS = ["ec2:DeleteVpcEndpoints", "ec2:DeleteNatGateway", "ec2:ReleaseAddress"]
NETWORK_KINDS = ("vpc-endpoint", "natgateway", "elastic-ip")


@dataclass(frozen=True)
class Place:
    """What an ARN is made of."""

    region: str
    account_id: str

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"

    def boundary_arn(self, policy: str) -> str:
        return self.global_arn("iam", f"policy/{policy}")

    def global_arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}::{self.account_id}:{resource}"


def text(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, sort_keys=True)


def trust(service: str, *, conditions: Mapping[str, Any] | None = None) -> str:
    statement: Statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return text(statement | ({"Condition": dict(conditions)} if conditions else {}))


def scheduler_trust(place: Place, stack: str) -> str:
    """Only schedules of our own group may use the role."""
    group = place.arn("scheduler", f"schedule-group/{naming.schedule_group(stack)}")
    conditions = {"StringEquals": {"aws:SourceAccount": place.account_id, "aws:SourceArn": group}}
    return trust("scheduler.amazonaws.com", conditions=conditions)


def node(place: Place, stack: str, *, bucket: str, kms_key_arn: str) -> str:
    """The node's rights: be reached, read weights. Nothing of EC2."""
    decrypt = {"StringEquals": {"kms:ViaService": f"s3.{place.region}.amazonaws.com"}}
    return text(
        {"Sid": "Sessions", "Effect": "Allow", "Action": SSM_AGENT, "Resource": "*"},
        {"Sid": "Weights", "Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"},
        {"Sid": "WeightsKey", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": kms_key_arn, "Condition": decrypt},
    )


def reaper(place: Place, stack: str) -> str:
    """What the schedules may remove: the group by its name, the rest by the stack's tag."""
    group = place.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{naming.group(stack)}")
    ours = {"StringEquals": {f"aws:ResourceTag/{naming.STACK_TAG}": stack}}
    where = [place.arn("ec2", f"{kind}/*") for kind in NETWORK_KINDS]
    return text(
        {"Sid": "Nodes", "Effect": "Allow", "Action": "autoscaling:DeleteAutoScalingGroup", "Resource": group},
        {"Sid": "Network", "Effect": "Allow", "Action": NETWORK_ACTIONS, "Resource": where, "Condition": ours},
    )


def key(place: Place, base: str) -> str:
    """The account's own policies decide."""
    return text(
        {
            "Sid": "Account",
            "Effect": "Allow",
            "Principal": {"AWS": place.global_arn("iam", "root")},
            "Action": "kms:*",
            "Resource": "*",
        },
    )


def tls_only(bucket: str) -> str:
    return text(
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )


def boundary() -> str:
    """The most that any role of ours may do: what nodes and reapers of all stacks need. For every account and region."""
    ours = {f"aws:ResourceTag/{naming.STACK_TAG}": "*"}
    via_s3 = {"kms:ViaService": "s3.*.amazonaws.com"}
    groups = f"arn:aws:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/{naming.PROJECT}-*"
    return text(
        {"Sid": "Sessions", "Effect": "Allow", "Action": SSM_AGENT, "Resource": "*"},
        {"Sid": "Weights", "Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{naming.PROJECT}-*/*"},
        {
            "Sid": "WeightsKey",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": "arn:aws:kms:*:*:key/*",
            "Condition": {"StringLike": ours | via_s3},
        },
        {"Sid": "Nodes", "Effect": "Allow", "Action": "autoscaling:DeleteAutoScalingGroup", "Resource": groups},
        {
            "Sid": "Network",
            "Effect": "Allow",
            "Action": NETWORK_ACTIONS,
            "Resource": [f"arn:aws:ec2:*:*:{kind}/*" for kind in NETWORK_KINDS],
            "Condition": {"StringLike": ours},
        },
    )
