"""Code blocks of a Markdown page, and the commands of a console block.

Convention: a line of a ```console block that begins with `$ ` is a command. Those that need no root, network or engine are run, in the
order of the page, in one folder of their own. `$ echo $?` after a command and the number under it state its exit code, else it is 0.
A ```console exact block also has its output compared. A ```yaml NAME.yaml block is written to that file first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(?P<info>[^\n`]+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
SAFE = re.compile(
    r"(inferstack( --stack \w+)? (plan|bill|compare|simulate|settings|runs|status|migrate)\b(?!.*--rehearse)"
    r"|inferstack( \w+)* --(help|version)$"
    r"|make( help)?$|echo '[^']*' \| python -m sizing\.estimate$)"
)
EXIT_CODE = "echo $?"


@dataclass(frozen=True)
class Block:
    info: tuple[str, ...]
    body: str
    line: int


@dataclass(frozen=True)
class Command:
    text: str
    output: str
    exit_code: int
    line: int

    @property
    def runnable(self) -> bool:
        return bool(SAFE.match(self.text))


def blocks(text: str) -> list[Block]:
    return [Block(tuple(one["info"].split()), one["body"], text.count("\n", 0, one.start()) + 1) for one in BLOCK.finditer(text)]


def commands(block: Block) -> list[Command]:
    found: list[Command] = []
    for number, part in enumerate(re.split(r"^\$ ", block.body, flags=re.MULTILINE)):
        if not number:
            continue
        line, _, output = _joined(part).partition("\n")
        if line == EXIT_CODE:
            last = found.pop()
            found.append(Command(last.text, last.output, int(output.strip()), last.line))
        else:
            found.append(Command(line, output, 0, block.line))
    return found


def pages(root: Path) -> list[Path]:
    """README and all pages of docs/ that are written by hand."""
    return [
        root / "README.md",
        *(path for path in sorted((root / "docs").rglob("*.md")) if "Made by `make docs`" not in path.read_text(encoding="utf-8")),
    ]


def _joined(text: str) -> str:
    """A command over several lines ends each but the last with a backslash."""
    return text.replace("\\\n", "")
