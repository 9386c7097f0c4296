"""Faults: how a person writes them, and which call each concerns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inferstack.records.errors import InputError
from inferstack.sandbox.aws.fault_spec import FaultSpec
from inferstack.sandbox.aws.faults import ArmedFaults
from inferstack.sandbox.aws.front.calls import Call


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def faults(tmp_path: Path, slept: list[float]) -> ArmedFaults:
    return ArmedFaults(tmp_path, account_id="000000000000", sleep=slept.append)


def call(operation: str, *, service: str = "ec2", protocol: str = "ec2", text: str = "") -> Call:
    return Call(service, operation, "us-east-1", protocol, "rehearsal", f"{service}.{operation} {service}:{operation} {text}")


@pytest.mark.parametrize("text", ["SlowCreate", "Throttling@ec2", "ProviderKilled@aws:ec2/vpc:Vpc"])
def test_a_fault_reads_back_as_it_was_written(text: str) -> None:
    """NAME or NAME@resource."""
    assert text == str(FaultSpec.parse(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("InsufficientCapacity", "fault 'InsufficientCapacity' is not known; did you mean InsufficientInstanceCapacity?"),
        ("nonsense", "fault 'nonsense' is not known"),
        ("", "fault '' is not known"),
        ("SlowCreate@", "fault 'SlowCreate@': nothing stands after the @"),
    ],
)
def test_a_wrong_fault_names_the_allowed_ones(text: str, message: str) -> None:
    """Exit code 2 with one line."""
    with pytest.raises(InputError) as caught:
        FaultSpec.parse(text)
    assert message == caught.value.message
    assert "SlowCreate" in caught.value.hint


def test_only_a_matching_create_is_slow(faults: ArmedFaults, slept: list[float]) -> None:
    """Reads never wait."""
    faults.arm([FaultSpec.parse("SlowCreate@vpc")])
    asked = [call("CreateVpc"), call("DescribeVpcs"), call("CreateSubnet", text="no such word")]
    assert [None] * 3 == [faults.before(one) for one in asked]
    assert [5.0] == slept


def test_capacity_and_quota_leave_the_calls_of_auto_scaling_alone(faults: ArmedFaults) -> None:
    """A group's call succeeds; its launch fails, by group, type or zone."""
    faults.arm([FaultSpec.parse("VcpuLimitExceeded@p5.48xlarge")])
    assert faults.before(call("CreateAutoScalingGroup", service="autoscaling", protocol="query", text="p5.48xlarge")) is None
    refused = faults.launch_refusal("p5.48xlarge", "us-east-1a", "nodes")
    assert refused is not None
    assert "VcpuLimitExceeded" == refused.code
    assert refused.message.startswith("You have requested more vCPU capacity than your current vCPU limit of 0 allows")
    assert faults.launch_refusal("g6.xlarge", "us-east-1a", "nodes") is None


def test_a_fault_armed_twice_is_one(faults: ArmedFaults) -> None:
    """Repeating a flag changes nothing."""
    faults.arm([FaultSpec("SlowCreate"), FaultSpec("SlowCreate")])
    faults.arm([FaultSpec("SlowCreate")])
    assert (FaultSpec("SlowCreate"),) == faults.armed


@pytest.mark.parametrize(
    ("environ", "body", "expected"),
    [
        ({"HTTP_X_AMZ_TARGET": "TrentService.CreateKey"}, b"{}", ("kms", "CreateKey", "json")),
        ({"CONTENT_TYPE": "application/x-www-form-urlencoded"}, b"Action=CreateVpc&Version=1", ("ec2", "CreateVpc", "ec2")),
        ({"CONTENT_TYPE": "application/x-www-form-urlencoded"}, b"Action=CreateRole&Version=1", ("iam", "CreateRole", "query")),
        ({"REQUEST_METHOD": "POST", "PATH_INFO": "/schedules/reap"}, b"{}", ("scheduler", "CreateSchedule", "rest-json")),
        ({"REQUEST_METHOD": "PUT", "PATH_INFO": "/b/k/x"}, b"", ("s3", "PutObject", "rest-xml")),
        ({"REQUEST_METHOD": "PUT", "PATH_INFO": "/b/k", "QUERY_STRING": "partNumber=1&uploadId=u"}, b"", ("s3", "UploadPart", "rest-xml")),
        ({"REQUEST_METHOD": "GET", "PATH_INFO": "/b", "QUERY_STRING": "list-type=2"}, b"", ("s3", "ListObjectsV2", "rest-xml")),
        ({"REQUEST_METHOD": "PUT", "PATH_INFO": "/b", "QUERY_STRING": "policy"}, b"", ("s3", "PutBucketPolicy", "rest-xml")),
        ({"REQUEST_METHOD": "PUT", "PATH_INFO": "/b"}, b"", ("s3", "CreateBucket", "rest-xml")),
    ],
)
def test_a_request_is_told_by_what_aws_tells_it_by(environ: dict[str, Any], body: bytes, expected: tuple[str, str, str]) -> None:
    """Signature scope, target header, Action or route."""
    from inferstack.sandbox.aws.front.calls import identify

    scope = f"Credential=rehearsal/20261121/us-east-1/{expected[0]}/aws4_request, SignedHeaders=host"
    found = identify({"REQUEST_METHOD": "POST", "PATH_INFO": "/", "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 {scope}", **environ}, body)
    assert expected == (found.service, found.operation, found.protocol)


def test_a_launch_fault_of_one_stack_refuses_no_other_stacks_nodes(faults: ArmedFaults) -> None:
    """The group's name says whose launch it is; what nothing met is known to have met nothing."""
    fault = FaultSpec("InsufficientInstanceCapacity", "us-east-1a", "one")
    faults.arm([fault])
    assert faults.launch_refusal("g6.xlarge", "us-east-1a", "inferstack-two-nodes") is None
    assert not faults.has_met(fault)
    assert faults.launch_refusal("g6.xlarge", "us-east-1b", "inferstack-one-nodes") is None
    refused = faults.launch_refusal("g6.xlarge", "us-east-1a", "inferstack-one-nodes")
    assert (refused and refused.code, True) == ("InsufficientInstanceCapacity", faults.has_met(fault))
    faults.clear("two")
    assert (fault,) == faults.armed
