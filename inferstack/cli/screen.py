"""How a verb speaks: people read one stream, programs read one JSON document on stdout.

With --json everything for people goes to stderr. Rich is imported only where lines are redrawn (`show/live.py`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from inferstack.cli import lines, printable
from inferstack.records.errors import InputError
from inferstack.records.record import Record

STYLES = {"bold": "1", "chosen": "1;32", "good": "32", "doubtful": "33", "bad": "31", "dim": "2"}
"""What a line is -> the graphic rendition that shows it (ECMA-48)."""
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

    @property
    def width(self) -> int | None:
        """How many characters a line may have; None where nothing limits it."""
        return lines.width_of(self.human, self.environment)

    def say(self, line: str = "", style: str = "", *, hanging: str | None = None) -> None:
        """One line of text, broken between words where the terminal ends. What would not be visible in it is shown as an escape."""
        for piece in lines.wrapped(printable.line(line), self.width, hanging=hanging):
            _put(self.human, f"{self.painted(piece, style)}\n")

    def verbatim(self, line: str) -> None:
        """One line that is pasted into a shell: whole, however narrow the terminal is."""
        _put(self.human, f"{printable.line(line)}\n")

    def painted(self, text: str, style: str) -> str:
        """Return visible text in a style of `STYLES`, plain where there are no colours."""
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if style and self.colour else text

    def lay(self, pieces: Sequence[tuple[str, str]]) -> None:
        """One line laid out already, of pieces of text and the style of each."""
        _put(self.human, "".join(self.painted(printable.line(text), style) for text, style in pieces).rstrip(" ") + "\n")

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
            raise InputError(
                f"{question} This needs a confirmation, but there is no terminal to ask on", hint="use --yes to confirm without a prompt"
            )

    def confirm(self, question: str) -> None:
        """Raises InputError when the answer is no, or when nobody can be asked."""
        if self.yes:
            return
        self.must_be_askable(question)
        _put(self.human, f"{printable.block(question)} [y/N] ")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise InputError("not confirmed; nothing was done", hint="use --yes to confirm without a prompt")


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
