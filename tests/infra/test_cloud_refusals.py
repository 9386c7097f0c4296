"""A refusal is one line that tells quota, capacity, permission and throttling apart, and a hint that is a next step."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from inferstack.records.errors import CloudRefused, InputError
from infra.calls import quotas, refusals
from infra.calls.aws import Aws, refused


def test_a_quota_names_its_code_and_the_command_that_raises_it() -> None:
    """A p5 counts against the P quota: the hint can be copied into a shell."""
    error = refusals.explained("VcpuLimitExceeded", "You have requested more vCPU", instance_type="p5.48xlarge", region="us-east-1")
    assert "quota" == error.kind
    assert "L-417A185B" in error.hint
    assert "request-service-quota-increase --service-code ec2 --quota-code L-417A185B" in error.hint
    assert "--region us-east-1" in error.hint


@pytest.mark.parametrize(
    ("code", "kind", "word"),
    [
        ("InsufficientInstanceCapacity", "capacity", "another region"),
        ("UnauthorizedOperation", "permission", "policy"),
        ("RequestLimitExceeded", "throttled", "again"),
        ("Unsupported", "unsupported", "--region"),
        ("AddressLimitExceeded", "quota", "L-0263D0A3"),
        ("ExpiredToken", "permission", "sso login"),
    ],
)
def test_each_kind_has_its_own_next_step(code: str, kind: str, word: str) -> None:
    """The kind stands first in the line, the step in the hint."""
    error = refusals.explained(code, "said AWS")
    assert kind == error.kind
    assert error.message.startswith(f"{kind}: ")
    assert word in error.hint


def test_a_denied_call_names_the_action_that_is_missing() -> None:
    """AWS's sentence holds the IAM action; without it the name of the call stands in."""
    said = "User: arn:aws:iam::1:user/x is not authorized to perform: ec2:CreateLaunchTemplate on resource: *"
    assert "ec2:CreateLaunchTemplate" in refusals.explained("UnauthorizedOperation", said).hint
    assert "CreateLogGroup" in refusals.explained("AccessDenied", "denied", operation="CreateLogGroup").hint


def test_a_scaling_activity_is_told_apart_by_its_sentence() -> None:
    """Auto Scaling writes no code for a plain group."""
    capacity = (
        "We currently do not have sufficient p5.48xlarge capacity in the Availability Zone you requested (us-east-1a). "
        "Launching EC2 instance failed."
    )
    quota = (
        "You have requested more vCPU capacity than your current vCPU limit of 0 allows for the p5.48xlarge. Launching EC2 instance failed."
    )
    assert "capacity" == refusals.explained_text(capacity).kind
    assert "quota" == refusals.explained_text(quota, instance_type="p5.48xlarge").kind
    assert "L-417A185B" in refusals.explained_text(quota).hint or "p5.48xlarge" in quota


def test_a_provider_diagnostic_keeps_the_service_of_the_denied_call() -> None:
    """Go's SDK writes `operation error EC2: CreateLaunchTemplate`."""
    text = (
        "creating EC2 Launch Template: operation error EC2: CreateLaunchTemplate, https response error StatusCode: 403, "
        "api error UnauthorizedOperation: You are not authorized to perform this operation."
    )
    error = refusals.explained_text(text)
    assert ("permission", True) == (error.kind, "ec2:CreateLaunchTemplate" in error.hint)


def test_the_first_code_in_a_text_counts() -> None:
    """The cause stands before what follows from it."""
    assert "Throttling" == refusals.code_in("Throttling: Rate exceeded; then AccessDenied")
    assert "" == refusals.code_in("nothing of ours")


def test_botocore_errors_map_to_refusals_and_others_come_back() -> None:
    """A programming error must not be told as a refusal of the cloud."""
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")
    assert "permission" == refused(denied).kind
    assert "permission" == refused(NoCredentialsError()).kind
    assert "timeout" == refused(EndpointConnectionError(endpoint_url="http://127.0.0.1:1")).kind
    kept = CloudRefused("x")
    assert kept is refused(kept)
    with pytest.raises(ZeroDivisionError):
        refused(ZeroDivisionError())


def test_families_are_read_from_the_type_name() -> None:
    """The letters before the generation decide; an unknown family has no quota."""
    codes = {kind: quota.code if (quota := quotas.on_demand(kind)) else None for kind in ("p5.48xlarge", "g6e.xlarge", "trn2.48xlarge")}
    assert {"p5.48xlarge": "L-417A185B", "g6e.xlarge": "L-DB2E81BA", "trn2.48xlarge": "L-2C3B7624"} == codes
    assert "L-1216C47A" == getattr(quotas.on_demand("m7i.large"), "code", None)
    assert quotas.on_demand("x2idn.16xlarge") is None
    assert quotas.on_demand("nonsense") is None


def test_an_endpoint_outside_this_machine_is_refused() -> None:
    """An endpoint means rehearsal, and a rehearsal stays inside."""
    with pytest.raises(InputError, match="not an address of this machine"):
        Aws("us-east-1", endpoint_url="https://ec2.us-east-1.amazonaws.com")
    assert Aws("us-east-1", "mine", "http://127.0.0.1:1").profile is None
