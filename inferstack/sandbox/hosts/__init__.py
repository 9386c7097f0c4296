"""Hosts of a rehearsal: each EC2 instance id is backed by a systemd-nspawn node, or by a process host where the machine allows none.

`choose(folder)` gives the launcher that this machine can run, and makes nothing; `sweep(folder)` removes what a dead owner left.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

HostKind = Literal["nspawn", "process"]
Say = Callable[[str], None]
FORCE = "INFERSTACK_HOSTS"


@dataclass(frozen=True)
class RehearsalHost:
    """A started host. `address` is reachable from this machine only; a process host has no SSH (`ssh_port` 0)."""

    name: str
    address: str
    ssh_port: int
    kind: HostKind
    instance_id: str
    root: Path


class Launcher(Protocol):
    """Starts and stops the hosts of one folder, from any thread. The hosts end with the process that called `open`."""

    kind: HostKind

    def why_not(self) -> str | None:
        """None where this machine can run this kind of host, else the one reason."""

    def open(self, say: Say = lambda line: None) -> None:
        """Make the file system, artefacts, bridge and package proxy. A first call may take a minute and says what it does."""

    def start(self, instance_id: str, user_data: str, instance_type: str) -> RehearsalHost:
        """Boot a host and return when it answers. Raises CloudRefused (kind `host` or `unsupported`), with nothing left of the host."""

    def stop(self, instance_id: str) -> None:
        """An orderly halt, after which nothing of the host is left. Unknown ids are no error."""

    def reboot(self, instance_id: str) -> RehearsalHost:
        """An orderly reboot that keeps the disk; returns when the host answers again."""

    def hosts(self) -> tuple[RehearsalHost, ...]:
        """The hosts that run now."""

    def close(self) -> None:
        """Stop every host and remove bridge, proxy and records. May be called twice."""

    @property
    def note(self) -> str:
        """What these hosts do not exercise, in one line for the user; empty for none."""

    @property
    def bridge(self) -> str:
        """The name of the network bridge; empty for process hosts."""

    @property
    def gateway(self) -> str:
        """The address of this machine as the hosts see it: bind there what they must reach. Known after `open`."""

    @property
    def package_proxy_url(self) -> str:
        """The allow-list proxy through which hosts install packages; empty for process hosts."""

    @property
    def artefacts_path(self) -> str:
        """The folder of wheels and the engine's start script, as a path on the host."""


def choose(folder: Path) -> Launcher:
    """nspawn nodes where they can run, else process hosts; INFERSTACK_HOSTS forces one. Raises MissingTool, InputError."""
    from inferstack.records.errors import InputError, MissingTool
    from inferstack.sandbox.hosts.nspawn import NspawnLauncher
    from inferstack.sandbox.hosts.process import ProcessLauncher

    forced = os.environ.get(FORCE, "")
    if forced not in ("", "nspawn", "process"):
        raise InputError(f"{FORCE}: {forced!r} is not a kind of host; allowed: nspawn, process")
    nodes = NspawnLauncher(folder)
    reason = nodes.why_not()
    if forced == "nspawn" and reason:
        raise MissingTool(f"rehearsal on nodes is not possible: {reason}", hint="make system-packages, or unset INFERSTACK_HOSTS")
    if forced != "process" and not reason:
        return nodes
    processes = ProcessLauncher(folder, instead_because=reason or f"{FORCE}=process")
    if not_even := processes.why_not():
        raise MissingTool(f"this machine can run no host of a rehearsal: {not_even}", hint="rehearse on Linux")
    return processes


def sweep(folder: Path) -> list[str]:
    """Remove what a dead owner left in `folder` and say each thing; a live owner's hosts are left alone."""
    from inferstack.sandbox.hosts.leftovers import swept

    return swept(folder)
