"""PID 1 of a node's own PID and mount namespace: mounts the overlay, keeps nspawn running, and ends with the owner.

Run as a plain file by `unshare` (standard library only). When this process goes, by any signal, the kernel kills nspawn and its guest
and the overlay and the veth go with them. SIGTERM halts the guest orderly, SIGHUP reboots it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

REBOOT_STATUS = 133
SYSTEMD_REBOOT = signal.SIGRTMIN + 5
YOUNG_S = 5.0
WATCHED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


@dataclass(frozen=True)
class Task:
    """What to run. `overlay` is (lower, upper, work, mount point) or empty; a child that exits with 133 is started again.

    After `grace_s` an orderly end is given up; a guest that is still booting does not hear the request and is given 2 s.
    """

    argv: tuple[str, ...]
    log: str
    owner_fd: int
    grace_s: float = 15.0
    overlay: tuple[str, str, str, str] | tuple[()] = ()
    inode_file: str = ""


def main() -> int:
    task = Task(**json.loads(sys.argv[1]))
    woken = _wakeups()
    if task.overlay:
        _mount(task.overlay, task.inode_file)
    return _keep(task, woken)


def _wakeups() -> int:
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    for number in WATCHED:
        signal.signal(number, lambda *_: None)
    return readable


def _mount(overlay: tuple[str, str, str, str], inode_file: str) -> None:
    lower, upper, work, root = overlay
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "inferstack", "-o", options, root], check=True)
    if inode_file:
        at = Path(root).stat()
        Path(inode_file).write_text(f"inode-{at.st_dev}:{at.st_ino}")


def _keep(task: Task, woken: int) -> int:
    child, begun, deadline = _start(task), time.monotonic(), 0.0
    while True:
        watched = [woken] if deadline else [woken, task.owner_fd]
        ready, _, _ = select.select(watched, [], [], max(0.0, deadline - time.monotonic()) if deadline else None)
        got = os.read(woken, 64) if woken in ready else b""
        _reap_others(child)
        if child.poll() is not None:
            if child.returncode != REBOOT_STATUS or deadline:
                return child.returncode
            child, begun = _start(task), time.monotonic()
        asked = signal.SIGTERM in got or signal.SIGINT in got or task.owner_fd in ready
        if asked and not deadline:
            young = time.monotonic() - begun < YOUNG_S
            deadline = time.monotonic() + min(task.grace_s, 2.0 if young else task.grace_s)
            child.terminate()
        elif signal.SIGHUP in got and not deadline:
            _reboot(child)
        elif deadline and time.monotonic() >= deadline:
            return -signal.SIGKILL


def _start(task: Task) -> subprocess.Popen[bytes]:
    with Path(task.log).open("ab") as log:
        return subprocess.Popen(task.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)


def _reap_others(child: subprocess.Popen[bytes]) -> None:
    """PID 1 inherits every orphan of its namespace."""
    while (found := _exited()) is not None and found != child.pid:
        os.waitpid(found, 0)


def _exited() -> int | None:
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return found.si_pid if found else None


def _reboot(nspawn: subprocess.Popen[bytes]) -> None:
    """systemd reboots on this signal; the guest's PID 1 is the child of nspawn."""
    children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split()
    for pid in children:
        os.kill(int(pid), SYSTEMD_REBOOT)


if __name__ == "__main__":
    sys.exit(main())
