"""Where a resource lies decides its price: its own region, else its provider's, else the program's."""

from __future__ import annotations

from typing import Any

import pytest

from inferstack.pricing.bill import programs
from inferstack.pricing.bill.bill import UNKNOWN, bill
from inferstack.pricing.rates.rates import on_demand
from tests.pricing.cluster import registration

INSTANCE = "aws:ec2/instance:Instance"
PROVIDER = "pulumi:providers:aws"


def instance(kind: str = "p5.48xlarge", **inputs: Any) -> Any:
    return registration(INSTANCE, "one", {"instanceType": kind, "rootBlockDevice": {"volumeSize": 10, "volumeType": "gp3"}, **inputs})


def preview(*, config: str | None, providers: dict[str, str], own: str | None = None, by: str = "tokyo") -> programs.Program:
    """A preview of the engine with one instance, made by the provider `by`."""
    urn = f"urn:pulumi:dev::proj::{PROVIDER}::"
    states = [{"type": "pulumi:pulumi:Stack", "urn": "urn:pulumi:dev::proj::pulumi:pulumi:Stack::s", "custom": False}]
    states += [{"type": PROVIDER, "urn": urn + name, "custom": True, "inputs": {"region": region}} for name, region in providers.items()]
    inputs = {"instanceType": "p5.48xlarge", **({"region": own} if own else {})}
    states += [
        {"type": INSTANCE, "urn": f"urn:pulumi:dev::proj::{INSTANCE}::one", "custom": True, "inputs": inputs, "provider": f"{urn}{by}::id"}
    ]
    steps = [{"op": "create", "newState": state} for state in states]
    return programs.of_preview({"config": {"aws:region": config} if config else {}, "steps": steps}, where="preview.json")


def hourly(program: programs.Program, region: str | None = None) -> float:
    found = bill(program.registrations, region=region or str(program.region), hours_until_expiry=None)
    return next(line.usd_per_hour or 0.0 for line in found.lines if "instances" in line.component)


@pytest.mark.parametrize("region", ["ap-northeast-1", "eu-north-1", "us-west-2", "sa-east-1"])
def test_a_resource_is_priced_in_the_region_that_it_names(region: str) -> None:
    """And the line says where it lies; what has no price there is unpriced, never priced elsewhere."""
    found = bill([instance(region=region)], region="us-east-1", hours_until_expiry=None)
    line = next(line for line in found.lines if "instances" in line.component)
    rate = on_demand("p5.48xlarge", region)
    assert rate is not None and (rate.usd, region) == (line.usd_per_hour, line.region)
    storage = next(line for line in found.lines if "storage" in line.component)
    assert "unpriced" == storage.bucket and region in storage.note


@pytest.mark.parametrize(
    ("config", "providers", "own", "by", "region"),
    [
        ("us-east-1", {"tokyo": "ap-northeast-1", "default_7": "us-east-1"}, None, "tokyo", "ap-northeast-1"),
        ("us-east-1", {"tokyo": "ap-northeast-1", "default_7": "us-east-1"}, None, "default_7", "us-east-1"),
        ("us-east-1", {"tokyo": "ap-northeast-1"}, "eu-north-1", "tokyo", "eu-north-1"),
        (None, {"default_7": "us-west-2", "tokyo": "ap-northeast-1"}, None, "tokyo", "ap-northeast-1"),
        (None, {"default_7": "us-west-2", "tokyo": "ap-northeast-1"}, None, "default_7", "us-west-2"),
        (None, {"a": "us-west-2", "tokyo": "ap-northeast-1"}, None, "tokyo", "ap-northeast-1"),
    ],
)
def test_the_region_is_the_resources_then_its_providers(
    config: str | None, providers: dict[str, str], own: str | None, by: str, region: str
) -> None:
    """An explicit provider beside the default one is what several regions are written with."""
    rate = on_demand("p5.48xlarge", region)
    assert rate is not None and rate.usd == hourly(preview(config=config, providers=providers, own=own, by=by))


def test_a_region_of_the_command_line_is_that_of_what_names_none() -> None:
    """`--region` does not move what an explicit provider has fixed."""
    program = preview(config="us-east-1", providers={"tokyo": "ap-northeast-1", "default_7": "us-east-1"})
    assert pytest.approx(68.8, rel=1e-3) == hourly(program, "us-west-2")


def test_a_region_that_is_known_only_after_up_refuses_the_total() -> None:
    """Its price is that of a place that nobody knows."""
    found = bill([instance(region=UNKNOWN)], region="us-east-1", hours_until_expiry=None)
    assert "region is known only after up" in str(found.refused)


def test_a_component_of_another_package_costs_nothing_of_its_own() -> None:
    """Its children stand beside it in the preview."""
    states = [
        {"type": "pulumi:pulumi:Stack", "urn": "urn:pulumi:dev::proj::pulumi:pulumi:Stack::s", "custom": False},
        {
            "type": "eks:index:Cluster",
            "urn": "urn:pulumi:dev::proj::eks:index:Cluster::c",
            "custom": False,
            "inputs": {"instanceType": "p5.48xlarge"},
        },
    ]
    program = programs.of_preview(
        {"config": {"aws:region": "us-east-1"}, "steps": [{"op": "create", "newState": s} for s in states]}, where="x"
    )
    assert 0 == bill(program.registrations, region="us-east-1", hours_until_expiry=None).usd_per_hour


def test_a_provider_is_found_with_and_without_its_id() -> None:
    """The engine writes `urn::id`; a file by hand may leave the id out."""
    urn = f"urn:pulumi:dev::proj::{PROVIDER}::tokyo"
    states = [
        {"type": "pulumi:pulumi:Stack", "urn": "urn:pulumi:dev::proj::pulumi:pulumi:Stack::s", "custom": False},
        {"type": PROVIDER, "urn": urn, "custom": True, "inputs": {"region": "ap-northeast-1"}},
        {"type": INSTANCE, "urn": f"urn:pulumi:dev::proj::{INSTANCE}::one", "inputs": {"instanceType": "p5.48xlarge"}, "provider": urn},
    ]
    content = {"config": {"aws:region": "us-east-1"}, "steps": [{"op": "same", "newState": state} for state in states]}
    assert pytest.approx(68.8, rel=1e-3) == hourly(programs.of_preview(content, where="x"))
