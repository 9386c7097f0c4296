"""One command at a time on a stack, and a note of what it has begun, so that the next command knows what a killed one left."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inferstack.records.errors import InputError
from inferstack.records.record import write_text
from inferstack.stack import processes


@dataclass
class Journal:
    """`journal.json`. `unfinished` is what the command before this one had begun and never ended; `refused` what it was refused in."""

    path: Path
    command: str
    unfinished: dict[str, Any] | None = None
    refused: dict[str, Any] | None = None
    steps: list[dict[str, str]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.steps.append({"step": name, "begun": _now()})
        self._write()
        yield
        self.steps[-1]["ended"] = _now()
        self._write()

    def close(self, *, refused: str | None = None) -> None:
        """The command ended by itself; `refused` is the message of what the cloud, a host or this machine refused."""
        self._write(ended=_now(), **({} if refused is None else {"refused": refused}))

    def _write(self, **more: str) -> None:
        told = {"command": self.command, "pid": os.getpid(), "mark": processes.mark(), "steps": self.steps, **more}
        write_text(self.path, json.dumps(told, indent=2) + "\n")


@contextmanager
def opened(folder: Path, command: str) -> Iterator[Journal]:
    """Holds the stack's lock. Raises InputError when another command of ours works on the stack."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "journal.json"
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(_busy(folder.name, read(path)), hint="wait for it, or stop it with Ctrl-C; nothing was done") from None
        before = read(path)
        unfinished = before if before and "ended" not in before else None
        yield Journal(path, command, unfinished=unfinished, refused=before if before and "refused" in before else None)


def held(folder: Path) -> bool:
    """Whether a command is at work on the stack just now."""
    try:
        with (folder / "lock").open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def last_step(told: dict[str, Any]) -> str:
    steps = told.get("steps") or [{}]
    return str(steps[-1].get("step", "its start"))


def _busy(stack: str, told: dict[str, Any] | None) -> str:
    who = f"inferstack {told.get('command')} (pid {told.get('pid')})" if told else "another inferstack command"
    return f"--stack {stack}: {who} is working on this stack"


def read(path: Path) -> dict[str, Any] | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
