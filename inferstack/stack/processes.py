"""Processes that a killed command left behind: found by a mark in their environment, ended by their id.

After kill -9 of a command its children live on: the Pulumi CLI, Ansible, their ssh. Every child inherits the mark.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

MARK = "INFERSTACK_COMMAND"
PATIENCE_S = 3.0
PROC = Path("/proc")


def mark() -> str:
    """`pid.start time`: a pid alone may have been given to somebody else since."""
    return f"{os.getpid()}.{started(os.getpid()) or 0}"


def take_mark() -> None:
    """Mark this process, so that every child that it starts from here on can be found."""
    os.environ[MARK] = mark()


def started(pid: int, proc: Path = PROC) -> int | None:
    """Start time in clock ticks since boot; None for a process that is gone or a zombie, and where there is no /proc."""
    try:
        state, *rest = (proc / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return None if state == "Z" else int(rest[18])


def orphans(of: str, proc: Path = PROC) -> list[int]:
    """Processes that carry the mark `of`, when its owner is gone."""
    pid, _, begun = of.partition(".")
    if not pid.isdigit() or str(started(int(pid), proc) or 0) == begun:
        return []
    return [found for found in _all(proc) if f"{MARK}={of}" in _environment(found, proc)]


def end(pids: list[int]) -> None:
    """SIGINT lets the Pulumi CLI save its state and give back its lock; what does not follow is killed."""
    for number in (signal.SIGINT, signal.SIGKILL):
        alive = [pid for pid in pids if started(pid) is not None]
        for pid in alive:
            _signal(pid, number)
        _wait(alive)


def _wait(pids: list[int]) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and any(started(pid) is not None for pid in pids):
        time.sleep(0.05)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _all(proc: Path) -> list[int]:
    if not proc.is_dir():
        return []
    return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit() and int(entry.name) != os.getpid()]


def _environment(pid: int, proc: Path) -> list[str]:
    try:
        return (proc / str(pid) / "environ").read_text(errors="replace").split("\0")
    except OSError:
        return []
