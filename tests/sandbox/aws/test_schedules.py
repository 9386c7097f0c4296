"""EventBridge schedules: what cannot work is refused when it is made, what can is called when the sandbox's clock passes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inferstack.sandbox.aws.gaps.scheduler import role_may
from inferstack.sandbox.aws.services.schedule_targets import ScheduleTarget
from inferstack.sandbox.aws.services.schedules import ScheduleClock, Schedules

DELETE = "arn:aws:scheduler:::aws-sdk:autoscaling:deleteAutoScalingGroup"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def role(client: Any, *, trust: dict[str, Any] = TRUST, action: str = "autoscaling:DeleteAutoScalingGroup") -> str:
    arn = client("iam").create_role(RoleName="reaper", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    allow = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": action, "Resource": "arn:aws:autoscaling:*:*:autoScalingGroup:*"}],
    }
    client("iam").put_role_policy(RoleName="reaper", PolicyName="p", PolicyDocument=json.dumps(allow))
    return str(arn)


def schedule(
    client: Any, role_arn: str, *, at: str = "at(2030-01-01T00:00:00)", arn: str = DELETE, content: Any = None, **target: Any
) -> None:
    text = json.dumps({"AutoScalingGroupName": "g", "ForceDelete": True} if content is None else content)
    client("scheduler").create_schedule(
        Name="reap",
        ScheduleExpression=at,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": role_arn, "Input": text, **target},
        ActionAfterCompletion="DELETE",
    )


class Calls:
    """Stands for our own door: remembers, and fails as often as told."""

    def __init__(self) -> None:
        self.made: list[tuple[str, ScheduleTarget]] = []
        self.failures = 0

    def __call__(self, region: str, target: ScheduleTarget) -> None:
        self.made.append((region, target))
        if self.failures:
            self.failures -= 1
            raise RuntimeError("throttled")


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def advanced(world: Any, calls: Calls) -> Callable[[float], list[str]]:
    """Advances the clock, lets due schedules fire, gives what was said."""
    clock, said = ScheduleClock(), []
    schedules = Schedules(world, clock, calls, may=lambda r, a: role_may(world.account_id, r, a), say=said.append)

    def advance(seconds: float) -> list[str]:
        clock.advance(seconds)
        schedules.step()
        return said

    return advance


def soon(seconds: float) -> str:
    return f"at({(datetime.now(UTC) + timedelta(seconds=seconds)):%Y-%m-%dT%H:%M:%S})"


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": "at(nonsense)"},
        {"at": "at(2030-13-01T00:00:00)"},
        {"at": "rate(5 minutes)"},
        {"arn": "arn:aws:scheduler:::aws-sdk:autoscaler:deleteAutoScalingGroup"},
        {"arn": "arn:aws:scheduler:::aws-sdk:autoscaling:removeGroup"},
        {"arn": "arn:aws:scheduler:::aws-sdk:autoscaling:describeAutoScalingGroups"},
        {"content": {"GroupName": "g"}},
        {"content": {"ForceDelete": True}},
    ],
)
def test_a_schedule_that_cannot_work_is_refused_when_it_is_made(filled_gap: Any, refusal: Any, wrong: dict[str, Any]) -> None:
    """A dead-man's switch with a typing error must not be found out on the day."""
    assert "ValidationException" == filled_gap(lambda client: (refusal(lambda: schedule(client, role(client), **wrong)) or [None])[0])


@pytest.mark.parametrize("missing", [True, False])
def test_a_role_that_the_scheduler_cannot_take_is_refused(filled_gap: Any, refusal: Any, missing: bool) -> None:
    """A role that is not there, or trusts somebody else."""

    def said(client: Any) -> Any:
        other = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
        }
        arn = f"arn:aws:iam::{'0' * 12}:role/none" if missing else role(client, trust=other)
        return refusal(lambda: schedule(client, arn))

    expected = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
    assert ("ValidationException", expected) == filled_gap(said)


def test_it_fires_when_the_clock_passes_it_and_is_then_gone(ours: Any, advanced: Any, calls: Calls) -> None:
    """Not before; once; with its input; and ActionAfterCompletion DELETE removes it."""
    schedule(ours, role(ours), at=soon(3600))
    advanced(3000)
    assert [] == calls.made
    said = advanced(700)
    expected = ScheduleTarget("autoscaling", "DeleteAutoScalingGroup", {"AutoScalingGroupName": "g", "ForceDelete": True})
    assert [("us-east-1", expected)] == calls.made
    assert ["schedule default/reap: autoscaling:DeleteAutoScalingGroup done"] == said
    assert [] == ours("scheduler").list_schedules()["Schedules"]
    advanced(700)
    assert 1 == len(calls.made)


def test_a_failed_call_is_retried_as_its_policy_says(ours: Any, advanced: Any, calls: Calls) -> None:
    """MaximumRetryAttempts bounds it, then it is given up and said."""
    calls.failures = 9
    schedule(ours, role(ours), at=soon(60), RetryPolicy={"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600})
    for _ in range(5):
        said = advanced(120)
    assert 3 == len(calls.made)
    assert said[-1] == "schedule default/reap: autoscaling:DeleteAutoScalingGroup given up after 3 attempts: RuntimeError: throttled"


def test_a_role_without_the_permission_does_not_delete(ours: Any, advanced: Any, calls: Calls) -> None:
    """The reaper's own policy is part of what a rehearsal rehearses."""
    schedule(ours, role(ours, action="autoscaling:SetDesiredCapacity"), at=soon(60))
    said = advanced(120)
    assert [] == calls.made
    assert "may not call autoscaling:DeleteAutoScalingGroup" in said[0]


def test_a_moved_schedule_fires_at_its_new_time_only(ours: Any, advanced: Any, calls: Calls) -> None:
    """`extend` moves the reaper."""
    arn = role(ours)
    schedule(ours, arn, at=soon(60))
    target = ours("scheduler").get_schedule(Name="reap")["Target"]
    ours("scheduler").update_schedule(
        Name="reap", ScheduleExpression=soon(7200), FlexibleTimeWindow={"Mode": "OFF"}, Target=target, ActionAfterCompletion="DELETE"
    )
    advanced(120)
    assert [] == calls.made
    advanced(7200)
    assert 1 == len(calls.made)
    assert [] == ours("scheduler").list_schedules()["Schedules"]
