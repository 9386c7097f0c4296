"""The types that our own components register are ones that the bill knows."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from inferstack.pricing.bill.bill import bill
from inferstack.records.files.facts import load
from inferstack.records.preview import BillLine
from tests.pricing.cluster import REGION, registration
from tools.reference import program

ROOT = Path(__file__).parents[2]
CALL = re.compile(r"\baws\.([a-z0-9_]+)\.([A-Z]\w+)\(")
OTHER = re.compile(r"\b(?:pulumi_aws|aws_native|CustomResource)\b")
COMPONENT = re.compile(r'"(inferstack:\w+:\w+)"')
NEW = ("aws:sagemaker/endpoint:Endpoint", "aws:ec2/fleet:Fleet", "aws:batch/computeEnvironment:ComputeEnvironment")


def sources() -> str:
    """The program's own modules; `paper.py` holds the stand-ins with which it runs without Pulumi."""
    files = (path for folder in ("infra", "stacks") for path in sorted((ROOT / folder).rglob("*.py")) if path.name != "paper.py")
    return "".join(path.read_text(encoding="utf-8") for path in files)


def resource_types(text: str) -> list[str]:
    classes = (getattr(importlib.import_module(f"pulumi_aws.{module}"), name) for module, name in sorted(set(CALL.findall(text))))
    return [one.pulumi_type for one in classes if hasattr(one, "pulumi_type")]


def unclassified(kinds: Iterable[str]) -> list[str]:
    """What has neither a price nor a reason of its own why it has none: also what is known to start instances and no more."""
    starts = set(load("pricing")["classes"]["starts_instances"].values())
    return [kind for kind in kinds if any("does not know" in line.note or line.note in starts for line in _lines(kind))]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_type_that_our_programs_register_is_classified() -> None:
    """A resource that is new in infra/ is new on the bill, with a price or with the reason why it has none."""
    types = resource_types(sources())
    assert len(types) > 20
    assert [] == unclassified(types)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", NEW)
def test_a_type_that_is_new_in_a_program_is_found_and_fails(kind: str) -> None:
    """The test above is not blind: a call of another class, added to the sources, is among the types, and nobody classified it."""
    module, name = kind.split(":")[1].split("/")[0], kind.rsplit(":", 1)[-1]
    assert [kind] == unclassified(resource_types(f'{sources()}\naws.{module}.{name}("new", tags=None)\n'))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_the_programs_register_is_what_their_sources_say() -> None:
    """Run on mocks they register no type that reading the sources would miss, and no resource is made past the typed classes."""
    run = {one.type for found in (program.base(), program.cluster()) for one in found.registrations if one.type.startswith("aws:")}
    assert len(run) > 20
    assert set() == run - set(resource_types(sources()))
    imports = [line for line in sources().splitlines() if OTHER.search(line)]
    assert {"import pulumi_aws as aws"} == {line.strip() for line in imports}


@pytest.mark.parametrize("kind", sorted(set(COMPONENT.findall(sources()))))
def test_a_component_costs_nothing_of_its_own(kind: str) -> None:
    """Its children are billed; billed itself it would be counted twice."""
    assert ["free"] == [line.bucket for line in _lines(kind)]


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("aws:sagemaker/endpointConfiguration:EndpointConfiguration", {"productionVariants": [{"instanceType": "ml.p5.48xlarge"}]}),
        ("aws:batch/computeEnvironment:ComputeEnvironment", {"computeResources": {"instanceTypes": ["optimal"]}}),
        ("aws:ec2/dedicatedHost:DedicatedHost", {"instanceFamily": "p5"}),
        ("aws:eks/nodeGroup:NodeGroup", {"instanceTypes": ["g6e.48xlarge", "c7i.8xlarge"]}),
        ("somebody:gpu/cluster:Cluster", {"workerInstanceType": "p6-b200.48xlarge"}),
    ],
)
def test_an_unknown_gpu_bearing_type_in_our_own_program_refuses_the_total(kind: str, inputs: dict[str, object]) -> None:
    """Beside a whole cluster that has its price, one such resource leaves no total."""
    whole = program.cluster().registrations
    found = bill([*whole, registration(kind, "new", inputs)], region=REGION, hours_until_expiry=4)
    assert None is not bill(whole, region=REGION, hours_until_expiry=4).usd_per_hour
    assert (None, None, None) == (found.usd_per_hour, found.usd_per_month, found.usd_until_expiry)
    assert str(found.refused).startswith(f"no total: {kind}::new may have a GPU")


def _lines(kind: str) -> tuple[BillLine, ...]:
    return bill([registration(kind, "one")], region=REGION, hours_until_expiry=None).lines
