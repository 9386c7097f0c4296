"""One ed25519 key for each stack: the one secret that a stack's folder may hold, mode 0600, removed by `down`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from inferstack.records.errors import MissingTool

PRIVATE = "id_ed25519"
KNOWN_HOSTS = "known_hosts"
OF_A_CLUSTER = (PRIVATE, f"{PRIVATE}.pub", KNOWN_HOSTS, "endpoint-ca.pem", "endpoint-ca.key")


def ensure(folder: Path, *, comment: str) -> str:
    """Makes the key if there is none; answers the public one."""
    private = folder / PRIVATE
    if not private.exists() or not private.with_suffix(".pub").exists():
        _make(private, comment)
    private.chmod(0o600)
    return private.with_suffix(".pub").read_text(encoding="utf-8").strip()


def remove(folder: Path) -> None:
    for name in OF_A_CLUSTER:
        (folder / name).unlink(missing_ok=True)


def _make(private: Path, comment: str) -> None:
    tool = shutil.which("ssh-keygen")
    if not tool:
        raise MissingTool(
            "ssh-keygen is missing; nodes are reached by ssh", hint="apt-get install openssh-client, or your system's package"
        )
    private.parent.mkdir(parents=True, exist_ok=True)
    for old in (private, private.with_suffix(".pub")):
        old.unlink(missing_ok=True)
    done = subprocess.run(
        [tool, "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(private)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise MissingTool(f"ssh-keygen failed: {(done.stderr.strip().splitlines() or ['no output'])[-1]}", hint="inferstack doctor")
