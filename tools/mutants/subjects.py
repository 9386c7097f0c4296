"""Read the tables of this folder: which modules are mutated, by which tests they are tried, and which mutants change nothing."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent


class TableError(Exception):
    """A row of a table that does not fit the tree: the message names the row and says what to change."""


@dataclass(frozen=True)
class Subject:
    """A module under mutation; `tests` are the files or test ids nearest to it, the quickest first."""

    name: str
    module: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Planted:
    """A mutation that was made by hand: the rule that it breaks, its text, and the tests that must fail."""

    rule: str
    subject: Subject
    before: str
    after: str

    def mutated(self, source: str) -> str:
        """Return the module with the mutation in it. Raises TableError unless its text stands there exactly once."""
        if source.count(self.before) != 1:
            count = source.count(self.before)
            raise TableError(
                f"planted.yaml: {self.rule}: {self.subject.module} holds {count} times {self.before!r}: write its text of today"
            )
        return source.replace(self.before, self.after)


@dataclass(frozen=True)
class Equivalent:
    """A mutant that no test can tell from the original, by its changed lines, with the reason."""

    module: str
    before: str
    after: str
    reason: str


def subjects() -> tuple[Subject, ...]:
    """Return the rows of subjects.yaml. Raises TableError where a file is missing."""
    return tuple(
        _checked(Subject(name, module, tuple(row["tests"])), "subjects.yaml")
        for name, row in _table("subjects").items()
        for module in row["modules"]
    )


def planted() -> tuple[Planted, ...]:
    """Return the rows of planted.yaml. Raises TableError where a file is missing."""
    return tuple(
        Planted(
            row["rule"], _checked(Subject(row["rule"], row["module"], tuple(row["tests"])), "planted.yaml"), row["before"], row["after"]
        )
        for row in _table("planted")
    )


@functools.cache
def equivalents() -> tuple[Equivalent, ...]:
    """Return the rows of equivalent.yaml, one for each pair of lines."""
    return tuple(_equivalents())


def _equivalents() -> Iterator[Equivalent]:
    for module, rows in _table("equivalent").items():
        for row in rows:
            for after in row["after"] if isinstance(row["after"], list) else [row["after"]]:
                yield Equivalent(module, row["before"], after, row["reason"])


def _checked(subject: Subject, table: str) -> Subject:
    """Return the subject. Raises TableError where its module or one of its tests is not in the tree."""
    for path in (subject.module, *(test.partition("::")[0] for test in subject.tests)):
        if not (ROOT / path).is_file():
            raise TableError(f"tools/mutants/{table}: {subject.name}: {path} is not there: write where it stands now")
    return subject


def _table(name: str) -> Any:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
