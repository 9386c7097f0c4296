"""docs/adr/README.md: the decisions, by the titles of their files."""

from __future__ import annotations

import re
from pathlib import Path

from tools.reference.markdown import page

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "adr"
INTRODUCTION = (
    "Each decision is half a page: context, decision, consequences. A decision that no longer holds is not deleted; a later one says so.\n"
)


def text() -> str:
    return page("Decisions", INTRODUCTION, "\n".join(f"- [{title(path)}]({path.name})" for path in files()))


def files() -> list[Path]:
    return sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")


def title(path: Path) -> str:
    """`12. Egress is nat or none`, however the file writes its number."""
    first = path.read_text(encoding="utf-8").lstrip().splitlines()[0].removeprefix("# ").strip()
    return re.sub(r"^0*(\d+)[.:]?\s+", r"\1. ", first)
