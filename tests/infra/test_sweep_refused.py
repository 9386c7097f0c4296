"""A list call that AWS denies or throttles hides its own kind only: everything else goes, GPUs first, and the kind is unknown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from test_sweep import STACK, network, tags

from inferstack.records.outputs import RecordedId
from infra import naming
from infra.calls.aws import Aws
from infra.leftovers import sweep

DENIED, THROTTLED = "UnauthorizedOperation", "Throttling"
SERVICES = {"resource-groups-tagging-api": "resourcegroupstaggingapi"}
GROUP, INSTANCE = "aws:autoscaling/group:Group", "aws:ec2/instance:Instance"
# Every call by which the rows of the sweep look: a row that asks another one fails the test below that counts them.
LOOKS = (
    "autoscaling.DescribeAutoScalingGroups",
    "budgets.DescribeBudget",
    "ec2.DescribeAddresses",
    "ec2.DescribeInstances",
    "ec2.DescribeInternetGateways",
    "ec2.DescribeLaunchTemplates",
    "ec2.DescribeNatGateways",
    "ec2.DescribeNetworkInterfaces",
    "ec2.DescribeRouteTables",
    "ec2.DescribeSecurityGroupRules",
    "ec2.DescribeSecurityGroups",
    "ec2.DescribeSubnets",
    "ec2.DescribeVolumes",
    "ec2.DescribeVpcEndpoints",
    "ec2.DescribeVpcs",
    "iam.GetInstanceProfile",
    "iam.GetRole",
    "kms.DescribeKey",
    "kms.ListAliases",
    "kms.ListResourceTags",
    "logs.DescribeLogGroups",
    "logs.ListTagsForResource",
    "resourcegroupstaggingapi.GetResources",
    "s3.GetBucketTagging",
    "s3.HeadBucket",
    "s3.ListObjectsV2",
    "scheduler.ListScheduleGroups",
    "scheduler.ListSchedules",
    "scheduler.ListTagsForResource",
    "secretsmanager.ListSecrets",
    "sts.GetCallerIdentity",
)
# Refused, they hide nothing: a bucket without tags is found by its name, schedules go with their group, whose look then asks no more.
HIDES_NOTHING = ("s3.GetBucketTagging", "scheduler.ListSchedules")

QUICK = (
    "autoscaling.DescribeAutoScalingGroups",
    "ec2.DescribeInstances",
    "ec2.DescribeNatGateways",
    "scheduler.ListSchedules",
    "s3.HeadBucket",
    "sts.GetCallerIdentity",
)


@contextmanager
def answered(aws: Aws, ask: Callable[[str], str | None]) -> Iterator[None]:
    """Each call of each client is shown to `ask`, which may answer the code of a refusal."""

    def before(params: Any, model: Any, **_: Any) -> None:
        name = f"{SERVICES.get(model.service_model.service_name, model.service_model.service_name)}.{model.name}"
        code = ask(name)
        if code:
            raise ClientError({"Error": {"Code": code, "Message": f"not now: {code}"}}, model.name)

    clients = [aws.client(service) for service in dict.fromkeys(one.partition(".")[0] for one in LOOKS)]
    for client in clients:
        client.meta.events.register_first("before-parameter-build.*.*", before, unique_id="answered")
    try:
        yield
    finally:
        for client in clients:
            client.meta.events.unregister("before-parameter-build.*.*", unique_id="answered")


def furnish(aws: Aws) -> dict[str, str]:
    """Something of each kind that a stack and its base leave: a group with a node first of all."""
    network(aws)
    ec2, auto, iam = aws.client("ec2"), aws.client("autoscaling"), aws.client("iam")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    data = {"ImageId": image, "InstanceType": "g5.xlarge", "TagSpecifications": tags("instance")}
    ec2.create_launch_template(LaunchTemplateName=naming.group(STACK), LaunchTemplateData=data, TagSpecifications=tags("launch-template"))
    auto.create_auto_scaling_group(
        AutoScalingGroupName=naming.group(STACK),
        MinSize=0,
        MaxSize=2,
        DesiredCapacity=1,
        LaunchTemplate={"LaunchTemplateName": naming.group(STACK)},
        VPCZoneIdentifier=subnet,
    )
    aws.client("logs").create_log_group(logGroupName=naming.log_group(STACK))
    aws.client("secretsmanager").create_secret(Name=naming.api_key_secret(STACK), SecretString="x")
    aws.client("scheduler").create_schedule_group(Name=naming.schedule_group(STACK))
    iam.create_role(RoleName=naming.node_role(STACK), AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName=naming.node_role(STACK))
    aws.client("s3").create_bucket(Bucket=naming.bucket(STACK, account_id=aws.account_id(), region=aws.region))
    key = aws.client("kms").create_key(Tags=[{"TagKey": naming.STACK_TAG, "TagValue": STACK}])["KeyMetadata"]["KeyId"]
    aws.client("kms").create_alias(AliasName=naming.key_alias(STACK), TargetKeyId=key)
    return {"node": auto.describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"][0]["InstanceId"]}


def gpus(aws: Aws) -> list[str]:
    """Every instance that still runs, whoever asks."""
    reservations = aws.client("ec2").describe_instances()["Reservations"]
    return [one["InstanceId"] for each in reservations for one in each["Instances"] if one["State"]["Name"] in ("pending", "running")]


def cases() -> Iterator[Any]:
    """The whole table is a lane of its own (`make sweep-table` prints it); some of it is tried each time."""
    for code, quick in ((DENIED, QUICK), (THROTTLED, QUICK[:2])):
        for call in LOOKS:
            yield pytest.param(call, code, marks=() if call in quick else pytest.mark.e2e, id=f"{call}-{code}")


class Rounds:
    """A clock on which every pause of the sweep takes a second, so that a deadline is a number of rounds."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, _: float) -> None:
        self.now += 1.0


def swept(aws: Aws, node: str) -> sweep.SweepResult:
    """At most three rounds."""
    recorded, rounds = (RecordedId(type=INSTANCE, id=node, name=""),), Rounds()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sweep, "time", rounds)
        return sweep.sweep(aws, STACK, recorded, base=True, sleep=rounds.sleep, deadline_s=2.5)


def test_the_calls_that_look_are_the_ones_that_are_refused_below(aws: Aws) -> None:
    """So that no list call of a row is left untried."""
    furnish(aws)
    asked: set[str] = set()
    with answered(aws, lambda name: asked.add(name)):
        sweep.survey(aws, sweep.scope_of(aws, STACK), sweep.kinds(base=True))
    assert set(LOOKS) == asked


@pytest.mark.parametrize(("call", "code"), [*cases()])
def test_one_refused_look_leaves_no_gpu_and_hides_its_own_kind_alone(aws: Aws, call: str, code: str) -> None:
    """Whatever may not be listed, the group and its node go; what could be seen is deleted; the rest is unknown and therefore left."""
    node = furnish(aws)["node"]
    with answered(aws, lambda name: code if name == call else None):
        result = swept(aws, node)
    assert [] == gpus(aws)
    assert [] == aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    unknown = {one.type for one in result.unknown}
    assert bool(unknown) == (call not in HIDES_NOTHING)
    assert unknown >= {one.type for one in result.left}, "nothing that could be seen is left"
    assert all(code in one.note for one in result.unknown)
    kinds = ", ".join(kind.rpartition(":")[2] for kind in sorted(unknown)) or "-"
    print(f"\n| `{call}` | {code} | {len(gpus(aws))} | {len(result.deleted)} | {kinds} |")


def test_a_look_that_is_throttled_for_a_while_is_repeated(aws: Aws) -> None:
    """Until the deadline; then nothing is unknown."""
    node = furnish(aws)["node"]
    times = iter([THROTTLED] * 2)
    with answered(aws, lambda name: next(times, None) if name == "ec2.DescribeVolumes" else None):
        result = swept(aws, node)
    assert ((), ()) == (result.unknown, result.left)


def test_gpus_are_deleted_before_anything_else_is_looked_for(aws: Aws) -> None:
    """A slow or refused look at cheap things must not keep a GPU running."""
    node = furnish(aws)["node"]
    order: list[str] = []
    with answered(aws, lambda name: order.append(name)):
        swept(aws, node)
    assert order.index("autoscaling.DeleteAutoScalingGroup") < order.index("ec2.DescribeVolumes")


def test_the_page_has_a_row_for_every_refused_call_and_no_gpu_in_any() -> None:
    """A call that a row of the sweep asks newly is tried and written down: `make sweep-table`."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "sweep-table.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w.-]+)` \| (\w+) \| (\d+) \|", page, re.MULTILINE)
    assert [(call, code, "0") for code in (DENIED, THROTTLED) for call in LOOKS] == rows
