"""Which recorded process still lives: a pid with its start time, so that a reused pid is never taken for ours."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pid:
    """A process of this machine. `started` is in clock ticks since boot, field 22 of /proc/PID/stat."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Pid:
        return cls(pid, started(pid) or 0)

    def alive(self) -> bool:
        return started(self.pid) == self.started


def started(pid: int) -> int | None:
    """None for no such process or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def children(pid: int) -> tuple[int, ...]:
    try:
        return tuple(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    except OSError:
        return ()


def kill(process: Pid, *, wait_s: float = 5.0) -> bool:
    """SIGKILL, then wait until it is gone. False when it was not there."""
    if not process.alive():
        return False
    try:
        os.kill(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    until = time.monotonic() + wait_s
    while process.alive() and time.monotonic() < until:
        time.sleep(0.02)
    return True
