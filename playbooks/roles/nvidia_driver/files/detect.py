"""Prints, as one line of JSON, what this host says of its GPUs and their driver. Standard library only; an absent program answers ""."""

from __future__ import annotations

import json
import pathlib
import platform
import subprocess
import sys

QUERY = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits"]


def main() -> None:
    seen = {
        "kernel": platform.release(),
        "distribution": _release("ID") + " " + _release("VERSION_ID"),
        "lspci": _said(["lspci", "-n", "-d", "10de:"]),
        "nvidia_smi": _said(QUERY),
        "fabric_manager": _said(["nv-fabricmanager", "--version"]).rpartition(":")[2].strip(),
    }
    sys.stdout.write(json.dumps(seen) + "\n")


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _release(name: str) -> str:
    lines = pathlib.Path("/etc/os-release").read_text().splitlines()
    return next((line.partition("=")[2].strip('"') for line in lines if line.startswith(f"{name}=")), "")


if __name__ == "__main__":
    main()
