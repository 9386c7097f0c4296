"""The types that our own components register are ones that the bill knows."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from pricing.bill import bill
from tests.pricing.cluster import REGION, registration

ROOT = Path(__file__).parents[2]
CALL = re.compile(r"\baws\.([a-z0-9_]+)\.([A-Z]\w+)\(")
COMPONENT = re.compile(r'"(inferstack:\w+:\w+)"')


def sources() -> str:
    return "".join(path.read_text(encoding="utf-8") for folder in ("infra", "stacks") for path in sorted((ROOT / folder).rglob("*.py")))


def resource_types() -> list[str]:
    classes = (getattr(importlib.import_module(f"pulumi_aws.{module}"), name) for module, name in sorted(set(CALL.findall(sources()))))
    return [one.pulumi_type for one in classes if hasattr(one, "pulumi_type")]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_type_that_our_programs_register_is_classified() -> None:
    """A resource that is new in infra/ is new on the bill, with a price or with the reason why it has none."""
    types = resource_types()
    assert len(types) > 20
    unknown = [kind for kind in types if any("does not know" in line.note for line in _lines(kind))]
    assert [] == unknown


@pytest.mark.parametrize("kind", sorted(set(COMPONENT.findall(sources()))))
def test_a_component_costs_nothing_of_its_own(kind: str) -> None:
    """Its children are billed; billed itself it would be counted twice."""
    assert ["free"] == [line.bucket for line in _lines(kind)]


def _lines(kind: str) -> tuple:  # type: ignore[type-arg]
    return bill([registration(kind, "one")], region=REGION, hours_until_expiry=None).lines
