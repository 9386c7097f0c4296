"""A booted node for trying units on a real systemd, with folders of this machine laid into it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from inferstack.sandbox.hosts import RehearsalHost
from inferstack.sandbox.hosts.nspawn import NspawnLauncher

DEVICES = "[Service]\nType=oneshot\nRemainAfterExit=true\nExecStart=/bin/true\n"
"""Stands for the unit that makes the device files of GPUs; a node has none."""


class Launcher(NspawnLauncher):
    """With folders of this machine bound read-only."""

    binds: Mapping[Path, str] = {}

    def _argv(self, folder: Path, machine: str, name: str) -> list[str]:
        return [*super()._argv(folder, machine, name), *(f"--bind-ro={here}:{there}" for here, there in self.binds.items())]


@dataclass(frozen=True)
class UnitNode:
    host: RehearsalHost
    key: Path

    def run(self, command: str, *, stdin: str = "", check: bool = True) -> str:
        """As root; the output of both streams when it fails."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes", "ConnectTimeout=5"]
        argv = ["ssh", "-i", str(self.key), *(word for option in options for word in ("-o", option)), f"ubuntu@{self.host.address}"]
        done = subprocess.run(
            [*argv, "sudo sh -c " + _quoted(command)], capture_output=True, text=True, timeout=240, input=stdin, check=False
        )
        assert not check or 0 == done.returncode, done.stdout + done.stderr
        return done.stdout

    def write(self, path: str, text: str, mode: str = "644") -> None:
        self.run(f"mkdir -p $(dirname {path}) && cat > {path} && chmod {mode} {path}", stdin=text)


@contextmanager
def booted(folder: Path, binds: Mapping[Path, str] | None = None) -> Iterator[UnitNode]:
    """A node with the user of the engines."""
    key = folder / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, stdin=subprocess.DEVNULL)
    launcher = Launcher(folder / "hosts")
    launcher.binds = binds or {}
    launcher.open()
    try:
        data = f"#cloud-config\nssh_authorized_keys: ['{key.with_suffix('.pub').read_text().strip()}']\n"
        node = UnitNode(launcher.start("i-00000000000000003", data, "g6.xlarge"), key)
        node.run("useradd --system --shell /usr/sbin/nologin --home-dir /var/lib/inferstack --no-create-home llm")
        node.write("/etc/systemd/system/inferstack-nvidia-devices.service", DEVICES)
        yield node
    finally:
        launcher.close()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
