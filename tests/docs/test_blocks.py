"""What the documentation tells a reader to type works."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs import blocks
from tests.docs.blocks import Block, Command

ROOT = Path(__file__).resolve().parents[2]
PAGES = blocks.pages(ROOT)
LONGEST_S = 60


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page_end_as_it_says(page: Path, tmp_path: Path) -> None:
    """Those that need no root, network or engine are run in order, in one folder; the rest is shown by the demo's own tests."""
    for block in blocks.blocks(page.read_text(encoding="utf-8")):
        if block.info[0] == "yaml" and len(block.info) > 1:
            (tmp_path / block.info[1]).write_text(block.body, encoding="utf-8")
        if block.info[0] == "console":
            _run(page, block, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    """Each block by itself."""
    for block in blocks.blocks(page.read_text(encoding="utf-8")):
        if block.info[0] == "python":
            done = _shell([sys.executable, "-c", block.body], tmp_path)
            assert 0 == done.returncode, f"{page}:{block.line}\n{done.stderr}"


def test_the_guides_hold_commands_that_are_run() -> None:
    """A convention that matches nothing would pass for ever."""
    found = [
        one
        for page in PAGES
        for block in blocks.blocks(page.read_text(encoding="utf-8"))
        if block.info[0] == "console"
        for one in blocks.commands(block)
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
    assert [] == [text for text in refused if Command(text, "", 0, 1).runnable]


def test_commands_and_codes_are_read_from_a_block() -> None:
    """A backslash joins lines; the code stands under `echo $?`."""
    block = Block(("console",), "$ inferstack plan \\\n  --model x\nError: no\n$ echo $?\n2\n$ make help\n", 7)
    expected = [Command("inferstack plan   --model x", "Error: no\n", 2, 7), Command("make help", "", 0, 7)]
    assert expected == blocks.commands(block)


def _run(page: Path, block: Block, folder: Path) -> None:
    for one in blocks.commands(block):
        if one.runnable:
            done = _shell(["sh", "-c", one.text], ROOT if one.text.startswith("make") or " examples/" in one.text else folder, work=folder)
            assert one.exit_code == done.returncode, f"{page}:{one.line}: {one.text}\n{done.stdout}{done.stderr}"
            if "exact" in block.info:
                assert one.output == done.stdout + done.stderr, f"{page}:{one.line}: {one.text}"


def _shell(command: list[str], folder: Path, *, work: Path | None = None) -> subprocess.CompletedProcess[str]:
    """With the commands of this environment first, and no settings of the user's."""
    tools = (work or folder) / ".bin"
    tools.mkdir(exist_ok=True)
    for name, line in {"inferstack": f"{shlex.quote(sys.executable)} -m inferstack", "python": shlex.quote(sys.executable)}.items():
        (tools / name).write_text(f'#!/bin/sh\nexec {line} "$@"\n')
        (tools / name).chmod(0o755)
    mine = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(work or folder),
        "NO_COLOR": "1",
        "COLUMNS": "160",
    }
    environment = mine | {"INFERSTACK_DIR": str((work or folder) / ".inferstack")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False)
