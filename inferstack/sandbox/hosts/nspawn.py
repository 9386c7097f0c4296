"""Hosts as systemd-nspawn nodes: a booted Debian or Ubuntu with its own systemd, sshd, apt, users, units and reboot."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from inferstack.records.errors import CloudRefused
from inferstack.sandbox.hosts import HostKind, RehearsalHost, Say, artefacts, firstboot, ledger, leftovers, namespace, network, userdata
from inferstack.sandbox.hosts.aptsources import archives
from inferstack.sandbox.hosts.firstboot import Layer
from inferstack.sandbox.hosts.ledger import NodeRecord
from inferstack.sandbox.hosts.liveness import Pid, children
from inferstack.sandbox.hosts.possible import why_not
from inferstack.sandbox.hosts.proxy import PackageProxy
from inferstack.sandbox.hosts.rootfs import rootfs

READY_S, STOP_S = 60.0, 25.0
SSH_PORT = 22
NOTE = (
    "hosts are systemd-nspawn nodes: GPUs, drivers, disks of their own, kernel modules, memory limits of units "
    "and the size of the instance type are not exercised"
)


@dataclass
class NspawnNode:
    host: RehearsalHost
    unshare: subprocess.Popen[bytes] | None = None


class NspawnLauncher:
    kind: HostKind = "nspawn"
    note = NOTE
    artefacts_path = artefacts.ON_THE_HOST

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder).absolute()
        self._lock = threading.RLock()
        self._nodes: dict[str, NspawnNode] = {}
        self._network: network.HostNetwork | None = None
        self._proxy: PackageProxy | None = None
        self._rootfs = self._artefacts = Path()

    def why_not(self) -> str | None:
        return why_not(self.folder)

    def open(self, say: Say = lambda line: None) -> None:
        with self._lock:
            if self._network:
                return
            leftovers.refuse_living_owner(self.folder)
            leftovers.swept(self.folder)
            self._rootfs, self._artefacts = rootfs(say=say), artefacts.artefacts(say=say)
            ledger.write_owner(self.folder, network.bridge_name(self.folder))
            self._network = network.made(self.folder)
            hosts = frozenset(source.host for source in archives()[1])
            self._proxy = PackageProxy(self._network.gateway, hosts, log=lambda line: ledger.log(self.folder, line))
            self._proxy.start()

    def start(self, instance_id: str, user_data: str, instance_type: str) -> RehearsalHost:
        config = userdata.parsed(user_data)
        node = self._claimed(instance_id)
        started = time.monotonic()
        try:
            host = self._booted(node, config)
            _answering(host, self._node_folder(instance_id) / "console.log", node)
        except BaseException:
            self.stop(instance_id)
            leftovers.forget_node(self._node_folder(instance_id))
            raise
        ledger.log(
            self.folder,
            f"{instance_id} ({instance_type}) is {host.name} at {host.address}, answers after {time.monotonic() - started:.1f} s",
        )
        return host

    def stop(self, instance_id: str) -> None:
        with self._lock:
            node = self._nodes.get(instance_id)
        if node is None:
            return
        if node.unshare:
            _halted(node.unshare)
        leftovers.forget_node(self._node_folder(instance_id))
        with self._lock:
            self._nodes.pop(instance_id, None)
        ledger.log(self.folder, f"{instance_id} is stopped")

    def reboot(self, instance_id: str) -> RehearsalHost:
        node = self._running(instance_id)
        before = _guest(node)
        os.kill(_supervisor(node), signal.SIGHUP)
        until = time.monotonic() + READY_S
        while _guest(node) in (before, 0):
            if time.monotonic() > until:
                raise CloudRefused(f"{instance_id} did not reboot within {READY_S:.0f} s", kind="host", hint="see the node's console.log")
            time.sleep(0.05)
        _answering(node.host, self._node_folder(instance_id) / "console.log", node)
        return node.host

    def hosts(self) -> tuple[RehearsalHost, ...]:
        with self._lock:
            return tuple(node.host for node in self._nodes.values() if node.unshare and node.unshare.poll() is None)

    def close(self) -> None:
        with self._lock:
            ids = list(self._nodes)
        threads = [threading.Thread(target=self.stop, args=(instance_id,)) for instance_id in ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with self._lock:
            if self._proxy:
                self._proxy.close()
            if self._network:
                network.removed(self._network.bridge)
                leftovers.forget_folder(self.folder)
            self._network = self._proxy = None

    @property
    def bridge(self) -> str:
        return network.bridge_name(self.folder)

    @property
    def gateway(self) -> str:
        return self._opened().gateway

    @property
    def package_proxy_url(self) -> str:
        self._opened()
        return self._proxy.url if self._proxy else ""

    def _opened(self) -> network.HostNetwork:
        if self._network is None:
            raise CloudRefused("the hosts are not open", kind="host", hint="call open() first")
        return self._network

    def _claimed(self, instance_id: str) -> NspawnNode:
        """Takes the first free address; two threads never take the same one."""
        with self._lock:
            opened = self._opened()
            if instance_id in self._nodes:
                raise CloudRefused(f"{instance_id} has a host already", kind="host")
            taken = {node.host.address for node in self._nodes.values()}
            address = next((free for free in opened.addresses() if free not in taken), None)
            if address is None:
                raise CloudRefused("the bridge of the hosts has no free address", kind="capacity", hint="take hosts down")
            root = self._node_folder(instance_id) / "root"
            node = NspawnNode(RehearsalHost(f"ip-{address.replace('.', '-')}", address, SSH_PORT, self.kind, instance_id, root))
            self._nodes[instance_id] = node
            return node

    def _booted(self, node: NspawnNode, config: userdata.CloudConfig) -> RehearsalHost:
        opened, folder = self._opened(), self._node_folder(node.host.instance_id)
        leftovers.forget_node(folder)
        for part in ("upper", "work", "root"):
            (folder / part).mkdir(parents=True)
        layer = Layer(self._rootfs, folder / "upper")
        name = firstboot.written(layer, config, address=node.host.address, proxy_url=self.package_proxy_url)
        machine = f"{opened.bridge[-4:]}-{node.host.instance_id[-7:]}"
        overlay = (str(self._rootfs), str(folder / "upper"), str(folder / "work"), str(folder / "root"))
        argv = self._argv(folder, machine, name)
        with self._lock:
            if self._nodes.get(node.host.instance_id) is not node:
                raise CloudRefused(f"{node.host.instance_id} was stopped while it booted", kind="host")
            node.unshare = namespace.spawn(argv, log=folder / "console.log", overlay=overlay, inode_file=folder / leftovers.INODE)
        ledger.write_node(folder, NodeRecord(node.host.instance_id, Pid.of(node.unshare.pid), node.host.address, machine))
        node.host = RehearsalHost(name, node.host.address, SSH_PORT, self.kind, node.host.instance_id, folder / "root")
        return node.host

    def _argv(self, folder: Path, machine: str, name: str) -> list[str]:
        argv = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--directory={folder / 'root'}", f"--machine={machine}"]
        argv += [f"--hostname={name}", f"--network-bridge={self.bridge}", "--resolv-conf=off", "--timezone=off", "--link-journal=no"]
        return [*argv, f"--bind-ro={self._artefacts}:{artefacts.ON_THE_HOST}", "--boot"]

    def _node_folder(self, instance_id: str) -> Path:
        return ledger.nodes_folder(self.folder) / instance_id

    def _running(self, instance_id: str) -> NspawnNode:
        with self._lock:
            node = self._nodes.get(instance_id)
        if node is None or node.unshare is None or node.unshare.poll() is not None:
            raise CloudRefused(f"{instance_id} has no running host", kind="host", hint="start it first")
        return node


def _supervisor(node: NspawnNode) -> int:
    found = children(node.unshare.pid) if node.unshare else ()
    return found[0] if found else 0


def _guest(node: NspawnNode) -> int:
    """The pid of the guest's own PID 1, as this machine sees it; 0 between two boots."""
    nspawn = children(_supervisor(node))
    inside = children(nspawn[0]) if nspawn else ()
    return inside[0] if inside else 0


def _answering(host: RehearsalHost, console: Path, node: NspawnNode) -> None:
    """Ready = port 22 says SSH-. Short attempts: one that begins before the guest's link is up waits for the kernel's own retry."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        if node.unshare is None or node.unshare.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection((host.address, host.ssh_port), timeout=0.25) as connection:
            connection.settimeout(5)
            if connection.recv(4) == b"SSH-":
                return
        time.sleep(0.05)
    lines = console.read_text(errors="replace").strip().splitlines() if console.exists() else []
    last = lines[-1] if lines else "its console is empty"
    raise CloudRefused(
        f"host {host.name} of {host.instance_id} does not answer: {last}", kind="host", hint="try again, or INFERSTACK_HOSTS=process"
    )


def _halted(unshare: subprocess.Popen[bytes]) -> None:
    """Asks once a second: PID 1 of a namespace ignores a signal that comes before its handler is there."""
    until = time.monotonic() + STOP_S
    while time.monotonic() < until:
        for pid in children(unshare.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            unshare.wait(1.0)
            return
    unshare.kill()
    unshare.wait()
