"""The seam to `sandbox.hosts`: which launcher backs the instances, opened once and only when the first host is wanted."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from records.errors import InferstackError

SETTING = "INFERSTACK_HOSTS"


class Host(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def ssh_port(self) -> int: ...


class Launcher(Protocol):
    """What the daemon needs of `sandbox.hosts`."""

    kind: str

    @property
    def note(self) -> str: ...
    @property
    def bridge(self) -> str: ...
    @property
    def gateway(self) -> str: ...
    @property
    def package_proxy_url(self) -> str: ...
    @property
    def artefacts_path(self) -> str: ...
    def open(self, say: Callable[[str], None]) -> None: ...
    def start(self, instance_id: str, user_data: str, instance_type: str) -> Host: ...
    def stop(self, instance_id: str) -> None: ...
    def reboot(self, instance_id: str) -> Host: ...
    def hosts(self) -> tuple[Host, ...]: ...
    def close(self) -> None: ...


def choose(folder: Path) -> Launcher | None:
    """None when INFERSTACK_HOSTS=none: instances are then records only. Raises MissingTool, InputError."""
    if os.environ.get(SETTING) == "none":
        return None
    from sandbox import hosts

    return hosts.choose(folder / "hosts")


def sweep(folder: Path) -> None:
    from sandbox import hosts

    hosts.sweep(folder / "hosts")


class OpenedOnce:
    """`on_open` binds what needs the launcher's bridge. A failed opening is remembered: each asker is told the same reason."""

    def __init__(self, launcher: Launcher, *, say: Callable[[str], None], on_open: Callable[[Launcher], None]) -> None:
        self.launcher = launcher
        self._say = say
        self._on_open = on_open
        self._lock = threading.Lock()
        self._opened = False
        self._failed: InferstackError | None = None

    def __call__(self) -> Launcher:
        with self._lock:
            if self._failed:
                raise self._failed
            if not self._opened:
                self._open()
            return self.launcher

    def close(self) -> None:
        with self._lock:
            if self._opened or self._failed:
                self.launcher.close()

    def _open(self) -> None:
        try:
            self.launcher.open(self._say)
            self._on_open(self.launcher)
        except InferstackError as error:
            self._failed = error
            raise
        self._opened = True
