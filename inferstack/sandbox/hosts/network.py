"""The bridge of one rehearsal and its /24: no NAT, no namespace, no route out. Hosts see this machine at the first address."""

from __future__ import annotations

import ipaddress
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from inferstack.records.errors import CloudRefused
from inferstack.sandbox.hosts import cache

POOL = ipaddress.ip_network("10.77.0.0/16")
FIRST_NODE = 11
PREFIX = "ifs"


@dataclass(frozen=True)
class HostNetwork:
    bridge: str
    subnet: str

    @property
    def gateway(self) -> str:
        return str(ipaddress.ip_network(self.subnet)[1])

    def addresses(self) -> list[str]:
        return [str(address) for address in ipaddress.ip_network(self.subnet)][FIRST_NODE:-1]


def bridge_name(folder: Path) -> str:
    """One name for each folder, at most 15 characters."""
    return PREFIX + cache.digest(str(folder.absolute()))[:8]


def made(folder: Path) -> HostNetwork:
    """A bridge with a /24 that nothing on this machine uses; the lock keeps two rehearsals from taking the same one."""
    with cache.locked(cache.home() / ".network.lock"):
        network = HostNetwork(bridge_name(folder), _free_subnet())
        removed(network.bridge)
        _ip("link", "add", network.bridge, "type", "bridge", "forward_delay", "0")
        try:
            _ip("addr", "add", f"{network.gateway}/24", "dev", network.bridge)
            _ip("link", "set", network.bridge, "up")
        except BaseException:
            removed(network.bridge)
            raise
    return network


def removed(bridge: str) -> bool:
    """False when there was none."""
    if not bridge.startswith(PREFIX) or not exists(bridge):
        return False
    _ip("link", "delete", bridge)
    return True


def exists(bridge: str) -> bool:
    return Path("/sys/class/net", bridge).exists()


def _free_subnet() -> str:
    used = _used()
    for subnet in POOL.subnets(new_prefix=24):
        if not any(subnet.overlaps(other) for other in used):
            return str(subnet)
    raise CloudRefused(f"no free /24 in {POOL} for the bridge of the hosts", kind="host", hint="take other rehearsals down")


def _used() -> list[ipaddress.IPv4Network]:
    addresses = [f"{info['local']}/{info['prefixlen']}" for link in _asked("addr", "show") for info in link.get("addr_info", [])]
    routes = [route["dst"] for route in _asked("route", "show", "table", "all") if route.get("dst", "default") != "default"]
    return [ipaddress.ip_network(text, strict=False) for text in [*addresses, *routes]]  # type: ignore[misc]


def _asked(*arguments: str) -> list[dict]:
    return json.loads(_ip("-4", "-j", *arguments) or "[]")


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise CloudRefused(f"ip {' '.join(arguments)}: {done.stderr.strip()}", kind="host", hint="or set INFERSTACK_HOSTS=process")
    return done.stdout
