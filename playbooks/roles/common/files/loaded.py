"""Prints the digest of what the main process of a unit was started with; an empty line when the unit does not run.

The unit gives the digest to its process as a variable, so this says what the process has, not what the unit's file says by now.
Argument: the unit. Standard library only.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys

VARIABLE = b"INFERSTACK_LOADED="


def main() -> None:
    command = ["systemctl", "show", "--property=MainPID", "--value", sys.argv[1]]
    pid = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    sys.stdout.write(f"{_digest(pid)}\n")


def _digest(pid: str) -> str:
    if pid in ("", "0"):
        return ""
    try:
        words = pathlib.Path("/proc", pid, "environ").read_bytes().split(b"\0")
    except OSError:
        return ""  # it ended meanwhile
    return next((word.removeprefix(VARIABLE).decode() for word in words if word.startswith(VARIABLE)), "not known")


if __name__ == "__main__":
    main()
