"""Cases from vendors' examples, public logs and reports: what holds today goes on holding. `make field` says kind by kind what does not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Coverage that is not there yet; `make field` shows these as failed.
NOT_YET = {"b5-gemma4-31b"}


def test_every_case_of_the_field_holds_but_those_of_coverage() -> None:
    """Each case was written by somebody else: a figure that moves away from it is a fault here, never there."""
    command = [sys.executable, "tests/field/run.py", "--python", sys.executable, "--project", "."]

    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False).stdout

    failed = {one for row in told.splitlines() if "shown only" not in row for one in _failed(row)}
    assert NOT_YET == failed, told
    assert re.search(r"field: \d+ of \d+ hold", told), told


def _failed(row: str) -> list[str]:
    """The ids at the end of a row: group, kind, how many passed and failed, then those that failed."""
    found = re.match(r"(?:sizing|explain|bills) .*?\s+\d+\s+\d+  (\S.*)$", row)
    return found[1].split(", ") if found else []
