"""A record is known by its fields, whatever its file is called, and a record of another kind is named and not read as a broken one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inferstack.records.errors import InputError
from inferstack.records.files import registry
from inferstack.records.measurement import Verdict
from inferstack.records.plan import Plan
from inferstack.records.record import Record
from inferstack.records.request import Request
from tests.bench.plans import NOW, measurement, plan

EXAMPLES: dict[str, dict[str, Any]] = {
    "plan.json": json.loads(plan().to_json()),
    "measurement.json": json.loads(measurement().to_json()),
    "verdict.json": json.loads(
        Verdict(created_at=NOW, stack="s", rehearsal=True, passed=True, statement="", findings=(), kind="prediction").to_json()
    ),
    "request.yaml": {"model": "m", "isl": 5},
    "fleet.yaml": {"models": [], "region": "us-east-1"},
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_record_is_known_by_its_fields(name: str) -> None:
    """With its optional fields or without."""
    found = registry.kind_of(EXAMPLES[name])
    assert found is not None and name == found.file_name


@pytest.mark.parametrize("content", [{}, {"schema_version": 1}, {"model": "m"}, {"model": "m", "surplus": 1}, {"steps": [], "config": {}}])
def test_what_is_no_record_is_known_as_none(content: dict[str, Any]) -> None:
    """One field says too little, an unknown one speaks against all."""
    assert registry.kind_of(content) is None


@pytest.mark.parametrize(
    ("given", "asked"), [(name, kind) for name in EXAMPLES for kind in (Plan, Request, Verdict) if name != kind.file_name]
)
def test_a_record_of_another_kind_is_named(given: str, asked: type[Record], tmp_path: Path) -> None:
    """One line says what the file holds and what was needed, in place of forty wrong fields."""
    path = tmp_path / "given.json"
    path.write_text(json.dumps(EXAMPLES[given]))
    with pytest.raises(InputError) as caught:
        asked.read(path)
    assert f"{path}: this is a {given}; a {asked.file_name} is needed" == caught.value.message


def test_a_broken_record_of_the_right_kind_still_names_its_field(tmp_path: Path) -> None:
    """A misspelt field makes no other record of it."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**EXAMPLES["plan.json"], "regoin": "x"}))
    with pytest.raises(InputError, match="regoin: unknown field; did you mean region"):
        Plan.read(path)
