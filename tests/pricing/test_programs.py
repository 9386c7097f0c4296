"""From the engine's own preview to registrations, and the mistakes of such a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inferstack.pricing.bill import programs
from inferstack.pricing.bill.bill import bill
from inferstack.records.errors import InputError
from tests.pricing.examples import example

DATA = Path(__file__).parent / "data" / "pulumi-preview.json"


def step(op: str, kind: str, name: str, inputs: dict[str, Any] | None = None, **dependencies: list[str]) -> dict[str, Any]:
    urn = f"urn:pulumi:x::p::{kind}::{name}"
    return {"op": op, "urn": urn, "newState": {"urn": urn, "type": kind, "inputs": inputs or {}, "propertyDependencies": dependencies}}


STACK = step("same", "pulumi:pulumi:Stack", "p-x")


def read(folder: Path, content: Any) -> programs.Program:
    path = folder / "preview.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return programs.read(path)


def test_a_replaced_resource_is_one_and_a_deleted_one_is_none(tmp_path: Path) -> None:
    """Three steps of one urn are one registration with its new inputs; what is only read belongs to somebody else."""
    steps = [
        STACK,
        step("create-replacement", "aws:ec2/eip:Eip", "a", {"new": 1}),
        step("replace", "aws:ec2/eip:Eip", "a", {"new": 1}),
        step("delete-replaced", "aws:ec2/eip:Eip", "a", {"old": 1}),
        {"op": "delete", "urn": "urn:b", "oldState": {"urn": "urn:b", "type": "aws:ec2/eip:Eip"}},
        step("read", "aws:ec2/vpc:Vpc", "theirs"),
    ]
    found = read(tmp_path, {"config": {"aws:region": "us-west-2"}, "steps": steps})
    assert [("p-x", {}), ("a", {"new": 1})] == [(one.name, one.inputs) for one in found.registrations]
    assert "us-west-2" == found.region


def test_the_region_is_that_of_the_only_provider_where_none_is_configured(tmp_path: Path) -> None:
    """Two providers of two regions leave it open: a guess would price the wrong one."""
    one, other = (step("same", "pulumi:providers:aws", name, {"region": name}) for name in ("us-east-1", "us-west-2"))
    assert "us-east-1" == read(tmp_path, {"steps": [STACK, one]}).region
    assert None is read(tmp_path, {"steps": [STACK, one, other]}).region


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "preview.json:1: not JSON"),
        ("{", "preview.json:1: not JSON"),
        ("[]", "contains no JSON object"),
        ({"a": 1}, "has neither steps (a Pulumi preview) nor resources"),
        ({"steps": {}}, "steps: must be a list"),
        ({"steps": [{}]}, "steps.0: has no op"),
        ({"steps": [{"op": "create", "newState": {"type": "x"}}]}, "steps.0.newState: has no urn or no type"),
        ({"steps": [step("create", "aws:ec2/eip:Eip", "a")]}, "contains only the changes"),
        ({"resources": [{"name": "x"}], "region": "us-east-1"}, "resources.0.type"),
        ({"resources": [], "region": "nowhere"}, "region"),
    ],
)
def test_a_file_that_is_neither_form_is_one_clear_line(tmp_path: Path, content: Any, said: str) -> None:
    """It names the file, the place and how to make it."""
    with pytest.raises(InputError) as error:
        read(tmp_path, content)
    assert said in error.value.message and "\n" not in error.value.message


def test_a_real_preview_of_the_engine_has_the_bill_of_the_program_itself() -> None:
    """One code path: what `pulumi preview --json --show-sames` wrote of the cluster stack costs what its registrations cost."""
    found, whole = programs.read(DATA), example("nat-usage")
    of_engine = bill(found.registrations, region=str(found.region), hours_until_expiry=None)
    assert pytest.approx(bill(whole.registrations, region=whole.region, hours_until_expiry=None).usd_per_hour) == of_engine.usd_per_hour
