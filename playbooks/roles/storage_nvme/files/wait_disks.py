"""Waits until the image has mounted its instance storage, where it has a unit for that; prints one line of JSON.

The Deep Learning image makes a volume of the disks and mounts it in a unit at every boot: whoever looks before finds bare disks.
Arguments: the unit, the longest wait in seconds. Standard library only.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

SHOWN = "LoadState,ActiveState,UnitFileState,ExecMainExitTimestampMonotonic,ConditionResult,ConditionTimestampMonotonic"


def main() -> int:
    unit, ends = sys.argv[1], time.monotonic() + float(sys.argv[2])
    while (state := _state(_shown(unit))) == "waiting":
        if time.monotonic() > ends:
            sys.stderr.write(f"{unit} has not mounted the image's disks after {sys.argv[2]} s\n")
            return 1
        time.sleep(0.5)
    if state == "failed":
        sys.stderr.write(f"{unit} failed: the image could not mount its disks; replace the instance\n")
        return 1
    sys.stdout.write(json.dumps({"image_disks": state}) + "\n")
    return 0


def _shown(unit: str) -> dict[str, str]:
    done = subprocess.run(["systemctl", "show", f"--property={SHOWN}", unit], capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def _state(shown: dict[str, str]) -> str:
    """A unit that is enabled and has not begun yet is waited for: the boot goes on while a login is let in."""
    if shown.get("LoadState") == "not-found":
        return "no unit"
    if shown.get("ActiveState") == "failed":
        return "failed"
    if shown.get("ActiveState") == "activating":
        return "waiting"
    if shown.get("ActiveState") == "active" or _happened(shown, "ExecMainExitTimestampMonotonic"):
        return "mounted"
    if _happened(shown, "ConditionTimestampMonotonic") and shown.get("ConditionResult") == "no":
        return "not needed"
    return "waiting" if shown.get("UnitFileState") == "enabled" else "not enabled"


def _happened(shown: dict[str, str], timestamp: str) -> bool:
    return shown.get(timestamp, "0") not in ("", "0")


if __name__ == "__main__":
    sys.exit(main())
