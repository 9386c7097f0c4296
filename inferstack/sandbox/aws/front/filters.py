"""Filters of EC2's describe calls: one that is not implemented here is refused. moto ignores some in silence and answers everything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from inferstack.sandbox.aws.front.answers import Refusal
from inferstack.sandbox.aws.front.calls import Call

TAG = "tag:"
IGNORED_BY_MOTO: Mapping[str, frozenset[str]] = {
    "DescribeAvailabilityZones": frozenset({"zone-id", "zone-type", "zone-name", "region-name", "state"}),
    "DescribeInstanceTypeOfferings": frozenset({"location", "instance-type"}),
    "DescribeManagedPrefixLists": frozenset({"owner-id", "prefix-list-id", "prefix-list-name", TAG}),
    "DescribeNatGateways": frozenset({"nat-gateway-id", "vpc-id", "subnet-id", "state", TAG, "tag-key"}),
    "DescribePrefixLists": frozenset({"prefix-list-id", "prefix-list-name"}),
    "DescribeSecurityGroupRules": frozenset({"group-id", "security-group-rule-id", TAG}),
    "DescribeTags": frozenset({"key", "value", "resource-id", "resource-type"}),
}
"""Calls of which moto 5.2.5 ignores, or fails on, a filter that it does not know, with the filters that it applies (`tag:` any tag)."""
REFUSED_BY_MOTO = frozenset(
    {
        "DescribeAddresses",
        "DescribeImages",
        "DescribeInstanceTypes",
        "DescribeInstances",
        "DescribeInternetGateways",
        "DescribeKeyPairs",
        "DescribeLaunchTemplates",
        "DescribeNetworkAcls",
        "DescribeNetworkInterfaces",
        "DescribeRouteTables",
        "DescribeSecurityGroups",
        "DescribeSnapshots",
        "DescribeSubnets",
        "DescribeVolumes",
        "DescribeVpcEndpointServices",
        "DescribeVpcEndpoints",
        "DescribeVpcs",
    }
)
"""Calls of which moto itself refuses a filter that it does not know."""


def refusal(call: Call, body: bytes) -> Refusal | None:
    """None where every filter of the call is applied. In a rehearsal an ignored filter would say of one stack what is another's."""
    if call.service != "ec2" or not call.operation.startswith("Describe") or call.operation in REFUSED_BY_MOTO:
        return None
    known = IGNORED_BY_MOTO.get(call.operation, frozenset())
    unknown = [name for name in _names(body) if name not in known and not (TAG in known and name.startswith(TAG))]
    if not unknown:
        return None
    has = ", ".join(f"{name}KEY" if name == TAG else name for name in sorted(known)) or "none"
    said = f"The filter '{unknown[0]}' is invalid: the embedded AWS does not implement it for {call.operation}; it has {has}"
    return Refusal("InvalidParameterValue", said)


def _names(body: bytes) -> list[str]:
    """Return the names of `Filter.1.Name=...`, as the query protocol of EC2 writes them."""
    return [value for key, value in parse_qsl(body.decode("utf-8", "replace")) if re.fullmatch(r"Filters?\.\d+\.Name", key)]
