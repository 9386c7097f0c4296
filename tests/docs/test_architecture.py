"""ARCHITECTURE.md: every path that it names is there, and it says where to begin for each kind of change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
CHANGES = re.findall(r"^\| (.+?) \| (.+) \|$", TEXT.partition("## To change something, open")[2], re.MULTILINE)[1:]
FOLDERS = ("sizing", "inferstack", "infra", "stacks", "playbooks", "tools", "docs", "tests")
ASKED = (
    "a GPU type", "an instance type", "an engine version's default", "an engine", "an attention kind", "a GGUF type", "a price line",
    "a region", "a verb", "a flag of the request", "a preflight check", "a policy", "a resource type", "an error's wording",
    "how TTFT is computed", "a chart", "a load shape", "a role", "a control of money or life", "a fault of the rehearsal",
)  # fmt: skip


def test_each_kind_of_change_has_a_place_to_begin() -> None:
    """The twenty requests that a newcomer makes, at least."""
    assert set(ASKED) <= {change for change, _ in CHANGES}


@pytest.mark.parametrize("path", sorted({p for p in re.findall(r"`([\w./<>*-]+)`", TEXT) if p.partition("/")[0] in FOLDERS and "/" in p}))
def test_every_path_is_there(path: str) -> None:
    """`<name>` stands for any file of that folder."""
    pattern = re.sub(r"<\w+>", "*", path).rstrip("/")
    assert list(ROOT.glob(pattern)), path
