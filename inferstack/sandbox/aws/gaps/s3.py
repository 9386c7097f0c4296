"""S3: bucket policies are read with their conditions; our own doors count as secure transport, for they never leave this machine."""

from __future__ import annotations

import json
from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.rights import policies
from inferstack.sandbox.aws.world import SandboxWorld

RESULTS = {"deny": PermissionResult.DENIED, "allow": PermissionResult.PERMITTED, "nothing": PermissionResult.NEUTRAL}


def patches(world: SandboxWorld) -> list[Patch]:
    return [Patch(FakeBucket, "get_permission", lambda _: _reading(world))]


def _reading(world: SandboxWorld) -> Any:
    context = {
        "aws:SecureTransport": "true",
        "aws:PrincipalAccount": world.account_id,
        "aws:ResourceAccount": world.account_id,
        "s3:TlsVersion": "1.3",
    }

    def get_permission(self: Any, action: str, resource: str) -> PermissionResult:
        if self.policy is None:
            return PermissionResult.NEUTRAL
        said = policies.says([_for_everyone(json.loads(self.policy))], action, resource, context=context)
        return RESULTS[said]

    return get_permission


def _for_everyone(document: dict[str, Any]) -> dict[str, Any]:
    """Statements about everybody; moto does not know who calls."""
    statements = document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]
    return {"Statement": [s for s in statements if s.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})]}
