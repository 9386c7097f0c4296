"""The root file system that every node shares as its lower layer: built once from the machine's own archives, never written to again."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from inferstack.records.errors import CloudRefused
from inferstack.sandbox.hosts import cache
from inferstack.sandbox.hosts.aptsources import AptSource, archives
from inferstack.sandbox.hosts.namespace import run_until_owner_ends

# awscli and the OpenMP runtime are there because the image of real nodes (Deep Learning Base) has them.
PACKAGES = (
    *("apt", "systemd", "systemd-sysv", "dbus", "udev", "kmod", "procps", "python3", "python3-apt", "python3-venv", "python3-packaging"),
    *("openssh-server", "sudo", "iproute2", "ca-certificates", "curl", "awscli", "libgomp1"),
)
KEPT_DAYS = 62
# What the image that real nodes start from does: a login with sudo, no root login, no host keys of its own.
CUSTOMIZE = r"""
set -e
id ubuntu >/dev/null 2>&1 || useradd --uid 1000 --create-home --shell /bin/bash --groups sudo ubuntu
printf 'ubuntu ALL=(ALL) NOPASSWD:ALL\n' > /etc/sudoers.d/90-cloud-init-users && chmod 0440 /etc/sudoers.d/90-cloud-init-users
passwd --quiet --lock root
printf 'UseDNS no\nPasswordAuthentication no\nPermitRootLogin no\n' > /etc/ssh/sshd_config.d/10-inferstack.conf
rm -f /etc/ssh/ssh_host_*
printf 'force-unsafe-io\n' > /etc/dpkg/dpkg.cfg.d/inferstack
mkdir -p /mnt/artefacts
systemctl enable --quiet systemd-networkd.service
systemctl mask --quiet systemd-networkd-wait-online.service systemd-resolved.service apt-daily.timer apt-daily-upgrade.timer fstrim.timer
: > /etc/machine-id
"""


def rootfs(*, say: Callable[[str], None] = lambda line: None) -> Path:
    """The unpacked file system of this machine's release. Raises CloudRefused (kind host) with the builder's last line."""
    release, sources = archives()

    def build(folder: Path) -> None:
        say(f"building the root file system of the hosts ({release}, once a month, 30-100 s)")
        _debootstrap(folder, release, sources)
        cache.forgotten("rootfs-*", older_than_days=KEPT_DAYS)

    return cache.made(f"rootfs-{key(release, sources)}", build)


def key(release: str, sources: tuple[AptSource, ...], *, today: datetime | None = None) -> str:
    """Release, and a hash of package list, recipe, sources and month: lists of packages in the image age."""
    month = (today or datetime.now(UTC)).strftime("%Y-%m")
    content = "\n".join([*PACKAGES, CUSTOMIZE, *(source.line for source in sources), month])
    return f"{release}-{month}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"


def _debootstrap(folder: Path, release: str, sources: tuple[AptSource, ...]) -> None:
    root, log = folder, folder.parent / f"{folder.name}.log"
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}", "--skip=cleanup/apt/lists"]
    argv += [f'--customize-hook=chroot "$1" sh -c {shlex.quote(CUSTOMIZE)}', release, str(root)]
    argv += [source.line for source in sources]
    status = run_until_owner_ends(argv, log=log)
    text = log.read_text(errors="replace")
    log.unlink()
    if status:
        last = next((line for line in reversed(text.splitlines()) if line.startswith("E:")), text[-200:].strip())
        raise CloudRefused(
            f"the root file system of the hosts could not be built: {last}",
            kind="host",
            hint="check apt sources and network, or set INFERSTACK_HOSTS=process",
        )
    subprocess.run(["sync", "-f", str(root)], check=True)
