"""What the caller of a rehearsal may: every call is held against the published policies of the operator, as IAM would hold it.

Rights of nodes and of schedules are judged elsewhere (node_rights.py, schedules.py), against the roles that they have.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from inferstack.records.errors import InputError
from inferstack.sandbox.aws.faults import denied
from inferstack.sandbox.aws.front.answers import Refusal
from inferstack.sandbox.aws.front.calls import Call
from inferstack.sandbox.aws.rights import policies, request_rights, resource_context
from inferstack.sandbox.aws.rights.request_rights import CallRequest, RightsQuestion

SETTING = "INFERSTACK_CALLER_POLICIES"
PUBLISHED = Path(__file__).parents[1] / "published"
DOCUMENTS = ("inferstack-operator", "inferstack-resources", "inferstack-prices")
CALLER = "rehearsal"
# Tags at creation need the right to tag as well.
TAGGING = {
    "autoscaling:CreateAutoScalingGroup": "autoscaling:CreateOrUpdateTags",
    "budgets:ModifyBudget": "budgets:TagResource",
    "iam:CreateInstanceProfile": "iam:TagInstanceProfile",
    "iam:CreateRole": "iam:TagRole",
    "kms:CreateKey": "kms:TagResource",
    "logs:CreateLogGroup": "logs:TagResource",
    "scheduler:CreateScheduleGroup": "scheduler:TagResource",
    "secretsmanager:CreateSecret": "secretsmanager:TagResource",
}
KEY_OF_SECRETS = {
    "secretsmanager:CreateSecret": ("kms:GenerateDataKey", "kms:Decrypt"),
    "secretsmanager:PutSecretValue": ("kms:GenerateDataKey", "kms:Decrypt"),
    "secretsmanager:GetSecretValue": ("kms:Decrypt",),
}


def documents(environment: Mapping[str, str] = os.environ) -> list[dict[str, Any]] | None:
    """The policies of the caller: the published ones, those of the files that are named, or None for "none". Raises InputError."""
    chosen = environment.get(SETTING) or ""
    if chosen == "none":
        return None
    paths = [Path(one) for one in chosen.split(",") if one] or [PUBLISHED / f"{name}.json" for name in DOCUMENTS]
    try:
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    except (OSError, ValueError) as error:
        raise InputError(f"{SETTING}: {error}", hint="allowed: none, or paths of policy documents, separated by commas") from None


class CallerRights:
    """Judges the calls of the person who rehearses; the embedded AWS's own calls come with another key, and are not asked."""

    def __init__(self, account_id: str, allowed: Sequence[Mapping[str, Any]], *, log: Path | None = None) -> None:
        """`log` gets each different question once: action, resource and context, one JSON object a line."""
        self._account_id = account_id
        self._allowed = allowed
        self._log = log
        self._asked: set[str] = set()

    def __call__(self, call: Call, environ: Mapping[str, Any], body: bytes) -> Refusal | None:
        for one in questions(request_rights.request(call, environ, body, self._account_id)):
            self._note(one)
            if policies.says(self._allowed, one.action, one.resource, context=one.context) != "allow":
                return denied(call, one.action, f"arn:aws:iam::{self._account_id}:user/{CALLER}", one.resource)
        return None

    def _note(self, one: RightsQuestion) -> None:
        line = json.dumps({"action": one.action, "resource": one.resource, "context": dict(one.context)}, sort_keys=True)
        if self._log is not None and line not in self._asked:
            self._asked.add(line)
            with self._log.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


def questions(request: CallRequest) -> Iterator[RightsQuestion]:
    """Everything that IAM is asked for one call: its own action on each resource, then what AWS does in the caller's name."""
    for action in request_rights.actions(request.call):
        yield from (found for found in request_rights.resources(request, action))
        yield from _tagging(request, action)
        yield from _handing_over(request, action)
        yield from _keys(request, action)
        yield from _launching(request, action)


def _tagging(request: CallRequest, action: str) -> Iterator[RightsQuestion]:
    for one in request_rights.resources(request, action):
        tags = {name: value for name, value in one.context.items() if name.startswith("aws:RequestTag/")}
        if not tags:
            return
        if action in TAGGING:
            resource = request.arn("kms", "key/new") if action == "kms:CreateKey" else one.resource
            yield RightsQuestion(TAGGING[action], resource, tags)
        elif action.startswith("ec2:") and action not in ("ec2:CreateTags", "ec2:DeleteTags") and one.resource.endswith("/new"):
            yield RightsQuestion("ec2:CreateTags", one.resource, tags | {"ec2:CreateAction": request.call.operation})


def _handing_over(request: CallRequest, action: str) -> Iterator[RightsQuestion]:
    """iam:PassRole, for the service that gets the role."""
    if action == "iam:AddRoleToInstanceProfile":
        role = request.arn("iam", f"role/{request.given.get('RoleName', '')}")
        yield RightsQuestion("iam:PassRole", role, {"iam:PassedToService": "ec2.amazonaws.com"})
    if action in ("scheduler:CreateSchedule", "scheduler:UpdateSchedule"):
        yield RightsQuestion("iam:PassRole", request.given.get("Target.RoleArn", ""), {"iam:PassedToService": "scheduler.amazonaws.com"})


def _keys(request: CallRequest, action: str) -> Iterator[RightsQuestion]:
    """A secret is encrypted with its key in the caller's name."""
    if action not in KEY_OF_SECRETS:
        return
    region, account = request.call.region, request.account_id
    key = request.given.get("KmsKeyId") or resource_context.secret_key(request.given.get("SecretId", ""), account, region)
    if not key:
        return
    arn = request.arn("kms", f"key/{resource_context.key_id(key, account, region)}")
    context = resource_context.context("kms", "key", arn, account, region, {}) | {
        "kms:ViaService": f"secretsmanager.{region}.amazonaws.com"
    }
    yield from (RightsQuestion(one, arn, context) for one in KEY_OF_SECRETS[action])


def _launching(request: CallRequest, action: str) -> Iterator[RightsQuestion]:
    """A group with a launch template starts instances from it: its caller must be allowed to, and to hand over the role."""
    given, region, account = request.given, request.call.region, request.account_id
    if action == "ec2:CreateVpcEndpoint" and given.get("PrivateDnsEnabled", "").lower() == "true":
        yield RightsQuestion("route53:AssociateVPCWithHostedZone", "arn:aws:route53:::hostedzone/new")
    named = given.get("LaunchTemplate.LaunchTemplateId") or given.get("LaunchTemplate.LaunchTemplateName")
    template = resource_context.launch_template(named, account, region) if named and action.startswith("autoscaling:") else None
    if template is None:
        return
    data = template.latest_version().data
    yield RightsQuestion(
        "ec2:RunInstances", request.arn("ec2", f"launch-template/{template.id}"), resource_context.ec2_tags(template.id, account, region)
    )
    for specification in data.get("TagSpecifications") or ():
        tags = {f"aws:RequestTag/{one['Key']}": one["Value"] for one in _pairs(specification)}
        yield RightsQuestion("ec2:RunInstances", request.arn("ec2", f"{specification['ResourceType']}/new"), tags)
    profile = data.get("IamInstanceProfile") or {}
    role = resource_context.instance_profile_role(str(profile.get("Arn") or profile.get("Name") or ""), account)
    if role:
        yield RightsQuestion("iam:PassRole", role, {"iam:PassedToService": "ec2.amazonaws.com"})


def _pairs(specification: Mapping[str, Any]) -> list[dict[str, str]]:
    held = specification.get("Tags") or specification.get("Tag") or []
    return [dict(one) for one in (held.values() if isinstance(held, dict) else held)]
