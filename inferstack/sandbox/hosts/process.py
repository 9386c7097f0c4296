"""Hosts without privileges: a folder and one process group each, on an own loopback address, that live and die with the owner.

No systemd, apt, SSH, users or disk of its own. What runs there is what the playbook puts into the folder's `services/` (see `services.py`).
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from inferstack.records.errors import CloudRefused
from inferstack.sandbox.engine import server
from inferstack.sandbox.hosts import HostKind, RehearsalHost, Say, cache, endpoint, ledger, leftovers, services, userdata
from inferstack.sandbox.hosts.ledger import NodeRecord
from inferstack.sandbox.hosts.liveness import Pid

FOLDER_BITS = 16
READY_S, STOP_S = 10.0, 15.0
ENGINE_PORT, ENDPOINT_PORT = 8000, 8443
NOT_EXERCISED = "systemd units, apt, nginx, users and their rights, SSH over the session, and reboots are not exercised"


class ProcessLauncher:
    kind: HostKind = "process"
    bridge = ""
    gateway = "127.0.0.1"
    package_proxy_url = ""
    artefacts_path = ""

    def __init__(self, folder: Path, *, instead_because: str) -> None:
        self.folder = Path(folder).absolute()
        self.instead_because = instead_because
        self._lock = threading.RLock()
        self._hosts: dict[str, tuple[RehearsalHost, subprocess.Popen[bytes]]] = {}
        self._open = False

    @property
    def note(self) -> str:
        return f"hosts are plain processes of this machine ({self.instead_because}): {NOT_EXERCISED}"

    def why_not(self) -> str | None:
        return None if hasattr(os, "pidfd_open") and sys.platform == "linux" else "needs Linux 5.3 (pidfd)"

    def open(self, say: Say = lambda line: None) -> None:
        with self._lock:
            if self._open:
                return
            leftovers.refuse_living_owner(self.folder)
            leftovers.swept(self.folder)
            ledger.write_owner(self.folder)
            self._open = True
        say(self.note)

    def start(self, instance_id: str, user_data: str, instance_type: str) -> RehearsalHost:
        userdata.parsed(user_data)
        with self._lock:
            host = self._claimed(instance_id)
            runner = self._spawned(host)
            self._hosts[instance_id] = host, runner
        until = time.monotonic() + READY_S
        while not (host.root / "state").is_dir():
            if runner.poll() is not None or time.monotonic() > until:
                self.stop(instance_id)
                raise CloudRefused(f"the process host of {instance_id} did not start", kind="host", hint="see hosts.log")
            time.sleep(0.02)
        ledger.log(self.folder, f"{instance_id} ({instance_type}) is a process host at {host.address}")
        return host

    def stop(self, instance_id: str) -> None:
        with self._lock:
            found = self._hosts.get(instance_id)
        if found is None:
            return
        _ended(found[1])
        leftovers.forget_node(self._node_folder(instance_id))
        with self._lock:
            self._hosts.pop(instance_id, None)
        ledger.log(self.folder, f"{instance_id} is stopped")

    def reboot(self, instance_id: str) -> RehearsalHost:
        with self._lock:
            found = self._hosts.get(instance_id)
        if found is None or found[1].poll() is not None:
            raise CloudRefused(f"{instance_id} has no running host", kind="host", hint="start it first")
        os.kill(found[1].pid, signal.SIGHUP)
        return found[0]

    def hosts(self) -> tuple[RehearsalHost, ...]:
        with self._lock:
            return tuple(host for host, runner in self._hosts.values() if runner.poll() is None)

    def close(self) -> None:
        with self._lock:
            ids = list(self._hosts)
        for instance_id in ids:
            self.stop(instance_id)
        with self._lock:
            if self._open:
                leftovers.forget_folder(self.folder)
            self._open = False

    def _claimed(self, instance_id: str) -> RehearsalHost:
        if not self._open:
            raise CloudRefused("the hosts are not open", kind="host", hint="call open() first")
        if instance_id in self._hosts:
            raise CloudRefused(f"{instance_id} has a host already", kind="host")
        taken = {host.address for host, _ in self._hosts.values()}
        address = next((free for free in _addresses(self.folder) if free not in taken), None)
        if address is None:
            raise CloudRefused("no free loopback address for a process host", kind="capacity", hint="take hosts down")
        return RehearsalHost(f"ip-{address.replace('.', '-')}", address, 0, self.kind, instance_id, self._node_folder(instance_id) / "root")

    def _spawned(self, host: RehearsalHost) -> subprocess.Popen[bytes]:
        folder = self._node_folder(host.instance_id)
        leftovers.forget_node(folder)
        host.root.mkdir(parents=True)
        (host.root / "host.json").write_text(json.dumps(_facts(host), indent=1) + "\n")
        owner_fd = os.pidfd_open(os.getpid())
        try:
            with (folder / "console.log").open("ab") as log:
                runner = subprocess.Popen(
                    [sys.executable, "-I", services.__file__, str(host.root), str(owner_fd)],
                    pass_fds=[owner_fd],
                    start_new_session=True,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
        finally:
            os.close(owner_fd)
        ledger.write_node(folder, NodeRecord(host.instance_id, Pid.of(runner.pid), host.address))
        return runner

    def _node_folder(self, instance_id: str) -> Path:
        return ledger.nodes_folder(self.folder) / instance_id


def _facts(host: RehearsalHost) -> dict[str, object]:
    """All that a playbook needs to put the engine and the endpoint on this host."""
    return {
        "instance_id": host.instance_id,
        "address": host.address,
        "python": sys.executable,
        "engine_script": server.__file__,
        "engine_port": ENGINE_PORT,
        "endpoint_script": endpoint.__file__,
        "endpoint_port": ENDPOINT_PORT,
    }


def _addresses(folder: Path) -> list[str]:
    """254 addresses of 127.0.0.0/8 that belong to this folder, so that ports never clash; 127.0.x is left to others."""
    block = int(cache.digest(str(folder))[:4], 16) % (2**FOLDER_BITS - 256) + 256
    first = int(ipaddress.ip_address("127.0.0.0")) + block * 256
    return [str(ipaddress.ip_address(first + number)) for number in range(1, 255)]


def _ended(runner: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        runner.terminate()
    try:
        runner.wait(STOP_S)
    except subprocess.TimeoutExpired:
        pass
    with contextlib.suppress(ProcessLookupError):
        os.killpg(runner.pid, signal.SIGKILL)
    runner.wait()
