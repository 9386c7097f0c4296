"""Can this machine run nspawn nodes? One reason why not, found by trying the same calls in a throw-away namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from inferstack.records.errors import InferstackError
from inferstack.sandbox.hosts.aptsources import archives

TOOLS = (
    ("systemd-nspawn", "systemd-container"),
    ("mmdebstrap", "mmdebstrap"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
    ("ssh-keygen", "openssh-client"),
)
CAPABILITIES = ((21, "CAP_SYS_ADMIN"), (12, "CAP_NET_ADMIN"))
OVERLAY = "mkdir lower upper work root && mount -t overlay probe -o lowerdir=lower,upperdir=upper,workdir=work root"
BRIDGE = "ip link add probe type bridge && ip link add probe0 type veth"


def why_not(folder: Path | None = None) -> str | None:
    """`folder` is where the hosts would live; by default the place for temporary files."""
    if sys.platform != "linux":
        return "needs Linux"
    if os.geteuid() != 0:
        return "needs root (namespaces and mounts)"
    for tool, package in TOOLS:
        if not shutil.which(tool):
            return f"needs {tool} (apt-get install {package})"
    held = _capabilities()
    for bit, name in CAPABILITIES:
        if not held >> bit & 1:
            return f"needs {name} (unprivileged container?)"
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "needs overlayfs in the kernel"
    return _no_archives() or _tried(folder or Path(tempfile.gettempdir()))


def _capabilities() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff"))
    return int(line.split()[1], 16)


def _no_archives() -> str | None:
    try:
        archives()
    except InferstackError as error:
        return error.message
    return None


def _tried(folder: Path) -> str | None:
    """A container may hold the capabilities and still be refused the calls, or live on a file system that cannot carry an overlay."""
    near = next(parent for parent in [folder, *folder.absolute().parents] if parent.is_dir())
    with tempfile.TemporaryDirectory(dir=near, prefix=".probe-") as at:
        for namespaces, script, what in (("--mount", OVERLAY, f"an overlay on {near}"), ("--net", BRIDGE, "a bridge")):
            argv = ["unshare", namespaces, "--pid", "--fork", "--kill-child=KILL", "sh", "-c", script]
            done = subprocess.run(argv, cwd=at, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            if done.returncode:
                return f"cannot make {what}: {(done.stderr.strip().splitlines() or ['refused'])[-1]}"
    return None
