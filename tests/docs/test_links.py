"""A link in the documentation leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
ELSEWHERE = re.compile(r"[a-z]+:")


def documents() -> list[Path]:
    """All Markdown of the repository; nothing that tools make."""
    inside = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    return sorted(path for path in inside if not any(part.startswith(".") for part in path.parts))


def broken(document: Path) -> Iterator[str]:
    text = FENCE.sub("", (ROOT / document).read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if ELSEWHERE.match(target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            yield target


def anchors(file: Path) -> set[str]:
    """As GitHub makes them from headings."""
    heads = re.findall(r"^#+ (.*)$", FENCE.sub("", file.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("document", documents(), ids=str)
def test_every_relative_link_resolves(document: Path) -> None:
    """To a file or folder of the repository, and to a heading where one is named."""
    assert [] == list(broken(document))


def test_a_link_to_nothing_is_found(tmp_path: Path) -> None:
    """Inside code a link is text; a missing file and a missing heading are told."""
    (tmp_path / "a.md").write_text("# One two\n[x](b.md) [y](#one-two) [z](#three)\n```\n[q](c.md)\n```\n")
    assert ["b.md", "#three"] == list(broken(tmp_path / "a.md"))


def test_every_page_of_the_documentation_is_reachable() -> None:
    """From docs/README.md, by links."""
    seen, waiting = set(), [ROOT / "docs" / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        targets = (target.partition("#")[0] for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))))
        waiting += [(page.parent / target).resolve() for target in targets if target and not ELSEWHERE.match(target)]
    pages = {ROOT / path for path in documents() if path.parts[0] == "docs"}
    assert [] == sorted(str(path.relative_to(ROOT)) for path in pages - seen)
