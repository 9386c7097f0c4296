"""Code blocks of a Markdown page, the commands of a console block, and what they print held against the page.

Convention: a line of a ```console block that begins with `$ ` is a command. Those that need no root, network or engine are run, in the
order of the page, in one folder of their own in which `examples` and `inferstack` lie. `$ echo $?` after a command and the number under it
state its exit code, else it is 0. What stands under a command is what it prints: a line `...` stands for any lines, ` ...` at the end of a
line for the rest of it. `make docs` writes it anew. A ```yaml NAME.yaml block is written to that file first.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(?P<info>[^\n`]+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
SAFE = re.compile(
    r"(inferstack( --stack \w+)? (plan|explain|export|fleet|bill|compare|simulate|settings|runs|status|migrate|model (list|show)"
    r"|prices list)\b"
    r"(?!.*--rehearse)"
    r"|inferstack( \w+)* --(help|version)$"
    r"|make( help)?$|echo '[^']*' \| python -m sizing\.estimate$)"
)
EXIT_CODE = "echo $?"
ELLIPSIS = "..."
LIKE_ENOUGH = 0.55
LONGEST_S = 60
ROOT = Path(__file__).resolve().parents[2]
FOUND_THERE = ("examples", "inferstack")


@dataclass(frozen=True)
class Block:
    info: tuple[str, ...]
    body: str
    line: int


@dataclass(frozen=True)
class PageCommand:
    text: str
    output: str
    exit_code: int
    line: int

    @property
    def runnable(self) -> bool:
        return bool(SAFE.match(self.text))


def blocks(text: str) -> list[Block]:
    return [Block(tuple(one["info"].split()), one["body"], text.count("\n", 0, one.start()) + 1) for one in BLOCK.finditer(text)]


def commands(block: Block) -> list[PageCommand]:
    found: list[PageCommand] = []
    for number, part in enumerate(re.split(r"^\$ ", block.body, flags=re.MULTILINE)):
        if not number:
            continue
        line, _, output = _joined(part).partition("\n")
        if line == EXIT_CODE:
            last = found.pop()
            found.append(PageCommand(last.text, last.output, int(output.strip()), last.line))
        else:
            found.append(PageCommand(line, output, 0, block.line))
    return found


def pages(root: Path) -> list[Path]:
    """README, the examples and all pages of docs/ that are written by hand."""
    return [
        root / "README.md",
        *sorted((root / "examples").glob("*/README.md")),
        *(path for path in sorted((root / "docs").rglob("*.md")) if "Made by `make docs`" not in path.read_text(encoding="utf-8")),
    ]


def _joined(text: str) -> str:
    """A command over several lines ends each but the last with a backslash."""
    return text.replace("\\\n", "")


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with those of this environment first, and no settings of the user's."""
    tools = folder / ".bin"
    tools.mkdir(exist_ok=True)
    for name, line in {"inferstack": f"{shlex.quote(sys.executable)} -m inferstack", "python": shlex.quote(sys.executable)}.items():
        (tools / name).write_text(f'#!/bin/sh\nexec {line} "$@"\n')
        (tools / name).chmod(0o755)
    for name in FOUND_THERE:
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    mine = {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(folder), "NO_COLOR": "1", "COLUMNS": "80"}
    environment = mine | {"INFERSTACK_DIR": str(folder / ".inferstack")}
    where = ROOT if command[-1].startswith("make") else folder
    return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False)


def played(page: Path, folder: Path) -> Iterator[tuple[PageCommand, subprocess.CompletedProcess[str]]]:
    """The runnable commands of a page in their order, each with what it did; the YAML blocks of the page are laid beside them."""
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.info[0] == "yaml" and len(block.info) > 1:
            (folder / block.info[1]).write_text(block.body, encoding="utf-8")
        for one in commands(block) if block.info[0] == "console" else ():
            if one.runnable:
                yield one, run(["sh", "-c", one.text], folder)


def missing(expected: str, printed: str) -> str | None:
    """The first line of the page that the command does not print at its place; None where the page holds."""
    left, anywhere = [line.rstrip() for line in printed.splitlines()], False
    for line in (one.rstrip() for one in expected.splitlines()):
        if line.strip() == ELLIPSIS:
            anywhere = True
            continue
        at = (
            next((n for n, seen in enumerate(left) if _same(line, seen)), None)
            if anywhere
            else (0 if left and _same(line, left[0]) else None)
        )
        if at is None:
            return line
        left, anywhere = left[at + 1 :], False
    return None if anywhere or not [line for line in left if line] else f"(more is printed: {left[0]})"


def renewed(expected: str, printed: str) -> str:
    """The same cut of what is printed now: for each line of the page the likest behind the last one, `...` where something lies between."""
    now = [line.rstrip() for line in printed.splitlines()]
    kept = [line.rstrip() for line in expected.splitlines() if line.strip() != ELLIPSIS]
    if len(kept) == len(expected.splitlines()):
        return printed
    found: list[str] = []
    last = -1
    for line in kept:
        likeness = [(difflib.SequenceMatcher(None, line, seen).ratio(), -n) for n, seen in enumerate(now) if n > last]
        best, at = max(likeness, default=(0.0, 0))
        if best < LIKE_ENOUGH:
            continue
        found += ([ELLIPSIS] if -at > last + 1 else []) + [_cut(now[-at], like=line)]
        last = -at
    if last < len(now) - 1:
        found.append(ELLIPSIS)
    return "\n".join(found) + "\n"


def _same(line: str, seen: str) -> bool:
    return seen.startswith(line.removesuffix(ELLIPSIS).rstrip()) if line.endswith(f" {ELLIPSIS}") else line == seen


def _cut(line: str, *, like: str) -> str:
    """Cut at a blank, about as long as the line of the page that was cut."""
    if not like.endswith(f" {ELLIPSIS}") or len(line) <= len(like):
        return line
    return f"{line[: len(like) - len(ELLIPSIS)].rpartition(' ')[0]} {ELLIPSIS}"
