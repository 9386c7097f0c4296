"""What is known before anything is made: where the type is offered, held against the subnets that are really used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from embedded_aws import Embedded

from inferstack.records.plan import Plan
from inferstack.records.settings import StackConfig
from infra.calls import preflight

PLAN = Plan.read(Path(__file__).parents[1] / "stacks" / "data" / "plan.json")


def plan(kind: str) -> Plan:
    return PLAN.replaced(instance_type=kind)


def config(**changes: Any) -> StackConfig:
    fixed = {"stack": "x", "kind": "cluster", "rehearsal": True, "region": "us-east-1", "account_id": "000000000000"}
    of_cluster = {"plan": "plan.json", "base": "x-base", "expires_at": "2026-11-30T16:00:00Z", "ami_id": "ami-01", "ssh_public_key": "k"}
    return StackConfig.model_validate({**fixed, **of_cluster, **changes})


def errors(embedded: Embedded, kind: str, **changes: Any) -> list[str]:
    found = preflight.findings(embedded.aws, config(**changes), plan(kind))
    return [one.message for one in found if one.severity == "error" and one.id == "offered"]


@pytest.mark.parametrize(("kind", "zones"), [("p6-b200.48xlarge", "ab"), ("p4de.24xlarge", "ad"), ("g7e.2xlarge", "bf")])
def test_an_adopted_network_without_a_zone_that_offers_the_type_is_refused(embedded: Embedded, kind: str, zones: str) -> None:
    """Offered somewhere in the region is not offered where the subnets lie."""
    found = errors(embedded, kind, vpc_id="vpc-01", subnet_ids=embedded.subnets(zones))
    assert 1 == len(found)
    assert found[0].startswith(f"unsupported: {kind} is offered in us-east-1")
    assert f"the subnets are in us-east-1{zones[0]}, us-east-1{zones[1]}" in found[0]


def test_one_subnet_in_a_zone_that_offers_the_type_is_enough(embedded: Embedded) -> None:
    """The group starts nodes there alone."""
    assert [] == errors(embedded, "p6-b200.48xlarge", vpc_id="vpc-01", subnet_ids=embedded.subnets("ac"))


def test_a_network_of_ours_has_every_zone_of_the_region(embedded: Embedded) -> None:
    """Its base makes a subnet in each, so a type that one zone offers can start."""
    assert [] == errors(embedded, "p6-b200.48xlarge")


def test_a_type_that_the_region_does_not_offer_is_refused(embedded: Embedded) -> None:
    """p5e is sold elsewhere."""
    assert ["unsupported: p5e.48xlarge is not offered in us-east-1"] == errors(embedded, "p5e.48xlarge")


def test_a_subnet_that_is_not_there_is_named(embedded: Embedded) -> None:
    """A setting of another account or region."""
    found = errors(embedded, "g6.xlarge", vpc_id="vpc-01", subnet_ids=[*embedded.subnets("a"), "subnet-0123"])
    assert ["subnet subnet-0123 is not in us-east-1 of this account"] == found


def test_the_subnets_that_were_built_are_looked_at_too(embedded: Embedded) -> None:
    """After the base is up its real subnets decide, whatever was expected of it."""
    found = tuple(preflight.placed(embedded.aws, plan("p6-b200.48xlarge"), embedded.subnets("ab")))
    assert ["error"] == [one.severity for one in found]


def tagged(kind: str, stack: str, base: str) -> list[dict[str, Any]]:
    return [
        {"ResourceType": kind, "Tags": [{"Key": "inferstack:stack", "Value": stack}, {"Key": "inferstack:base", "Value": base}]},
    ]


@pytest.mark.parametrize(("stack", "base", "refused"), [("other", "x-base", True), ("x", "x-base", False), ("other", "other-base", False)])
@pytest.mark.parametrize("egress", ["nat", "none"])
def test_two_clusters_on_one_base_are_refused(embedded: Embedded, egress: str, stack: str, base: str, refused: bool) -> None:
    """Their routes clash with NAT, the private names of their endpoints without; another base's are nobody's business here."""
    ec2 = embedded.aws.client("ec2")
    subnet = embedded.subnets("a")[0]
    vpc = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"]
    if egress == "nat":
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, TagSpecifications=tagged("natgateway", stack, base))
    else:
        service = {"ServiceName": "com.amazonaws.us-east-1.ssm", "VpcEndpointType": "Interface", "PrivateDnsEnabled": True}
        ec2.create_vpc_endpoint(VpcId=vpc, SubnetIds=[subnet], **service, TagSpecifications=tagged("vpc-endpoint", stack, base))
    found = list(preflight.one_way_out(embedded.aws, config(egress=egress), plan("g6.xlarge")))
    assert refused is bool(found)
    assert all("of stack other" in one.message for one in found)
