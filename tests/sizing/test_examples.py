"""examples/: the expected plans are what the planner gives."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from inferstack.records.files.facts import ROOT
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from sizing.planning import planner

EXAMPLES = sorted((ROOT / "examples").glob("*/request.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_gives_its_expected_plan(path: Path) -> None:
    """After a change of facts, prices or constants: python tools/write_examples.py, and read the diff."""
    expected = Plan.read(path.parent / "plan.json")
    assert expected.to_json() == planner.plan(Request.read(path), now=datetime(2026, 11, 23, tzinfo=UTC)).to_json()


def test_there_is_an_example() -> None:
    """An empty folder must not pass."""
    assert EXAMPLES
