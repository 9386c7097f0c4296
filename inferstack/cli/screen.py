"""How a verb speaks: people read one stream, programs read one JSON document on stdout.

With --json everything for people goes to stderr. Rich is imported only where something is drawn (`render*.py`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

from inferstack.cli import printable
from inferstack.records.errors import InputError
from inferstack.records.record import Record

STANDARD_OUTPUT, STANDARD_ERROR = "standard output", "standard error"


@dataclass
class Screen:
    """`human` is where people read; `answers` is the one document, kept until the verb ends."""

    as_json: bool = False
    verbose: bool = False
    yes: bool = False
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    already: set[str] = field(default_factory=set)

    @property
    def human(self) -> TextIO:
        return self.err if self.as_json else self.out

    @property
    def live(self) -> bool:
        """Whether lines may be redrawn."""
        return self.human.isatty() and self.environment.get("TERM") != "dumb"

    @property
    def colour(self) -> bool:
        return self.live and not self.environment.get("NO_COLOR")

    def say(self, line: str = "") -> None:
        """One line; what would not be visible in it is shown as an escape."""
        _put(self.human, f"{printable.line(line)}\n")

    def say_block(self, text: str) -> None:
        """Several lines that were laid out already."""
        _put(self.human, f"{printable.block(text)}\n")

    def say_once(self, line: str) -> None:
        """What holds for the whole command is said the first time."""
        if line not in self.already:
            self.already.add(line)
            self.say(line)

    def note(self, line: str) -> None:
        """Print a line that only -v shows."""
        if self.verbose:
            _put(self.err, f"{printable.line(line)}\n")

    def answer(self, document: Record | Mapping[str, Any] | list[Any]) -> None:
        """The one JSON document of the verb; nothing without --json."""
        if not self.as_json:
            return
        text = document.model_dump_json(indent=2) if isinstance(document, Record) else json.dumps(document, indent=2, default=str)
        _put(self.out, printable.json_text(text, encoding=self.out.encoding) + "\n")

    def must_be_askable(self, question: str) -> None:
        """Raises InputError when a question will come and nobody can be asked, before any work is begun for it."""
        if not self.yes and not (sys.stdin.isatty() and self.human.isatty()):
            raise InputError(f"{question} Nobody can be asked here", hint="--yes answers for you")

    def confirm(self, question: str) -> None:
        """Raises InputError when the answer is no, or when nobody can be asked."""
        if self.yes:
            return
        self.must_be_askable(question)
        _put(self.human, f"{printable.block(question)} [y/N] ")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise InputError("not confirmed, nothing was done", hint="--yes answers for you")


def _put(stream: TextIO, text: str) -> None:
    """Write at once. A stream that leads to a full disk is named: the system's own error names no file."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        error.filename = STANDARD_ERROR if stream is sys.stderr else STANDARD_OUTPUT
        raise
