"""All that a play starts ends with it: Ansible's workers and SSH's masters leave their session and outlive a killed Ansible.

Linux only; elsewhere both functions do nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

DIE_WITH_PARENT, ADOPT_ORPHANS = 1, 36
PATIENCE_S = 5.0


def bind() -> None:
    """This process gets SIGTERM when its parent ends, and becomes the parent of what its children leave behind."""
    if sys.platform == "linux":
        import ctypes

        library = ctypes.CDLL(None)
        library.prctl(DIE_WITH_PARENT, signal.SIGTERM)
        library.prctl(ADOPT_ORPHANS, 1)


def end() -> None:
    """Kills what is left below this process; what a killed one had started comes up as our own child in the next round."""
    until = time.monotonic() + PATIENCE_S
    while sys.platform == "linux" and (left := _children()) and time.monotonic() < until:
        for pid in left:
            _kill(pid)
        time.sleep(0.02)


def _children() -> list[int]:
    return [int(pid) for task in Path("/proc/self/task").glob("*/children") for pid in task.read_text().split()]


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, os.WNOHANG)
    except (ProcessLookupError, ChildProcessError):
        pass
