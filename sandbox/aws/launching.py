"""The seam to `sandbox.hosts`: which launcher backs the instances, and the sweep of what a dead one left."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol


class Host(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def ssh_port(self) -> int: ...


class Launcher(Protocol):
    """What the daemon needs of `sandbox.hosts`."""

    def start(self, instance_id: str, user_data: str, instance_type: str) -> Host: ...
    def stop(self, instance_id: str) -> None: ...
    def close(self) -> None: ...


def sweep(folder: Path) -> None:
    try:
        from sandbox import hosts
    except ImportError:
        return
    clear: Any = getattr(hosts, "sweep", None)
    if clear is not None:
        clear(folder / "hosts")
