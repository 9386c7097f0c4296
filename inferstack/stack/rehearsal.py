"""The one importer of the sandbox: a rehearsal's start, its environment, its hosts, its faults and its end."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inferstack.cli import extras
from inferstack.cli.command import Command
from inferstack.records.errors import InputError
from inferstack.stack import environment, processes, toolchain
from inferstack.stack.workdir import StackRecord, Workdir

if TYPE_CHECKING:
    from inferstack.sandbox.control import Sandbox, SandboxInfo
    from inferstack.stack.world import World

STARTING_S = 10.0
ENDING_S = 30.0
ACCOUNT_ID = "000000000000"
SERVED_MODEL = "inferstack/tiny-llama"
NOT_EXERCISED = "not tested here: GPUs, drivers, NCCL and EFA, real quotas and capacity, the session-manager plug-in"


@dataclass(frozen=True)
class Embedded:
    """The running embedded AWS, as the other verbs see it."""

    sandbox: Sandbox

    def hosts(self) -> dict[str, Any]:
        """What the playbooks must know; complete only once the first host runs."""
        info = self.info()
        return {
            "node_endpoint_url": info.node_endpoint_url,
            "node_imds_url": info.node_imds_url,
            "package_proxy_url": info.package_proxy_url,
            "artefacts_path": info.artefacts_path,
            "served_model": SERVED_MODEL,
            "host_kind": info.host_kind,
            "host_root": str(self.sandbox.folder / "hosts" / "nodes" / "{instance_id}" / "root"),
        }

    def weights(self, folder: Path) -> tuple[str, Path]:
        """The tiny model stands for the planned one: its name, and the folder of its GGUF file, which is what llama.cpp serves."""
        from inferstack.sandbox.engine import tiny_model

        made, served = tiny_model.make(folder / "made"), folder / "served"
        served.mkdir(exist_ok=True)
        for file in made:
            if file.suffix == ".gguf":
                shutil.copy2(file, served / file.name)
        return SERVED_MODEL, served

    def now(self) -> datetime:
        """The time of the embedded AWS, which its control surface may have moved."""
        return datetime.fromisoformat(str(self.sandbox.ask("clock")["now"]))

    def info(self) -> SandboxInfo:
        from inferstack.records.errors import CloudRefused

        info = self.sandbox.running()
        if info is None:
            raise CloudRefused(
                self.sandbox.lost() or "the embedded AWS is not running", kind="host", hint="the next command removes what it left behind"
            )
        return info


def start(command: Command, record: StackRecord) -> World:
    """Starts the embedded AWS or finds it running, attaches the stack, makes the provider a plug-in of the rehearsal's PULUMI_HOME."""
    from inferstack.stack.world import World

    extras.require(extras.REHEARSAL, by=f"inferstack {command.verb}")
    cli = toolchain.pulumi(say=command.screen.say)
    sandbox = _sandbox(command.workdir)
    clear_lost(command)
    with _unmarked():
        info = sandbox.start()
    sandbox.attach(record.stack)
    _say_hosts(command, info)
    home = command.workdir.sandbox / "home"
    _install_provider(home)
    (command.workdir.sandbox / "state").mkdir(parents=True, exist_ok=True)
    sandbox_folder, key = command.workdir.sandbox, info.access_key
    change = environment.rehearsal(
        endpoint_url=info.endpoint_url, access_key=key, sandbox=sandbox_folder, region=record.region, cli=cli, stack=record.stack
    )
    return World(record.region, cli, change, endpoint_url=info.endpoint_url, access_key=key, rehearsal=Embedded(sandbox))


@contextmanager
def asked_alone(command: Command, given: Sequence[str] | None) -> Iterator[SandboxInfo]:
    """The embedded AWS without a stack, for what only asks it. One that was started for this ends with it."""
    sandbox = _sandbox(command.workdir)
    clear_lost(command)
    found = sandbox.running()
    with _unmarked():
        info = found or sandbox.start()
    try:
        with faults(command, given, stack=""):
            yield info
    finally:
        if found is None:
            sandbox.stop()


def clear_lost(command: Command) -> bool:
    """When the embedded AWS died: says so once, clears its hosts and the state of everything it held."""
    sandbox = _sandbox(command.workdir)
    said = sandbox.sweep()
    if said is None:
        return False
    command.screen.say(said[0].upper() + said[1:])
    _forget_built(command.workdir)
    return True


def running(workdir: Workdir) -> bool:
    """Waits for one that a killed command has started and that is not yet to be seen."""
    sandbox = _sandbox(workdir)
    until = time.monotonic() + STARTING_S
    while sandbox.running() is None and _starting(workdir) and time.monotonic() < until:
        time.sleep(0.1)
    return sandbox.running() is not None


def door(workdir: Workdir) -> tuple[str | None, str | None]:
    """Endpoint and access key of the embedded AWS, if it runs now; it is neither started nor waited for."""
    info = _sandbox(workdir).running()
    return (info.endpoint_url, info.access_key) if info else (None, None)


def why_no_nodes(workdir: Workdir) -> str | None:
    """None where this machine can run systemd-nspawn nodes, else the one reason."""
    from inferstack.sandbox.hosts.possible import why_not

    return why_not(workdir.sandbox / "hosts")


def holds(workdir: Workdir, stack: str) -> bool:
    """Whether the embedded AWS lives for this stack."""
    sandbox = _sandbox(workdir)
    return running(workdir) and stack in sandbox.ask("info")["stacks"]


def end(command: Command) -> None:
    """Releases the stack; the embedded AWS, its process and its Pulumi state end with the last one."""
    sandbox = _sandbox(command.workdir)
    info = sandbox.running()
    if info is not None and not sandbox.release(command.name):
        return
    sandbox.stop()
    until = time.monotonic() + ENDING_S
    while info is not None and processes.started(info.pid) == info.started and time.monotonic() < until:
        time.sleep(0.05)
    forget_state(command.workdir)


def forget_state(workdir: Workdir) -> None:
    """Pulumi's state and home of rehearsals that no longer exist."""
    for name in ("state", "home"):
        shutil.rmtree(workdir.sandbox / name, ignore_errors=True)


def refuse_unless_rehearsal(faults: Sequence[str] | None, *, rehearsal: bool, stack: str) -> None:
    """Raises InputError for a fault outside a rehearsal, or one that does not exist; nothing is changed before it."""
    if not faults:
        return
    if not rehearsal:
        raise InputError(f"--fault: stack {stack} is not a rehearsal", hint="faults need a stack created with --rehearse")
    _specs(faults)


@contextmanager
def faults(command: Command, given: Sequence[str] | None, *, stack: str | None = None) -> Iterator[None]:
    """These faults and no earlier ones of this stack, while it is entered; other stacks keep theirs and meet none of these.

    `stack` empty: whoever calls meets them. A fault that met nothing is said.
    """
    sandbox, owner = _sandbox(command.workdir), command.name if stack is None else stack
    sandbox.clear_faults(owner)
    specs = _specs(given or ())
    for fault in specs:
        command.screen.say(f"  fault armed: {fault}")
        sandbox.inject([fault], stack=owner)
    try:
        yield
    finally:
        if specs and sandbox.running() is not None:
            for fault in sandbox.unmet_faults(owner):
                command.screen.say(f"  fault {fault} had no effect: no call, create or launch of this command matched it")
            sandbox.clear_faults(owner)


def _starting(workdir: Workdir) -> bool:
    """Whether a daemon holds the folder's lock."""
    try:
        with (workdir.sandbox / "daemon.lock").open("r+") as lock:
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _specs(given: Sequence[str]) -> list[Any]:
    from inferstack.sandbox.control import FaultSpec

    return [FaultSpec.parse(text) for text in given]


def _sandbox(workdir: Workdir) -> Sandbox:
    from inferstack.sandbox.control import Sandbox

    return Sandbox(workdir.sandbox)


def _install_provider(home: Path) -> None:
    from inferstack.sandbox import provider

    provider.install(home, sys.executable)


def _say_hosts(command: Command, info: SandboxInfo) -> None:
    kind = {"nspawn": "systemd-nspawn nodes", "process": "process hosts"}.get(info.host_kind, info.host_kind)
    command.screen.say_once(f"Rehearsal on the embedded AWS (account {ACCOUNT_ID}); hosts: {kind}")
    for line in filter(None, (info.host_note, NOT_EXERCISED)):
        command.screen.say_once(f"  {line}")


def _forget_built(workdir: Workdir) -> None:
    forget_state(workdir)
    for stack in workdir.stacks():
        record = stack.record()
        if record.rehearsal and record.built_at is not None:
            stack.write(record.replaced(built_at=None, built_run=None, expires_at=None, ami_id=None))


@contextmanager
def _unmarked() -> Iterator[None]:
    """The daemon outlives the command: it must not carry the mark by which a dead command's processes are found."""
    mark = os.environ.pop(processes.MARK, None)
    try:
        yield
    finally:
        if mark is not None:
            os.environ[processes.MARK] = mark
