"""IAM: simulate_principal_policy over a role's policies, which moto has not; a permissions boundary must exist, and bounds."""

from __future__ import annotations

import json
from inspect import signature
from pathlib import Path
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.iam.exceptions import NotFoundException
from moto.iam.models import IAMBackend, iam_backends
from moto.iam.responses import IamResponse

from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.rights import policies
from inferstack.sandbox.aws.world import SandboxWorld

DECISIONS = {"deny": "explicitDeny", "allow": "allowed", "nothing": "implicitDeny"}


def patches(world: SandboxWorld) -> list[Patch]:
    return [
        Patch(IamResponse, "simulate_principal_policy", lambda _: _simulate),
        Patch(IamResponse, "update_role", lambda _: _update_role),
        Patch(IAMBackend, "create_role", _with_boundary_that_exists),
        Patch(IAMBackend, "put_role_permissions_boundary", _with_boundary_that_exists),
    ]


def _with_boundary_that_exists(moto: Any) -> Any:
    def made(self: IAMBackend, *args: Any, **given: Any) -> Any:
        wanted = signature(moto).bind(self, *args, **given).arguments.get("permissions_boundary")
        if wanted and wanted not in self.managed_policies:
            raise NotFoundException(f"Scope ARN: {wanted} does not exist or is not attachable.")
        return moto(self, *args, **given)

    return made


def _update_role(self: Any) -> EmptyResult:
    """What the call does not name stays; moto wipes the description and sets the session's length back."""
    role = self.backend.get_role(self._get_param("RoleName"))
    description, longest = self._get_param("Description"), self._get_param("MaxSessionDuration")
    if description is not None:
        role.description = description
    if longest is not None:
        role.max_session_duration = longest
    return EmptyResult()


def make_boundaries(account_id: str, folder: Path) -> None:
    """What an administrator of the account did before: the policies that bound roles exist."""
    backend = iam_backends[account_id]["aws"]
    for file in sorted(folder.glob("*-boundary.json")):
        if f"arn:aws:iam::{account_id}:policy/{file.stem}" not in backend.managed_policies:
            backend.create_policy(
                description="", path="/", policy_document=file.read_text(encoding="utf-8"), policy_name=file.stem, tags=[]
            )


def documents_of_role(backend: IAMBackend, name: str) -> list[dict[str, Any]]:
    role: Any = backend.get_role(name)
    inline = [json.loads(text) for text in role.policies.values()]
    attached = [json.loads(next(v.document for v in policy.versions if v.is_default)) for policy in role.managed_policies.values()]
    return inline + attached


def boundary_of_role(backend: IAMBackend, name: str) -> list[dict[str, Any]] | None:
    """The document that bounds a role, or None for a role without one."""
    arn = backend.get_role(name).permissions_boundary_arn
    policy: Any = backend.managed_policies.get(arn) if arn else None
    return None if policy is None else [json.loads(next(v.document for v in policy.versions if v.is_default))]


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
