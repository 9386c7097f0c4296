"""Every row of the tables of refusals and quotas: each code has its kind and its next step, each family its quota."""

from __future__ import annotations

import itertools

import pytest

from infra.calls import quotas, refusals
from infra.calls.quotas import Quota

CODES = {
    "quota": {
        "VcpuLimitExceeded", "InstanceLimitExceeded", "MaxSpotInstanceCountExceeded", "LimitExceeded", "LimitExceededException",
        "ServiceQuotaExceededException", "ResourceLimitExceeded", "VolumeLimitExceeded", "TooManyBuckets", "AddressLimitExceeded",
        "VpcLimitExceeded", "NatGatewayLimitExceeded", "InternetGatewayLimitExceeded", "SecurityGroupLimitExceeded",
    },
    "capacity": {
        "InsufficientInstanceCapacity", "InsufficientCapacity", "InsufficientHostCapacity", "InsufficientReservedInstanceCapacity",
        "ReservationCapacityExceeded", "InsufficientFreeAddressesInSubnet", "UnfulfillableCapacity",
    },
    "permission": {
        "UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "UnauthorizedAccess", "NotAuthorized", "Forbidden", "AuthFailure",
        "InvalidClientTokenId", "ExpiredToken", "ExpiredTokenException", "SignatureDoesNotMatch", "OptInRequired",
        "UnrecognizedClientException", "InvalidAccessKeyId", "KMSAccessDeniedException", "UnauthorizedException",
    },
    "throttled": {
        "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "SlowDown", "RequestThrottled",
        "RequestThrottledException", "PriorRequestNotComplete", "EC2ThrottledException",
    },
    "unsupported": {
        "Unsupported", "UnsupportedOperation", "InvalidInstanceType", "UnsupportedHostConfiguration", "InvalidAMIID.NotFound",
    },
}  # fmt: skip
STEPS = {
    "quota": "request-service-quota-increase",
    "capacity": "or type (plan --instance-type)",
    "permission": "the identity lacks the action: add it to the identity",
    "throttled": "wait a minute",
    "unsupported": "--region",
}
IDENTITY = {
    "AuthFailure", "InvalidClientTokenId", "ExpiredToken", "ExpiredTokenException", "SignatureDoesNotMatch", "InvalidAccessKeyId",
    "UnrecognizedClientException",
}  # fmt: skip
ROWS = [(kind, code) for kind, codes in CODES.items() for code in sorted(codes)]


@pytest.mark.parametrize(("kind", "code"), ROWS)
def test_each_code_of_the_table_has_its_kind_and_its_step(kind: str, code: str) -> None:
    """Alone, and found in a sentence; the kind leads the line, the code is not lost."""
    error = refusals.explained(code, "said AWS.")
    assert (kind, f"{kind}: {code}: said AWS") == (error.kind, error.message)
    assert ("aws sso login" if code in IDENTITY else STEPS[kind]) in error.hint
    assert code == refusals.code_in(f"creating it: api error {code}: said AWS")
    assert kind == refusals.explained_text(f"creating it: api error {code}: said AWS").kind


def test_the_table_holds_these_codes_and_no_code_twice() -> None:
    """A code that is added is added here too."""
    assert CODES == {kind: codes for codes, kind in refusals.TABLE}
    assert IDENTITY == refusals.IDENTITY
    assert all(not one & other for one, other in itertools.combinations(CODES.values(), 2))


def test_a_code_that_nobody_knows_is_told_as_it_is() -> None:
    """With the call, where it is known."""
    error = refusals.explained("Novelty", "said AWS", operation="ec2:RunInstances")
    assert ("other", "AWS refused ec2:RunInstances: Novelty: said AWS") == (error.kind, error.message)
    assert "AWS refused: Novelty: said AWS" == refusals.explained("Novelty", "said AWS").message
    assert "fix what the message names, then run the same command again" == error.hint


@pytest.mark.parametrize(
    ("sentence", "code"),
    [
        ("We currently do not have sufficient p5.48xlarge capacity in the zone", "InsufficientInstanceCapacity"),
        ("There is insufficient capacity", "InsufficientInstanceCapacity"),
        ("no Spot capacity available", "InsufficientInstanceCapacity"),
        ("There are not enough free addresses in subnet", "InsufficientFreeAddressesInSubnet"),
        ("You have requested more vCPU capacity than your current vCPU limit of 0", "VcpuLimitExceeded"),
        ("You have exceeded your\nregional quota", "LimitExceeded"),
        ("The quota for it was exceeded", "LimitExceeded"),
        ("The maximum number of addresses has been reached.", "LimitExceeded"),
        ("You are not authorized to perform this operation", "UnauthorizedOperation"),
        ("not authorized to use launch template", "UnauthorizedOperation"),
        ("The role is not authorized", "UnauthorizedOperation"),
        ("RATE EXCEEDED", "Throttling"),
        ("Request limit exceeded.", "Throttling"),
        ("Your instance type is not supported in your requested Availability Zone", "Unsupported"),
        ("The requested configuration is currently not supported", "Unsupported"),
        ("All is well", ""),
    ],
)
def test_each_sentence_of_auto_scaling_is_a_code(sentence: str, code: str) -> None:
    """In any case, over lines; a sentence that says none of it is none."""
    assert code == refusals.code_in(sentence)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ThrottlingException: slow", "ThrottlingException"),
        ("AccessDenied after Throttling", "AccessDenied"),
        ("NotUnsupportedHere", ""),
        ("is not authorized: Throttling", "Throttling"),
    ],
)
def test_the_first_whole_code_of_a_text_counts(text: str, code: str) -> None:
    """No part of a longer word, the earliest of several, and a code before a sentence."""
    assert code == refusals.code_in(text)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("NoCredentialsError", "permission"), ("TokenRetrievalError", "permission"), ("SSOError", "permission"),
        ("ProfileNotFound", "permission"), ("LoginRefreshRequired", "permission"),
        ("EndpointConnectionError", "timeout"), ("ReadTimeoutError", "timeout"), ("SSLError", "timeout"),
        ("ProxyConnectionError", "timeout"), ("ProxyError", "timeout"), ("HTTPClientError", "timeout"), ("InvalidRegionError", "other"),
    ],
)  # fmt: skip
def test_what_boto_could_not_ask_is_told_by_its_kind(kind: str, expected: str) -> None:
    """No identity, no way there, or a set-up that the doctor looks at."""
    words = {"permission": ("no usable AWS identity: said", "aws sso login"), "timeout": ("AWS cannot be reached: said", "HTTPS_PROXY")}
    message, hint = words.get(expected, ("AWS client: said", "inferstack doctor"))
    error = refusals.local(kind, "said.")
    assert (expected, message, True) == (error.kind, error.message, hint in error.hint)


def test_a_denied_call_names_what_is_missing_from_the_message_before_the_call() -> None:
    """The message says it exactly; else the call; else nothing is made up."""
    assert "the identity lacks ec2:A: " in refusals.explained("AccessDenied", "to perform: ec2:A on x", operation="ec2:B").hint
    assert "the identity lacks ec2:B: " in refusals.explained("AccessDenied", "no", operation="ec2:B").hint
    assert "the identity lacks the action: " in refusals.explained("AccessDenied", "no").hint


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("operation error Auto Scaling: CreateAutoScalingGroup, api error AccessDenied: no", "autoscaling:CreateAutoScalingGroup"),
        ("AccessDenied when calling the PutObject operation: no", "PutObject"),
        ("AccessDenied", "the action"),
    ],
)
def test_a_refused_call_is_read_from_the_text_of_a_provider(text: str, action: str) -> None:
    """Go's SDK names the service, boto3 the call alone."""
    assert f"the identity lacks {action}: " in refusals.explained_text(text).hint


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("VcpuLimitExceeded for the p5.48xlarge.", "L-417A185B"),
        ("VcpuLimitExceeded for g6.metal-48xl", "L-DB2E81BA"),
        ("VcpuLimitExceeded for m5.large", "L-1216C47A"),
        ("VcpuLimitExceeded for inf2.xlarge", "L-1945791B"),
    ],
)
def test_the_instance_type_of_a_text_leads_to_its_quota(text: str, code: str) -> None:
    """And one that the caller knows goes before it."""
    assert f"quota {code} (" in refusals.explained_text(text).hint
    assert "quota L-2C3B7624 (" in refusals.explained_text(text, instance_type="trn2.48xlarge").hint


def test_a_quota_without_a_known_code_has_the_general_step() -> None:
    """Neither the code nor the type says which it is."""
    for error in (refusals.explained("TooManyBuckets", "x"), refusals.explained("VcpuLimitExceeded", "x", instance_type="x2idn.16xlarge")):
        assert error.hint.startswith(
            "request an increase: aws service-quotas request-service-quota-increase (inferstack doctor names the quota)"
        )


@pytest.mark.parametrize(("length", "shown"), [(300, 300), (301, 300), (1000, 300)])
def test_a_message_is_one_line_of_at_most_three_hundred_signs(length: int, shown: int) -> None:
    """Longer ones end in three dots; blanks and the last full stop go."""
    message = refusals.local("InvalidRegionError", "x" * length).message.removeprefix("AWS client: ")
    assert (shown, length > 300) == (len(message), message.endswith("xxx..."))
    assert "AWS client: two lines" == refusals.local("InvalidRegionError", " two\n  lines. ").message


def test_a_code_that_the_message_names_is_not_said_twice() -> None:
    """It stands there already."""
    assert "capacity: InsufficientCapacity: none" == refusals.explained("InsufficientCapacity", "InsufficientCapacity: none").message
    assert "AWS refused: none" == refusals.explained("", "none").message


P, G = "Running On-Demand P instances", "Running On-Demand G and VT instances"
STANDARD = ("L-1216C47A", "ec2", "Running On-Demand Standard instances", "vCPUs")
FAMILIES = {
    "p5.48xlarge": ("L-417A185B", "ec2", P, "vCPUs"),
    "g6e.xlarge": ("L-DB2E81BA", "ec2", G, "vCPUs"),
    "vt1.3xlarge": ("L-DB2E81BA", "ec2", G, "vCPUs"),
    "gr6.4xlarge": ("L-DB2E81BA", "ec2", G, "vCPUs"),
    "trn2.48xlarge": ("L-2C3B7624", "ec2", "Running On-Demand Trn instances", "vCPUs"),
    "inf2.xlarge": ("L-1945791B", "ec2", "Running On-Demand Inf instances", "vCPUs"),
    "dl1.24xlarge": ("L-6E869C2A", "ec2", "Running On-Demand DL instances", "vCPUs"),
    **{f"{letter}5.large": STANDARD for letter in "acdhimrtz"},
    "im4gn.large": STANDARD,
    "x2idn.16xlarge": None, "u7i.metal": None, "hpc7a.96xlarge": STANDARD, "5.large": None, "p": None, "": None,
}  # fmt: skip


@pytest.mark.parametrize("kind", FAMILIES)
def test_each_family_counts_against_its_quota(kind: str) -> None:
    """The letters before the generation decide."""
    quota = quotas.on_demand(kind)
    assert FAMILIES[kind] == (quota and (quota.code, quota.service, quota.name, quota.unit))


OTHERS = {
    "AddressLimitExceeded": ("L-0263D0A3", "ec2", "EC2-VPC Elastic IPs", "addresses"),
    "VpcLimitExceeded": ("L-F678F1CE", "vpc", "VPCs per Region", "VPCs"),
    "NatGatewayLimitExceeded": ("L-FE5A380F", "vpc", "NAT gateways per Availability Zone", "gateways"),
    "InternetGatewayLimitExceeded": ("L-A4707A72", "vpc", "Internet gateways per Region", "gateways"),
    "SecurityGroupLimitExceeded": ("L-E79EC296", "vpc", "VPC security groups per Region", "groups"),
}


@pytest.mark.parametrize("code", OTHERS)
def test_each_other_quota_is_named_with_the_command_that_raises_it(code: str) -> None:
    """Whatever type the plan has, the code of the refusal decides."""
    number, service, name, unit = OTHERS[code]
    hint = refusals.explained(code, "too many", instance_type="p5.48xlarge", region="us-east-1").hint
    command = f"aws service-quotas request-service-quota-increase --service-code {service} --quota-code {number} --desired-value N"
    assert f"quota {number} ({name}, in {unit}): {command} --region us-east-1; or plan with another instance family" == hint


def test_the_quotas_hold_these_rows() -> None:
    """A family or a code that is added is added here too."""
    assert {"p", "g", "vt", "trn", "inf", "dl", "gr"} == quotas.ON_DEMAND.keys()
    assert OTHERS.keys() == quotas.OTHERS.keys()
    assert set("acdhimrtz") == quotas.STANDARD_FAMILIES


@pytest.mark.parametrize(
    ("asked", "end"),
    [
        ({}, "--desired-value N"),
        ({"desired": 0}, "--desired-value 0"),
        ({"desired": 384, "region": "eu-west-1"}, "--desired-value 384 --region eu-west-1"),
    ],
)
def test_the_command_asks_for_what_is_needed(asked: dict[str, object], end: str) -> None:
    """As a number where it is known."""
    command = quotas.increase(quotas.STANDARD, **asked)
    assert f"aws service-quotas request-service-quota-increase --service-code ec2 --quota-code L-1216C47A {end}" == command


def test_a_quota_is_a_value() -> None:
    """Two families of one quota count together."""
    assert quotas.on_demand("g6.xlarge") == quotas.on_demand("vt1.3xlarge")
    assert 1 == len({Quota("a", "b", "c", "d"), Quota("a", "b", "c", "d")})
