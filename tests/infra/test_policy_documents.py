"""Every policy document that the project builds or publishes, held against AWS's authorization data and against attempts to escape."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from inferstack.sandbox.aws.rights import policies
from infra.components import documents
from infra.components.documents import Place

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT / "inferstack/sandbox/aws/recorded/authorization.json"
PLACE = Place("us-east-1", "000000000000")
BUILT = {
    "node": lambda: documents.node(PLACE, "x", bucket="inferstack-x-base-weights", kms_key_arn=PLACE.arn("kms", "key/1")),
    "reaper": lambda: documents.reaper(PLACE, "x"),
    "boundary": documents.boundary,
    "key": lambda: documents.key(PLACE, "x-base"),
    "tls_only": lambda: documents.tls_only("inferstack-x-base-weights"),
}
PUBLISHED = sorted((ROOT / "inferstack/sandbox/aws/published").glob("*.json"))
# Not of who may do what: the form of a text, and who may take a role (sts:AssumeRole has no resource in a trust document).
NO_POLICIES = {"text", "trust", "scheduler_trust"}
# Keys that AWS knows for every action, or that the extract leaves out.
GLOBAL_KEYS = ("aws:SecureTransport", "aws:Source", "aws:Principal", "kms:EncryptionContext:")
BOUNDARY = "arn:aws:iam::000000000000:policy/inferstack-boundary"
OURS = {"aws:ResourceTag/inferstack:stack": "x", "aws:RequestTag/inferstack:stack": "x"}


@cache
def data() -> dict[str, Any]:
    return dict(json.loads(RECORDED.read_text(encoding="utf-8"))["services"])


def every_document() -> dict[str, dict[str, Any]]:
    built = {name: json.loads(make()) for name, make in BUILT.items()}
    return built | {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in PUBLISHED}


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, document in every_document().items():
        for one in document["Statement"]:
            yield f"{name}/{one.get('Sid', '-')}", one


def actions(statement: dict[str, Any]) -> list[str]:
    """Patterns resolved to the actions that AWS's data knows."""
    found = []
    for pattern in _list(statement["Action"]):
        service, _, name = pattern.partition(":")
        matching = [one for one in data()[service]["actions"] if policies._any_like(name, one)]
        assert matching, f"AWS knows no action {pattern}"
        found += [f"{service}:{one}" for one in matching]
    return found


def kinds(action: str) -> dict[str, list[str]]:
    """Resource types of an action, without the star of the required ones; "" holds what every type knows."""
    service, _, name = action.partition(":")
    return {kind.rstrip("*"): keys for kind, keys in data()[service]["actions"][name].items()}


def overlap(one: str, other: str) -> bool:
    """Whether two patterns with stars have a text in common."""
    if not one or not other:
        return set(one + other) <= {"*"}
    if "*" in (one[0], other[0]):
        longer, star = (other, one) if one[0] == "*" else (one, other)
        return overlap(star[1:], longer) or overlap(star, longer[1:])
    return one[0] == other[0] and overlap(one[1:], other[1:])


def of_arn(action: str, arn: str) -> list[str]:
    """The types of the action that the ARN may name."""
    service = action.partition(":")[0]
    known = data()[service]["resources"] | (data()["ec2"]["resources"] if service == "ssm" else {})
    return [kind for kind in kinds(action) if kind and overlap(_stars(known[kind]["arn"]), arn)]


def _stars(arn: str) -> str:
    import re

    return re.sub(r"\$\{[A-Za-z]+\}", "*", arn)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_no_document_of_the_program_is_missing_here() -> None:
    """A new function of infra/components/documents.py that answers a policy must be held against AWS's data too."""
    made = {name for name, one in inspect.getmembers(documents, inspect.isfunction) if one.__module__ == documents.__name__}
    assert made - NO_POLICIES == set(BUILT)
    assert {"inferstack-boundary", "inferstack-operator", "inferstack-prices", "inferstack-resources"} == {one.stem for one in PUBLISHED}


@pytest.mark.parametrize(("where", "statement"), [pytest.param(*one, id=one[0]) for one in statements()])
def test_a_narrowed_action_knows_the_resources_it_is_narrowed_to(where: str, statement: dict[str, Any]) -> None:
    """An action without a resource type is allowed on * only: narrowed, AWS denies it always."""
    arns = _list(statement["Resource"])
    if arns == ["*"] or "Principal" in statement:
        assert actions(statement)
        return
    idle = set(arns)
    for action in actions(statement):
        assert [kind for kind in kinds(action) if kind], f"{where}: {action} knows no resource; it must stand on *"
        matching = {arn for arn in arns if of_arn(action, arn)}
        assert matching, f"{where}: {action} knows none of {arns}"
        idle -= matching
    assert not idle, f"{where}: no action knows {idle}"


@pytest.mark.parametrize(("where", "statement"), [pytest.param(*one, id=one[0]) for one in statements() if one[1].get("Condition")])
def test_a_condition_asks_for_keys_that_the_action_carries(where: str, statement: dict[str, Any]) -> None:
    """Of an allowing statement: a key that a call never carries denies it always."""
    keys = [key for operator in statement["Condition"].values() for key in operator]
    for key in (one for one in keys if not one.startswith(GLOBAL_KEYS)):
        short = key.split("/")[0] + "/" if "/" in key else key
        for action in actions(statement):
            service = action.partition(":")[0]
            types = (
                {kind for arn in _list(statement["Resource"]) for kind in of_arn(action, arn)} if statement["Resource"] != "*" else set()
            )
            own = [held for kind in types if kind in data()[service]["resources"] for held in data()[service]["resources"][kind]["keys"]]
            known = [*own, *(held for kind, of in kinds(action).items() if kind in {"", *types} for held in of)]
            assert short in known, f"{where}: {action} carries no {key}"


def operator() -> list[dict[str, Any]]:
    return [
        json.loads(path.read_text(encoding="utf-8")) for path in PUBLISHED if path.stem in ("inferstack-operator", "inferstack-resources")
    ]


def allowed(action: str, resource: str, **context: str) -> bool:
    return policies.says(operator(), action, resource, context=context) == "allow"


def iam(kind: str, name: str) -> str:
    return f"arn:aws:iam::000000000000:{kind}/{name}"


def ec2(kind: str) -> str:
    return f"arn:aws:ec2:us-east-1:000000000000:{kind}/{kind}-1"


KEY = "arn:aws:kms:us-east-1:000000000000:key/1"
NODE, EC2_SERVICE = iam("role", "inferstack-x-node"), {"iam:PassedToService": "ec2.amazonaws.com"}
ESCAPES: list[tuple[str, str, dict[str, str]]] = [
    ("iam:CreateRole", NODE, {}),
    ("iam:CreateRole", NODE, {"iam:PermissionsBoundary": iam("policy", "mine")}),
    ("iam:PutRolePolicy", NODE, {}),
    ("iam:PutRolePolicy", iam("role", "inferstack-other-reaper"), {"iam:PermissionsBoundary": iam("policy", "AdministratorAccess")}),
    ("iam:UpdateAssumeRolePolicy", NODE, {}),
    ("iam:DeleteRolePolicy", iam("role", "inferstack-other-node"), {}),
    ("iam:DeleteRole", iam("role", "inferstack-other-node"), {}),
    ("iam:AttachRolePolicy", NODE, {"iam:PermissionsBoundary": BOUNDARY}),
    ("iam:DeleteRolePermissionsBoundary", NODE, {"iam:PermissionsBoundary": BOUNDARY}),
    ("iam:PutRolePermissionsBoundary", NODE, {"iam:PermissionsBoundary": BOUNDARY}),
    ("iam:CreatePolicyVersion", BOUNDARY, {}),
    ("iam:SetDefaultPolicyVersion", BOUNDARY, {}),
    ("iam:DeletePolicy", BOUNDARY, {}),
    ("iam:CreatePolicy", iam("policy", "inferstack-x"), {}),
    ("iam:CreateUser", iam("user", "inferstack-me"), {}),
    ("iam:CreateAccessKey", iam("user", "admin"), {}),
    ("iam:PassRole", iam("role", "admin"), EC2_SERVICE),
    ("iam:PassRole", iam("role", "inferstack-admin"), EC2_SERVICE),
    ("iam:PassRole", iam("role", "inferstack-x-reaper"), EC2_SERVICE),
    ("iam:PassRole", NODE, {"iam:PassedToService": "lambda.amazonaws.com"}),
    ("iam:AddRoleToInstanceProfile", iam("instance-profile", "theirs"), {}),
    ("ec2:CreateLaunchTemplate", ec2("launch-template"), {}),
    ("ec2:CreateLaunchTemplateVersion", ec2("launch-template"), {}),
    ("ec2:ModifyLaunchTemplate", ec2("launch-template"), {}),
    ("ec2:RunInstances", ec2("launch-template"), {}),
    ("ec2:RunInstances", ec2("instance"), {}),
    ("ec2:TerminateInstances", ec2("instance"), {}),
    ("ec2:DeleteVolume", ec2("volume"), {}),
    ("ec2:CreateTags", ec2("instance"), {"aws:RequestTag/inferstack:stack": "x"}),
    ("ec2:ModifyInstanceAttribute", ec2("instance"), OURS),
    ("ec2:AssociateIamInstanceProfile", ec2("instance"), OURS),
    ("ec2:AuthorizeSecurityGroupIngress", ec2("security-group"), {}),
    ("ec2:DeleteSubnet", ec2("subnet"), {}),
    ("kms:PutKeyPolicy", KEY, {}),
    ("kms:PutKeyPolicy", KEY, OURS),
    ("kms:CreateGrant", KEY, OURS),
    ("kms:ScheduleKeyDeletion", KEY, {}),
    ("kms:Decrypt", KEY, {"kms:ViaService": "s3.us-east-1.amazonaws.com"}),
    ("kms:Decrypt", KEY, OURS),
    ("kms:TagResource", KEY, {"aws:RequestTag/inferstack:stack": "x", "kms:ResourceAliases": "alias/theirs"}),
    ("kms:CreateAlias", KEY, {}),
    ("ssm:StartSession", ec2("instance"), {}),
    ("ssm:SendCommand", ec2("instance"), OURS),
    ("s3:GetObject", "arn:aws:s3:::theirs/x", {}),
    ("s3:PutBucketPolicy", "arn:aws:s3:::theirs", {}),
    ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:000000000000:secret:theirs-AbCdEf", {}),
    ("sts:AssumeRole", iam("role", "admin"), {}),
    ("lambda:CreateFunction", "arn:aws:lambda:us-east-1:000000000000:function:inferstack-x", {}),
]


@pytest.mark.parametrize(("action", "resource", "context"), ESCAPES)
def test_nobody_makes_more_of_the_operators_rights_than_they_say(action: str, resource: str, context: dict[str, str]) -> None:
    """Steps by which an operator becomes administrator, or reaches what is not inferstack's."""
    assert not allowed(action, resource, **context)


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("scheduler:ListSchedules", "*", {}),
        ("iam:CreateRole", NODE, {"iam:PermissionsBoundary": BOUNDARY}),
        ("iam:PassRole", NODE, EC2_SERVICE),
        ("ec2:CreateSubnet", ec2("subnet"), {"aws:RequestTag/inferstack:stack": "x"}),
        ("ec2:CreateSubnet", ec2("vpc"), {}),
        ("ec2:TerminateInstances", ec2("instance"), {"aws:ResourceTag/inferstack:stack": "x"}),
        ("ec2:CreateTags", ec2("instance"), {"ec2:CreateAction": "RunInstances"}),
        ("kms:TagResource", KEY, {"aws:RequestTag/inferstack:stack": "x"}),
        ("ssm:StartSession", ec2("instance"), {"ssm:resourceTag/inferstack:stack": "x"}),
    ],
)
def test_what_building_needs_is_allowed(action: str, resource: str, context: dict[str, str]) -> None:
    """The same evaluation, so that a policy of nothing does not pass for a safe one."""
    assert allowed(action, resource, **context)


@pytest.mark.parametrize("name", ["node", "reaper"])
def test_the_boundary_allows_what_our_roles_need(name: str) -> None:
    """Each action on its own resource; else nodes and reapers would be made and could do nothing."""
    context = {"aws:ResourceTag/inferstack:stack": "x", "kms:ViaService": "s3.us-east-1.amazonaws.com"}
    for statement in json.loads(BUILT[name]())["Statement"]:
        for action in _list(statement["Action"]):
            for arn in _list(statement["Resource"]):
                assert "allow" == policies.says([json.loads(documents.boundary())], action, arn.replace("*", "1"), context=context), action


def test_a_role_with_every_policy_stays_within_the_boundary() -> None:
    """The effective rights of a role are what both its policies and its boundary allow."""
    boundary = [json.loads(documents.boundary())]
    reach = {
        action
        for service in data()
        for name in data()[service]["actions"]
        if policies.on_something(boundary, action := f"{service}:{name}")
    }
    assert (
        set(documents.SSM_AGENT)
        | set(documents.NETWORK_ACTIONS)
        | {
            "autoscaling:DeleteAutoScalingGroup",
            "kms:Decrypt",
            "s3:GetObject",
        }
        == reach
    )
