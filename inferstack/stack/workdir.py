"""Where a stack's files lie: `.inferstack/<stack>/`, one run folder for each plan, `current` on the newest."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, TypeVar

from pydantic import Field

from inferstack.records.errors import InputError
from inferstack.records.files import places
from inferstack.records.record import Record
from inferstack.records.settings import STACK_NAME

RESERVED = ("sandbox",)
R = TypeVar("R", bound=Record)


class StackRecord(Record):
    """`stack.json`: the world a stack was made in (never changed), and what was fixed by its first `up`."""

    file_name: ClassVar[str] = "stack.json"

    stack: str = Field(pattern=STACK_NAME)
    rehearsal: bool
    region: str
    base: str = Field(pattern=STACK_NAME)
    created_at: datetime
    account_id: str | None = Field(default=None, pattern=r"^[0-9]{12}$")
    backend: str | None = Field(default=None, description="of Pulumi; real stacks only")
    profile: str | None = None
    ami_id: str | None = Field(default=None, pattern=r"^ami-[0-9a-f]+$")
    expires_at: datetime | None = None
    built_at: datetime | None = Field(default=None, description="when the running cluster's first resource was begun")
    built_run: str | None = Field(
        default=None, description="the run whose plan the running cluster was built from; a newer plan does not move it"
    )
    allowed_flags: tuple[str, ...] = Field(default=(), description="engine flags that run code and that --allow-flag let a plan hold")


@dataclass(frozen=True)
class Run:
    """One folder of records. Each stage writes its own file into it."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    def path(self, kind: type[Record]) -> Path:
        return self.folder / kind.file_name

    def has(self, kind: type[Record]) -> bool:
        return self.path(kind).exists()

    def read(self, kind: type[R]) -> R:
        return kind.read(self.path(kind))

    def write(self, record: Record) -> Path:
        return record.write(self.folder)


@dataclass(frozen=True)
class StackDir:
    """The folder of one stack; nothing is made before something is written."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    def exists(self) -> bool:
        return (self.folder / StackRecord.file_name).exists()

    def record(self) -> StackRecord:
        return StackRecord.read(self.folder / StackRecord.file_name)

    def write(self, record: StackRecord) -> StackRecord:
        record.write(self.folder)
        return record

    def runs(self) -> list[Run]:
        """Oldest first."""
        folder = self.folder / "runs"
        return [Run(entry) for entry in sorted(folder.iterdir()) if entry.is_dir()] if folder.is_dir() else []

    def current(self) -> Run | None:
        link = self.folder / "current"
        if link.is_dir():
            return Run(link.resolve())
        runs = self.runs()
        return runs[-1] if runs else None

    def standing(self) -> Run | None:
        """The run that is built; where none is, the newest. A plan that was only made hides no cluster."""
        name = self.record().built_run if self.exists() else None
        built = Run(self.folder / "runs" / name) if name else None
        return built if built and built.folder.is_dir() else self.current()

    def new_run(self, now: datetime) -> Run:
        """A folder of its own, and at once the current run."""
        return self.settle(self.begun_run(now))

    def begun_run(self, now: datetime) -> Run:
        """A folder of its own; not yet the current run."""
        name = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        folder = self.folder / "runs" / name
        folder.mkdir(parents=True)
        return Run(folder)

    def settle(self, run: Run) -> Run:
        """Make it the current run, after its first records are whole."""
        self._point_at(f"runs/{run.name}")
        return run

    def drop(self, run: Run) -> None:
        """Takes back a run that holds nothing worth keeping."""
        shutil.rmtree(run.folder, ignore_errors=True)
        if (self.folder / "current").is_dir():
            return
        left = self.runs()
        (self.folder / "current").unlink(missing_ok=True)
        if left:
            self._point_at(f"runs/{left[-1].name}")

    def _point_at(self, target: str) -> None:
        fresh = self.folder / f".current.{os.getpid()}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        os.replace(fresh, self.folder / "current")


@dataclass(frozen=True)
class Workdir:
    """`.inferstack/`."""

    root: Path

    @property
    def sandbox(self) -> Path:
        return self.root / "sandbox"

    def stack(self, name: str) -> StackDir:
        """Raises InputError for a name that no stack may have."""
        return StackDir(self.root / checked_name(name))

    def known(self, name: str) -> StackDir:
        """Raises InputError when there is no such stack."""
        found = self.stack(name)
        if not found.exists():
            names = ", ".join(stack.name for stack in self.stacks()) or "none yet"
            if (elsewhere := places.root() / places.WORK) != self.root and StackDir(elsewhere / name).exists():
                raise InputError(
                    f"--stack {name}: no such stack in {self.root}", hint=f"the stack is in {elsewhere}: set INFERSTACK_DIR={elsewhere}"
                )
            raise InputError(
                f"--stack {name}: no such stack; known: {names}", hint=f"inferstack plan --stack {name} --model ... creates it"
            )
        return found

    def stacks(self) -> list[StackDir]:
        if not self.root.is_dir():
            return []
        return [StackDir(entry) for entry in sorted(self.root.iterdir()) if (entry / StackRecord.file_name).exists()]


def checked_name(name: str) -> str:
    if not re.fullmatch(STACK_NAME, name):
        raise InputError(
            f"--stack {name!r:.60}: must be at most 30 lower-case letters, digits and dashes, and begin with a letter",
            hint="for example --stack demo",
        )
    if name in RESERVED or name.endswith("-base"):
        raise InputError(
            f"--stack {name}: this name is reserved", hint="choose another; a base is managed through the stack of its cluster"
        )
    return name


def find(environment: Mapping[str, str] = os.environ) -> Workdir:
    return Workdir(places.work_folder(environment))


def root(environment: Mapping[str, str] = os.environ) -> Path:
    """The checkout; for an installed wheel the user's state folder."""
    return places.root(environment)
