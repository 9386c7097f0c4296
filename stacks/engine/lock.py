"""The lock of a file backend: lifted when its holder was on this machine and is gone."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from inferstack.records.errors import InputError
from infra.naming import PROJECT

FILE_BACKEND = "file://"
# An engine whose parent was killed ends by itself once what it has in flight is done.
ENDS_WITHIN_S = 15.0


@dataclass(frozen=True)
class Holder:
    pid: int
    host: str

    @property
    def here(self) -> bool:
        return self.host == socket.gethostname()

    @property
    def alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return not _zombie(self.pid)


def lift_dead(environment: Mapping[str, str], stack: str, cancel: Callable[[], object], *, wait_s: float = ENDS_WITHIN_S) -> bool:
    """True when a lock was lifted. Raises InputError when a holder lives or was on another machine. Other backends: False."""
    held = holders(environment, stack)
    until = time.monotonic() + wait_s
    while any(one.here and one.alive for one in held) and time.monotonic() < until:
        time.sleep(0.1)
        held = holders(environment, stack)
    if not held:
        return False
    for one in held:
        if not one.here or one.alive:
            where = "is still running" if one.here else f"on {one.host} holds it"
            hint = "wait for it or stop it with Ctrl-C" if one.here else f"if that machine no longer exists: pulumi cancel --stack {stack}"
            raise InputError(f"stack {stack} is locked: process {one.pid} {where}", hint=hint)
    cancel()
    return True


def holders(environment: Mapping[str, str], stack: str) -> tuple[Holder, ...]:
    folder = folder_of(environment)
    if folder is None:
        return ()
    locks = folder / "locks" / "organization" / PROJECT / stack
    return tuple(holder for path in sorted(locks.glob("*.json")) if (holder := _read(path)))


def folder_of(environment: Mapping[str, str]) -> Path | None:
    """Where a file backend keeps all; None for other backends."""
    url = environment.get("PULUMI_BACKEND_URL", "")
    return Path(url.removeprefix(FILE_BACKEND)).expanduser() / ".pulumi" if url.startswith(FILE_BACKEND) else None


def _read(path: Path) -> Holder | None:
    """None when it is lifted while we look; a damaged one counts as held by a process that is gone."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Holder(int(told["pid"]), str(told["hostname"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return Holder(0x7FFFFFFF, socket.gethostname())


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()[0] == "Z"
    except (OSError, IndexError):
        return False
