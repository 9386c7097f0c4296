"""NAT gateways: filters by tag; moto ignores them and answers the gateways of every stack."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

from moto.ec2.models.nat_gateways import NatGatewayBackend

from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.world import SandboxWorld

TAG = "tag:"


def patches(world: SandboxWorld) -> list[Patch]:
    return [Patch(NatGatewayBackend, "describe_nat_gateways", _by_tag)]


def _by_tag(moto: Any) -> Any:
    def describe_nat_gateways(self: Any, filters: Mapping[str, Sequence[str]] | None, nat_gateway_ids: list[str] | None) -> list[Any]:
        return [one for one in moto(self, filters, nat_gateway_ids) if _has(one, filters or {})]

    return describe_nat_gateways


def _has(gateway: Any, filters: Mapping[str, Sequence[str]]) -> bool:
    tags = {str(tag["key"]): str(tag["value"]) for tag in gateway.get_tags()}
    for name, values in filters.items():
        if name == "tag-key" and not any(fnmatch.fnmatchcase(key, value) for key in tags for value in values):
            return False
        key = name.removeprefix(TAG)
        if name.startswith(TAG) and (key not in tags or not any(fnmatch.fnmatchcase(tags[key], value) for value in values)):
            return False
    return True
