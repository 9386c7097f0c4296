"""Each rule of the checks before `up`, at its boundary, against an AWS that answers from a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from inferstack.records.errors import CloudRefused
from inferstack.records.plan import Plan
from inferstack.records.settings import StackConfig
from infra import naming
from infra.calls import preflight
from infra.calls.preflight import PreflightFinding

PLAN = Plan.read(Path(__file__).parents[1] / "stacks" / "data" / "plan.json").replaced(instance_type="p5.48xlarge", instance_count=2)
ACCOUNT = "111122223333"
NEEDED = 2 * 192


class Cloud:
    """Answers of AWS by operation, an exception where it refuses; `asked` notes the arguments."""

    region = "us-east-1"

    def __init__(self, **answers: Any) -> None:
        self.answers, self.asked = answers, {}

    def client(self, service: str) -> Any:
        return self

    def account_id(self) -> str:
        return str(self._answer("account_id", {}))

    def can_paginate(self, operation: str) -> bool:
        return False

    def __getattr__(self, operation: str) -> Any:
        return lambda **asked: self._answer(operation, asked)

    def _answer(self, operation: str, asked: dict[str, Any]) -> Any:
        self.asked[operation] = asked
        answer = self.answers[operation]
        if isinstance(answer, Exception):
            raise answer
        return answer(**asked) if callable(answer) else answer


def denied(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "said AWS"}}, "Describe")


def config(**changes: Any) -> StackConfig:
    fixed = {"stack": "x", "kind": "cluster", "rehearsal": True, "region": "us-east-1", "account_id": ACCOUNT}
    of_cluster = {"plan": "plan.json", "base": "x-base", "expires_at": "2026-11-30T16:00:00Z", "ami_id": "ami-01", "ssh_public_key": "k"}
    return StackConfig.model_validate({**fixed, **of_cluster, **changes})


def tags(stack: str | None) -> list[dict[str, str]]:
    return [{"Key": naming.STACK_TAG, "Value": stack}] if stack else []


def instance(kind: str, stack: str | None = None) -> dict[str, Any]:
    return {"InstanceType": kind, "Tags": tags(stack)}


def offers(*zones: str) -> dict[str, Any]:
    return {"InstanceTypeOfferings": [{"Location": zone} for zone in zones]}


def sizes(InstanceTypes: list[str]) -> dict[str, Any]:
    """What AWS says of these types, and of no other."""
    known = {"p4d.24xlarge": 96, "p5.48xlarge": 192}
    return {"InstanceTypes": [{"InstanceType": kind, "VCpuInfo": {"DefaultVCpus": known[kind]}} for kind in InstanceTypes]}


def healthy(**changes: Any) -> Cloud:
    answers = {
        "account_id": ACCOUNT,
        "get_policy": {},
        "describe_instance_type_offerings": offers("us-east-1a"),
        "get_service_quota": {"Quota": {"Value": float(NEEDED)}},
        "describe_instances": {"Reservations": []},
        "describe_nat_gateways": {"NatGateways": []},
        "describe_vpc_endpoints": {"VpcEndpoints": []},
        "describe_instance_types": sizes,
    }
    return Cloud(**{**answers, **changes})


def found(cloud: Cloud, **changes: Any) -> list[tuple[str, str]]:
    return [(one.id, one.severity) for one in preflight.findings(cloud, config(**changes), PLAN)]


def test_nothing_is_found_where_all_is_well() -> None:
    """Identity, boundary, offering, quota and way out."""
    assert [] == found(healthy())


def test_every_finding_is_told_and_not_the_first_alone() -> None:
    """Somebody who mends one should know of the others."""
    cloud = healthy(account_id="999999999999", describe_instance_type_offerings=offers(), get_service_quota={"Quota": {"Value": 0.0}})
    assert [("identity", "error"), ("offered", "error"), ("within_quota", "error")] == found(cloud)


@pytest.mark.parametrize(
    ("operation", "rule"),
    [
        ("account_id", "identity"),
        ("get_policy", "bounded"),
        ("describe_instance_type_offerings", "offered"),
        ("get_service_quota", "within_quota"),
        ("describe_instances", "within_quota"),
        ("describe_vpc_endpoints", "one_way_out"),
        ("describe_nat_gateways", "one_way_out"),
    ],
)
def test_what_cannot_be_looked_at_is_a_warning(operation: str, rule: str) -> None:
    """It is unknown, which is neither well nor wrong; the other checks go on."""
    told = preflight.findings(healthy(**{operation: denied("AccessDenied")}), config(), PLAN)
    assert [(rule, "warning")] == [(one.id, one.severity) for one in told]
    assert f"could not check {rule.replace('_', ' ')}: permission: AccessDenied: said AWS" == told[0].message
    assert told[0].hint
    preflight.stop(told)


def test_a_fault_of_ours_is_no_warning() -> None:
    """Only what AWS refuses is unknown."""
    with pytest.raises(ZeroDivisionError):
        found(healthy(get_policy=ZeroDivisionError()))


def test_another_account_is_not_the_identity_of_the_stack() -> None:
    """Both accounts are named."""
    told = list(preflight.identity(healthy(account_id="999999999999"), config(), PLAN))
    assert [f"the stack belongs to account {ACCOUNT}, but this identity is in account 999999999999"] == [one.message for one in told]
    assert [] == list(preflight.identity(healthy(), config(), PLAN))


@pytest.mark.parametrize("code", ["NoSuchEntity", "NoSuchEntityException"])
def test_an_account_without_the_boundary_is_refused(code: str) -> None:
    """With the command that an administrator runs once."""
    told = list(preflight.bounded(healthy(get_policy=denied(code)), config(), PLAN))
    assert [("bounded", "error")] == [(one.id, one.severity) for one in told]
    assert f"account {ACCOUNT} has no policy {config().permissions_boundary}" in told[0].message
    assert preflight.BOUNDARY_FILE in told[0].hint
    assert (Path(__file__).parents[2] / preflight.BOUNDARY_FILE).is_file()


def test_the_zones_that_offer_a_type_are_named_once_in_their_order() -> None:
    """As AWS lists them by zone."""
    cloud = healthy(describe_instance_type_offerings=offers("us-east-1d", "us-east-1a", "us-east-1d"))
    assert ("us-east-1a", "us-east-1d") == preflight.offering(cloud, "p5.48xlarge")
    asked = cloud.asked["describe_instance_type_offerings"]
    assert {"LocationType": "availability-zone", "Filters": [{"Name": "instance-type", "Values": ["p5.48xlarge"]}]} == asked


def subnets(**zones: str) -> dict[str, Any]:
    return {"Subnets": [{"SubnetId": name.replace("_", "-"), "AvailabilityZone": zone} for name, zone in zones.items()]}


@pytest.mark.parametrize(
    ("there", "asked", "messages"),
    [
        (subnets(subnet_1="us-east-1a"), ("subnet-1",), []),
        (subnets(subnet_1="us-east-1a", subnet_2="us-east-1b"), ("subnet-1", "subnet-2"), []),
        (
            subnets(subnet_1="us-east-1c", subnet_2="us-east-1b"),
            ("subnet-1", "subnet-2"),
            ["unsupported: p5.48xlarge is offered in us-east-1a; the subnets are in us-east-1b, us-east-1c"],
        ),
        (subnets(subnet_1="us-east-1a"), ("subnet-9", "subnet-1", "subnet-3"), ["subnet subnet-3 is not in us-east-1 of this account"]),
        (subnets(), ("subnet-1",), ["subnet subnet-1 is not in us-east-1 of this account"]),
    ],
)
def test_a_subnet_in_a_zone_that_offers_the_type_is_needed(there: Any, asked: tuple[str, ...], messages: list[str]) -> None:
    """One is enough. A subnet that is not there is named alone: nothing can be said of its zone."""
    cloud = healthy(describe_subnets=there)
    assert messages == [one.message for one in preflight.offered(cloud, config(vpc_id="vpc-1", subnet_ids=asked), PLAN)]
    assert [{"Name": "subnet-id", "Values": list(asked)}] == cloud.asked["describe_subnets"]["Filters"]


def test_subnets_are_asked_for_in_a_network_of_others_alone() -> None:
    """Ours has one in every zone; a type that the region does not offer is refused once, and not by its subnets too."""
    assert [] == list(preflight.offered(healthy(), config(), PLAN))
    nowhere = healthy(describe_instance_type_offerings=offers())
    told = list(preflight.offered(nowhere, config(vpc_id="vpc-1", subnet_ids=("subnet-1",)), PLAN))
    assert ["unsupported: p5.48xlarge is not offered in us-east-1"] == [one.message for one in told]


@pytest.mark.parametrize(
    ("running", "allowed", "used"),
    [
        ([], NEEDED, None),
        ([], NEEDED - 1, 0),
        ([instance("p4d.24xlarge")], NEEDED + 96, None),
        ([instance("p4d.24xlarge")], NEEDED + 95, 96),
        ([instance("p4d.24xlarge"), instance("p4d.24xlarge", "other"), instance("p5.48xlarge")], NEEDED + 384, None),
        ([instance("p4d.24xlarge"), instance("p4d.24xlarge", "other"), instance("p5.48xlarge")], NEEDED + 383, 384),
        ([instance("p5.48xlarge", "x")], NEEDED, None),
        ([instance("g6.xlarge")], NEEDED, None),
    ],
)
def test_a_plan_within_its_quota_to_the_last_vcpu_is_allowed(running: list[Any], allowed: float, used: int | None) -> None:
    """All that runs of the family counts, less the stack's own nodes, which this plan replaces; one vCPU too many is refused."""
    reservations = {"Reservations": [{"Instances": [one]} for one in running]}
    cloud = healthy(get_service_quota={"Quota": {"Value": float(allowed)}}, describe_instances=reservations)
    told = list(preflight.within_quota(cloud, config(), PLAN))
    message = f"quota: Running On-Demand P instances (L-417A185B) allows {allowed} vCPUs, {used} run, the plan needs {NEEDED}"
    assert ([] if used is None else [message]) == [one.message for one in told]
    assert all(f"--desired-value {(used or 0) + NEEDED} --region us-east-1" in one.hint for one in told)
    assert {"ServiceCode": "ec2", "QuotaCode": "L-417A185B"} == cloud.asked["get_service_quota"]
    assert [{"Name": "instance-state-name", "Values": ["pending", "running"]}] == cloud.asked["describe_instances"]["Filters"]


def test_the_instances_of_one_reservation_all_count() -> None:
    """An Auto Scaling group starts several at once; each type is asked for once."""
    cloud = healthy(describe_instances={"Reservations": [{"Instances": [instance("p4d.24xlarge"), instance("p4d.24xlarge")]}]})
    told = list(preflight.within_quota(cloud, config(), PLAN))
    assert 1 == len(told)
    assert "192 run" in told[0].message
    assert {"InstanceTypes": ["p4d.24xlarge"]} == cloud.asked["describe_instance_types"]


def test_where_nothing_runs_no_type_is_asked_for() -> None:
    """AWS would answer with all of them."""
    cloud = healthy()
    assert [] == list(preflight.within_quota(cloud, config(), PLAN))
    assert "describe_instance_types" not in cloud.asked


def test_a_type_without_a_known_quota_is_a_warning() -> None:
    """Somebody has to look; nothing is asked of AWS."""
    told = list(preflight.within_quota(Cloud(), config(), PLAN.replaced(instance_type="x2idn.16xlarge")))
    assert [("warning", "the quota of x2idn.16xlarge is unknown")] == [(one.severity, one.message) for one in told]


def gateway(stack: str | None, state: str) -> dict[str, Any]:
    return {"describe_nat_gateways": {"NatGateways": [{"State": state, "Tags": tags(stack)}]}}


def endpoint(stack: str | None, state: str, *, kind: str = "Interface", private: bool = True) -> dict[str, Any]:
    one = {"State": state, "Tags": tags(stack), "VpcEndpointType": kind, "PrivateDnsEnabled": private}
    return {"describe_vpc_endpoints": {"VpcEndpoints": [one]}}


TAKEN_ROUTE = "base x-base already routes through the NAT gateway of stack other"
TAKEN_NAMES = "base x-base already has the endpoints of stack other"


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (gateway("other", "available"), TAKEN_ROUTE),
        (gateway("other", "pending"), TAKEN_ROUTE),
        (gateway("other", "deleted"), None),
        (gateway("other", "failed"), None),
        (gateway("x", "available"), None),
        (gateway(None, "available"), None),
        (endpoint("other", "available"), TAKEN_NAMES),
        (endpoint("other", "Pending"), TAKEN_NAMES),
        (endpoint("other", "deleting"), None),
        (endpoint("x", "available"), None),
        (endpoint("other", "available", kind="Gateway"), None),
        (endpoint("other", "available", private=False), None),
    ],
)
def test_a_base_has_one_way_out(answers: Any, message: str | None) -> None:
    """What another stack has there, and what will be there soon; not what is gone, nobody's, or in nobody's way."""
    told = list(preflight.one_way_out(healthy(**answers), config(egress="nat"), PLAN))
    assert ([message] if message else []) == [one.message for one in told]
    assert all("inferstack down --stack other, or run up with another --base" == one.hint for one in told)


def test_one_way_out_is_told_once() -> None:
    """A gateway and endpoints of one stack are one finding, and so are two gateways."""
    cloud = healthy(**gateway("other", "available"), **endpoint("other", "available"))
    assert [TAKEN_ROUTE] == [one.message for one in preflight.one_way_out(cloud, config(egress="nat"), PLAN)]
    assert [{"Name": f"tag:{naming.BASE_TAG}", "Values": ["x-base"]}] == cloud.asked["describe_nat_gateways"]["Filters"]


@pytest.mark.parametrize("changes", [{"kind": "base", "base": None, "plan": None}, {"vpc_id": "vpc-1", "subnet_ids": ("subnet-1",)}])
def test_a_base_and_a_network_of_others_are_not_asked_for_their_way_out(changes: dict[str, Any]) -> None:
    """A base has none, and in a network of others there is nothing of ours to clash with."""
    other = config(**changes) if "vpc_id" in changes else config().model_copy(update=changes)
    assert [] == list(preflight.one_way_out(Cloud(), other, PLAN))


def test_gateways_are_looked_at_only_where_the_stack_makes_one() -> None:
    """Without NAT a gateway of somebody else is in nobody's way."""
    cloud = healthy(**gateway("other", "available"))
    assert [] == list(preflight.one_way_out(cloud, config(egress="none"), PLAN))


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ("identity", "permission"),
        ("bounded", "permission"),
        ("within_quota", "quota"),
        ("offered", "unsupported"),
        ("one_way_out", "unsupported"),
    ],
)
@pytest.mark.parametrize(("errors", "more"), [(1, ""), (2, " (1 more)"), (3, " (2 more)")])
def test_an_error_stops_with_its_kind_and_how_many_more(rule: str, kind: str, errors: int, more: str) -> None:
    """The first error is told; a warning before it does not stop and does not count."""
    warning = PreflightFinding("identity", "warning", "unknown")
    with pytest.raises(CloudRefused) as error:
        preflight.stop(
            (warning, PreflightFinding(rule, "error", "first", "do this"), *(PreflightFinding("offered", "error", "next"),) * (errors - 1))
        )
    assert (f"first{more}", kind, "do this") == (error.value.message, error.value.kind, error.value.hint)


def test_warnings_do_not_stop() -> None:
    """What is unknown is not refused; nor is a rule without its answer a failure of the network."""
    preflight.stop((PreflightFinding("identity", "warning", "unknown"),))
    cloud = healthy(get_service_quota=EndpointConnectionError(endpoint_url="http://127.0.0.1:1"))
    assert [("within_quota", "warning")] == found(cloud)


def test_a_finding_is_a_value() -> None:
    """Equal findings are one."""
    assert 1 == len({PreflightFinding("a", "error", "b"), PreflightFinding("a", "error", "b")})
