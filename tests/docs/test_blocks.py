"""What the documentation tells a reader to type works."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools.reference import pages
from tools.reference.pages import Block, PageCommand

ROOT = Path(__file__).resolve().parents[2]
PAGES = pages.pages(ROOT)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page_end_as_it_says(page: Path, tmp_path: Path) -> None:
    """Those that need no root, network or engine are run in order, in one folder, and print what stands under them (`make docs`)."""
    for one, done in pages.played(page, tmp_path):
        said = done.stdout + done.stderr
        assert one.exit_code == done.returncode, f"{page}:{one.line}: {one.text}\n{said}"
        assert not one.output.strip() or None is pages.missing(one.output, said), f"{page}:{one.line}: {one.text}: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    """Each block by itself."""
    for block in pages.blocks(page.read_text(encoding="utf-8")):
        if block.info[0] == "python":
            done = pages.run([sys.executable, "-c", block.body], tmp_path)
            assert 0 == done.returncode, f"{page}:{block.line}\n{done.stderr}"


def test_the_guides_hold_commands_that_are_run() -> None:
    """A convention that matches nothing would pass for ever."""
    found = [
        one
        for page in PAGES
        for block in pages.blocks(page.read_text(encoding="utf-8"))
        if block.info[0] == "console"
        for one in pages.commands(block)
    ]
    assert len([one for one in found if one.runnable]) > 10


def test_only_what_is_harmless_is_run() -> None:
    """Nothing that builds, removes, installs or reaches the network."""
    refused = (
        "inferstack up",
        "inferstack down --yes",
        "make demo",
        "sudo make system-packages",
        "inferstack plan --model x --rehearse",
        "make helpless",
    )
    assert [] == [text for text in refused if PageCommand(text, "", 0, 1).runnable]


def test_commands_and_codes_are_read_from_a_block() -> None:
    """A backslash joins lines; the code stands under `echo $?`."""
    block = Block(("console",), "$ inferstack plan \\\n  --model x\nError: no\n$ echo $?\n2\n$ make help\n", 7)
    expected = [PageCommand("inferstack plan   --model x", "Error: no\n", 2, 7), PageCommand("make help", "", 0, 7)]
    assert expected == pages.commands(block)


@pytest.mark.parametrize(
    ("expected", "holds"),
    [
        ("a 1\nb 2\nc 3\n", True), ("a 1\n...\nc 3\n", True), ("...\nb 2\n...\n", True), ("a ...\n...\n", True), ("a 1\nb 2\n", False),
        ("a 1\nc 3\n", False), ("...\nb 3\n...\n", False), ("c 3\n...\n", False), ("...\nc 3\n...\na 1\n...\n", False),
    ],
)  # fmt: skip
def test_what_a_page_shows_is_what_is_printed(expected: str, holds: bool) -> None:
    """In its order and at its place; `...` alone stands for lines, at the end of a line for its rest."""
    assert holds == (pages.missing(expected, "a 1\nb 2\nc 3\n") is None)


def test_a_page_is_written_anew_with_the_same_lines() -> None:
    """The cut stays, the figures are those of today; a line that is gone is left out."""
    old = "cost: $1.00 an hour\n...\nready: 7 min (3 to ...\ngone for ever\n"
    now = "cost: $2.00 an hour\nlicence: x\nready: 9 min (4 to 18) from up\nNext: preview\n"
    found = pages.renewed(old, now)
    assert "cost: $2.00 an hour\n...\nready: 9 min (4 to ...\n...\n" == found
    assert None is pages.missing(found, now)
