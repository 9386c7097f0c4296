"""Runs the command line inside the test's process, as `inferstack ...` would run it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from inferstack.cli import edge


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class CommandLine:
    """`work` is the `.inferstack` folder, `here` the folder that the user stands in."""

    work: Path
    here: Path
    capture: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> Answer:
        self.capture.readouterr()
        code = edge.run([str(argument) for argument in arguments])
        said = self.capture.readouterr()
        return Answer(code, said.out, said.err)

    def tree(self) -> dict[str, bytes]:
        """Every file below the test's folder and what it holds; links by their target."""
        top = self.here.parent
        found: dict[str, bytes] = {}
        for path in sorted(top.rglob("*")):
            name = str(path.relative_to(top))
            found[name] = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        return found
