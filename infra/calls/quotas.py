"""Which service quota an instance type counts against. Source: AWS Service Quotas, EC2 On-Demand instance limits (vCPUs)."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Quota:
    code: str
    service: str
    name: str
    unit: str


ON_DEMAND = {
    "p": Quota("L-417A185B", "ec2", "Running On-Demand P instances", "vCPUs"),
    "g": Quota("L-DB2E81BA", "ec2", "Running On-Demand G and VT instances", "vCPUs"),
    "vt": Quota("L-DB2E81BA", "ec2", "Running On-Demand G and VT instances", "vCPUs"),
    "trn": Quota("L-2C3B7624", "ec2", "Running On-Demand Trn instances", "vCPUs"),
    "inf": Quota("L-1945791B", "ec2", "Running On-Demand Inf instances", "vCPUs"),
    "dl": Quota("L-6E869C2A", "ec2", "Running On-Demand DL instances", "vCPUs"),
    "gr": Quota("L-DB2E81BA", "ec2", "Running On-Demand G and VT instances", "vCPUs"),
}
STANDARD = Quota("L-1216C47A", "ec2", "Running On-Demand Standard instances", "vCPUs")
STANDARD_FAMILIES = frozenset("acdhimrtz")

OTHERS = {
    "AddressLimitExceeded": Quota("L-0263D0A3", "ec2", "EC2-VPC Elastic IPs", "addresses"),
    "VpcLimitExceeded": Quota("L-F678F1CE", "vpc", "VPCs per Region", "VPCs"),
    "NatGatewayLimitExceeded": Quota("L-FE5A380F", "vpc", "NAT gateways per Availability Zone", "gateways"),
    "InternetGatewayLimitExceeded": Quota("L-A4707A72", "vpc", "Internet gateways per Region", "gateways"),
    "SecurityGroupLimitExceeded": Quota("L-E79EC296", "vpc", "VPC security groups per Region", "groups"),
}


def on_demand(instance_type: str) -> Quota | None:
    """Return the quota of a type, by the letters before the generation; None where no quota of that family is known."""
    match = re.match(r"([a-z]+)\d", instance_type)
    family = match.group(1) if match else ""
    if family in ON_DEMAND:
        return ON_DEMAND[family]
    return STANDARD if family[:1] in STANDARD_FAMILIES else None


def increase(quota: Quota, *, region: str | None = None, desired: int | None = None) -> str:
    """The command that asks AWS for more."""
    where = f" --region {region}" if region else ""
    value = desired if desired is not None else "N"
    return (
        f"aws service-quotas request-service-quota-increase --service-code {quota.service} --quota-code {quota.code} "
        f"--desired-value {value}{where}"
    )
