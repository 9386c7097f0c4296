"""The caller of a rehearsal has the rights of the published policies: judged by call, resource and tags, and refused in AWS's words."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from inferstack.sandbox.aws.rights import caller_rights, policies, request_rights

DATA = Path(__file__).parent / "data" / "rights.jsonl"
STACK_TAG = [{"Key": "inferstack:stack", "Value": "x"}]
# Asked by no recorded call; each with the reason why it is allowed all the same.
NEVER_ASKED = json.loads((Path(__file__).parent / "data" / "never_asked.json").read_text(encoding="utf-8"))
Client = Callable[[str], Any]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Client]]:
    """Clients of the caller and of somebody who is not judged, on an embedded AWS that judges."""
    from moto.moto_api._internal.models import moto_api_backend

    from inferstack.sandbox.aws.embedded_aws import EmbeddedAws

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("INFERSTACK_HOSTS", "none")
        patched.delenv("INFERSTACK_CALLER_POLICIES")
        cloud = EmbeddedAws(tmp_path_factory.mktemp("sandbox"))
        moto_api_backend.reset()
        with cloud.served():
            url = cloud.info.endpoint_url
            yield (lambda service: _client(service, url, cloud.access_key)), (lambda service: _client(service, url, cloud.own_key))


def _client(service: str, url: str, key: str) -> Any:
    session = boto3.session.Session(aws_access_key_id=key, aws_secret_access_key=key, region_name="us-east-1")
    return session.client(service, endpoint_url=url)


def refused(call: Callable[[], Any]) -> str:
    """The message of a denial; empty where the call is allowed, whatever else is wrong with it."""
    try:
        call()
    except ClientError as error:
        told = error.response["Error"]
        return str(told["Message"]) if told["Code"] in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation") else ""
    return ""


def test_a_role_without_the_boundary_is_refused_and_the_refusal_names_it(judged: tuple[Client, Client]) -> None:
    """In AWS's words: who, which action, which resource."""
    iam = judged[0]("iam")
    trust = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
    made = {"RoleName": "inferstack-x-node", "AssumeRolePolicyDocument": trust}
    told = refused(lambda: iam.create_role(**made))
    assert (
        "user/rehearsal is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::000000000000:role/inferstack-x-node" in told
    )
    assert "" == refused(lambda: iam.create_role(**made, PermissionsBoundary="arn:aws:iam::000000000000:policy/inferstack-boundary"))
    everything = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    assert "" == refused(lambda: iam.put_role_policy(RoleName="inferstack-x-node", PolicyName="p", PolicyDocument=everything))
    assert "DeleteRolePermissionsBoundary" in refused(lambda: iam.delete_role_permissions_boundary(RoleName="inferstack-x-node"))


def test_a_boundary_that_does_not_exist_bounds_no_role(judged: tuple[Client, Client]) -> None:
    """AWS refuses it; moto takes any text."""
    iam = judged[1]("iam")
    with pytest.raises(ClientError, match="does not exist or is not attachable"):
        iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}", PermissionsBoundary="arn:aws:iam::000000000000:policy/none")


def test_the_role_of_another_without_a_boundary_is_not_changed(judged: tuple[Client, Client]) -> None:
    """Whatever its name."""
    judged[1]("iam").create_role(RoleName="inferstack-theirs-reaper", AssumeRolePolicyDocument="{}")
    iam = judged[0]("iam")
    assert "iam:PutRolePolicy" in refused(
        lambda: iam.put_role_policy(RoleName="inferstack-theirs-reaper", PolicyName="p", PolicyDocument="{}")
    )
    assert "iam:DeleteRole" in refused(lambda: iam.delete_role(RoleName="inferstack-theirs-reaper"))


def test_what_is_made_is_tagged_and_only_what_is_tagged_is_deleted(judged: tuple[Client, Client]) -> None:
    """By the tags of the request, and by those of the resource."""
    ec2, theirs = judged[0]("ec2"), judged[1]("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    assert "ec2:CreateVpc" in refused(lambda: ec2.create_vpc(CidrBlock="10.1.0.0/16"))
    tags = [{"ResourceType": "vpc", "Tags": STACK_TAG}]
    ours = ec2.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"]
    assert f"vpc/{theirs}" in refused(lambda: ec2.delete_vpc(VpcId=theirs))
    assert "ec2:CreateTags" in refused(lambda: ec2.create_tags(Resources=[theirs], Tags=STACK_TAG))
    assert "" == refused(lambda: ec2.delete_vpc(VpcId=ours))


def test_launch_templates_and_keys_of_others_are_not_touched(judged: tuple[Client, Client]) -> None:
    """Neither a new version of a template, nor a group that starts it, nor the policy of any key."""
    lt = judged[1]("ec2").create_launch_template(LaunchTemplateName="theirs", LaunchTemplateData={"InstanceType": "g5.xlarge"})
    template = lt["LaunchTemplate"]["LaunchTemplateId"]
    versions = {"LaunchTemplateId": template, "LaunchTemplateData": {"InstanceType": "p5.48xlarge"}}
    assert template in refused(lambda: judged[0]("ec2").create_launch_template_version(**versions))
    group = {"AutoScalingGroupName": "inferstack-x-nodes", "MinSize": 0, "MaxSize": 1, "AvailabilityZones": ["us-east-1a"]}
    launch = {"LaunchTemplate": {"LaunchTemplateId": template}}
    assert "ec2:RunInstances" in refused(lambda: judged[0]("autoscaling").create_auto_scaling_group(**group, **launch))
    key = judged[1]("kms").create_key()["KeyMetadata"]["KeyId"]
    assert "kms:ScheduleKeyDeletion" in refused(lambda: judged[0]("kms").schedule_key_deletion(KeyId=key))
    assert "kms:PutKeyPolicy" in refused(lambda: judged[0]("kms").put_key_policy(KeyId=key, PolicyName="default", Policy="{}"))


def test_schedules_of_a_group_can_be_listed(judged: tuple[Client, Client]) -> None:
    """The call knows no resource: narrowed to a group it would be denied always."""
    judged[1]("scheduler").create_schedule_group(Name="inferstack-x")
    assert "" == refused(lambda: judged[0]("scheduler").list_schedules(GroupName="inferstack-x"))


def test_another_policy_can_be_rehearsed(tmp_path: Path) -> None:
    """By its file; `none` allows everything; a file that is none is a mistake of the user."""
    from inferstack.records.errors import InputError

    file = tmp_path / "mine.json"
    file.write_text('{"Statement": []}')
    assert [{"Statement": []}] == caller_rights.documents({"INFERSTACK_CALLER_POLICIES": str(file)})
    assert caller_rights.documents({"INFERSTACK_CALLER_POLICIES": "none"}) is None
    with pytest.raises(InputError, match="INFERSTACK_CALLER_POLICIES"):
        caller_rights.documents({"INFERSTACK_CALLER_POLICIES": str(tmp_path / "missing")})


def recorded() -> list[request_rights.RightsQuestion]:
    """What whole rehearsals asked: plan, up, extend, bench and down, with their base."""
    lines = DATA.read_text(encoding="utf-8").splitlines()
    return [request_rights.RightsQuestion(one["action"], one["resource"], one["context"]) for one in map(json.loads, lines)]


def refusals(documents: list[dict[str, Any]]) -> set[str]:
    return {one.action for one in recorded() if policies.says(documents, one.action, one.resource, context=one.context) != "allow"}


def without(documents: list[dict[str, Any]], action: str) -> list[dict[str, Any]]:
    """The same policies; a pattern that held the action holds only what else was asked."""
    others = {one.action for one in recorded()} - {action}
    changed = copy.deepcopy(documents)
    for statement in (one for document in changed for one in document["Statement"]):
        held = [one for one in statement["Action"] if not fnmatchcase(action, one)]
        patterns = [one for one in statement["Action"] if fnmatchcase(action, one) and "*" in one]
        statement["Action"] = [*held, *sorted(one for one in others if any(fnmatchcase(one, each) for each in patterns))] or ["none:None"]
    return changed


def allowed_actions() -> list[str]:
    from tools.reference import permissions

    return sorted(permissions.reasons())


def test_whole_rehearsals_are_allowed() -> None:
    """No recorded question is refused by the policies as they are published now."""
    documents = caller_rights.documents({})
    assert documents is not None
    assert set() == refusals(documents)


def test_each_action_is_missed_when_it_is_taken_away() -> None:
    """One after the other: the recorded calls are refused, or the action stands in the list of those that no rehearsal asks."""
    documents = caller_rights.documents({})
    assert documents is not None
    missed = {action: action in refusals(without(documents, action)) for action in allowed_actions()}
    unmissed = {action for action, was in missed.items() if not was}
    assert set(NEVER_ASKED) == unmissed
    assert all(NEVER_ASKED.values())


CLIENT = re.compile(r"(\w+) = cloud\.client\(\"([a-z0-9-]+)\"\)|cloud\.client\(\"([a-z0-9-]+)\"\)\.(\w+)\(")


def _calls_of_the_provider() -> Iterator[tuple[str, str, str]]:
    """(file, service, operation) of each call that a resource type of the provider's makes, by boto3's own table of methods."""
    folder = Path(request_rights.__file__).parents[2] / "provider" / "resources"
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        services = {found[2] or found[3] for found in CLIENT.finditer(text)}
        words = set(re.findall(r"\.(\w+)\(", text))
        for service in sorted(services):
            methods = boto3.client(service, region_name="us-east-1").meta.method_to_api_mapping
            yield from ((path.name, service, methods[word]) for word in sorted(words & methods.keys()))


def test_every_call_of_the_provider_needs_an_action_that_aws_knows() -> None:
    """An operation whose action has another name is refused to everybody, whatever the policy allows: CreateNotification of budgets was."""
    known = {f"{prefix}:{name}" for prefix, actions in request_rights.authorization().items() for name in actions["actions"]}
    calls = list(_calls_of_the_provider())
    assert len(calls) > 100
    asked = {one: request_rights.actions(SimpleNamespace(service=one[1], operation=one[2])) for one in calls}  # type: ignore[arg-type]
    assert {} == {one: actions for one, actions in asked.items() if not set(actions) <= known}
