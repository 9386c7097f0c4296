"""Security groups: a rule keeps its description whatever it refers to; moto keeps it for address ranges only."""

from __future__ import annotations

import inspect
from typing import Any

from moto.ec2.models.security_groups import SecurityGroupRule

from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.world import SandboxWorld


def patches(world: SandboxWorld) -> list[Patch]:
    return [Patch(SecurityGroupRule, "__init__", _keeping), Patch(SecurityGroupRule, "description", lambda _: property(_description))]


def _keeping(moto: Any) -> Any:
    def __init__(self: SecurityGroupRule, *args: Any, **kwargs: Any) -> None:
        moto(self, *args, **kwargs)
        given = inspect.signature(moto).bind(self, *args, **kwargs).arguments.get("prefix_list_id")
        self.of_prefix_list = (given or {}).get("Description")

    return __init__


def _description(self: Any) -> str | None:
    return self.ip_range.get("Description") or self.source_group.get("Description") or getattr(self, "of_prefix_list", None)
