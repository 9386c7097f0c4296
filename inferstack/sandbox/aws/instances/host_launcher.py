"""The seam to `inferstack.sandbox.hosts`: which launcher backs the instances, opened once and only when the first host is wanted."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from inferstack.records.errors import CloudRefused, InferstackError
from inferstack.sandbox import hosts
from inferstack.sandbox.hosts import Launcher, RehearsalHost

__all__ = ["Launcher", "OpenedOnce", "RehearsalHost", "choose", "sweep"]

SETTING = "INFERSTACK_HOSTS"


def choose(folder: Path) -> Launcher | None:
    """None when INFERSTACK_HOSTS=none: instances are then records only. Raises MissingTool, InputError."""
    if os.environ.get(SETTING) == "none":
        return None
    return hosts.choose(folder / "hosts")


def sweep(folder: Path) -> None:
    hosts.sweep(folder / "hosts")


class OpenedOnce:
    """`on_open` binds what needs the launcher's bridge. A failed opening is remembered: each asker is told the same reason."""

    def __init__(self, launcher: Launcher, *, say: Callable[[str], None], on_open: Callable[[Launcher], None]) -> None:
        self.launcher = launcher
        self._say = say
        self._on_open = on_open
        self._lock = threading.Lock()
        self._opened = False
        self.said = ""
        self._failed: InferstackError | None = None

    def __call__(self) -> Launcher:
        with self._lock:
            if self._failed:
                raise self._failed
            if not self._opened:
                self._open()
            return self.launcher

    def ahead(self) -> None:
        """Opens in the background: the first time takes a minute, which the first stack need not wait for."""

        def opened() -> None:
            with contextlib.suppress(InferstackError):  # told to whoever wants a host
                self()

        threading.Thread(target=opened, name="opening", daemon=True).start()

    def close(self) -> None:
        """Close for good: a launcher that opens ahead may come later than this, and would leave a bridge behind."""
        with self._lock:
            if self._opened:
                self.launcher.close()
            self._opened = False
            self._failed = CloudRefused("the embedded AWS ends, its hosts are closed", kind="host", hint="start the command again")

    def _told(self, line: str) -> None:
        self.said = line
        self._say(line)

    def _open(self) -> None:
        """Whole or not at all: a launcher that was opened and cannot be used leaves nothing behind."""
        try:
            self.launcher.open(self._told)
            self._on_open(self.launcher)
        except Exception as error:
            self._failed = error if isinstance(error, InferstackError) else CloudRefused(f"the hosts were not opened: {error}", kind="host")
            self.launcher.close()
            raise self._failed from error
        self._opened = True
