"""Starts a supervisor in its own PID and mount namespace: whatever happens to its owner, nothing of it outlives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from inferstack.sandbox.hosts import supervisor
from inferstack.sandbox.hosts.supervisor import Task

UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--propagation", "private")


def spawn(
    argv: list[str],
    *,
    log: Path,
    overlay: tuple[str, str, str, str] | tuple[()] = (),
    inode_file: Path | None = None,
    grace_s: float = 15.0,
) -> subprocess.Popen[bytes]:
    """The `unshare` process, parent of the supervisor. The owner is the calling process: its pidfd is inherited."""
    owner_fd = os.pidfd_open(os.getpid())
    try:
        task = Task(tuple(argv), str(log), owner_fd, grace_s, overlay, str(inode_file or ""))
        command = [*UNSHARE, sys.executable, "-I", supervisor.__file__, json.dumps(asdict(task))]
        with log.open("ab") as out:
            return subprocess.Popen(
                command, pass_fds=[owner_fd], start_new_session=True, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )
    finally:
        os.close(owner_fd)


def run_until_owner_ends(argv: list[str], *, log: Path) -> int:
    """Run to the end; a killed owner takes the command with it, and its mounts."""
    return spawn(argv, log=log, grace_s=0).wait()
