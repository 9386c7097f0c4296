"""IAM: simulate_principal_policy over a role's inline and attached policies; moto has no simulation."""

from __future__ import annotations

import json
from typing import Any

from moto.core.responses import ActionResult
from moto.iam.models import IAMBackend
from moto.iam.responses import IamResponse

from sandbox.aws import policies
from sandbox.aws.gaps.patch import Patch
from sandbox.aws.world import World

DECISIONS = {"deny": "explicitDeny", "allow": "allowed", "nothing": "implicitDeny"}


def patches(world: World) -> list[Patch]:
    return [Patch(IamResponse, "simulate_principal_policy", lambda _: _simulate)]


def documents_of_role(backend: IAMBackend, name: str) -> list[dict[str, Any]]:
    role: Any = backend.get_role(name)
    inline = [json.loads(text) for text in role.policies.values()]
    attached = [json.loads(next(v.document for v in policy.versions if v.is_default)) for policy in role.managed_policies.values()]
    return inline + attached


def _simulate(self: Any) -> ActionResult:
    """A user of the sandbox (who is whoever started it) may do everything."""
    arn = str(self._get_param("PolicySourceArn"))
    name = arn.rsplit("/", 1)[-1]
    everything = [{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}]
    documents = documents_of_role(self.backend, name) if ":role/" in arn else everything
    extra = [json.loads(text) for text in self._get_param("PolicyInputList") or []]
    context = {e["ContextKeyName"]: str((e.get("ContextKeyValues") or [""])[0]) for e in self._get_param("ContextEntries") or []}
    results = [
        _result([*documents, *extra], action, resource, context)
        for action in self._get_param("ActionNames") or []
        for resource in self._get_param("ResourceArns") or ["*"]
    ]
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})


def _result(documents: list[dict[str, Any]], action: str, resource: str, context: dict[str, str]) -> dict[str, Any]:
    said = policies.says(documents, action, resource, context=context)
    return {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": DECISIONS[said], "MatchedStatements": []}
