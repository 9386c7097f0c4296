"""Service quotas of EC2's instance families. A fresh account would have 0 for GPUs; this one has values that let a rehearsal pass."""

from __future__ import annotations

import json
from typing import Any

from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.responses import ServiceQuotasResponse

from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.world import SandboxWorld

# Codes and names: guides of AWS, EC2 On-Demand quotas. Values in vCPUs.
EC2 = {
    "L-417A185B": ("Running On-Demand P instances", 1536.0),
    "L-DB2E81BA": ("Running On-Demand G and VT instances", 1536.0),
    "L-1216C47A": ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 1152.0),
    "L-1945791B": ("Running On-Demand Inf instances", 1536.0),
    "L-2C3B7624": ("Running On-Demand Trn instances", 1536.0),
    "L-6E869C2A": ("Running On-Demand DL instances", 1536.0),
}


def patches(world: SandboxWorld) -> list[Patch]:
    return [
        Patch(ServiceQuotasBackend, "get_service_quota", _with_ec2),
        Patch(ServiceQuotasResponse, "list_service_quotas", lambda _: _list),
        Patch(ServiceQuotasResponse, "get_aws_default_service_quota", lambda _: _default),
    ]


def _with_ec2(moto: Any) -> Any:
    def get_service_quota(self: ServiceQuotasBackend, service_code: str, quota_code: str) -> dict[str, Any]:
        if service_code == "ec2" and quota_code in EC2:
            return _quota(self.region_name, self.account_id, quota_code)
        return dict(moto(self, service_code, quota_code))

    return get_service_quota


def _list(self: ServiceQuotasResponse) -> str:
    asked = json.loads(self.body).get("ServiceCode")
    if asked != "ec2":
        return str(self.list_aws_default_service_quotas())
    return json.dumps({"Quotas": [_quota(self.region, self.current_account, code) for code in EC2]})


def _default(self: ServiceQuotasResponse) -> str:
    return str(self.get_service_quota())


def _quota(region: str, account_id: str, code: str) -> dict[str, Any]:
    name, value = EC2[code]
    return {
        "ServiceCode": "ec2",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaArn": f"arn:aws:servicequotas:{region}:{account_id}:ec2/{code}",
        "QuotaCode": code,
        "QuotaName": name,
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
