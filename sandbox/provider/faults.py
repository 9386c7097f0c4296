"""The fault that only a provider can have: it dies in the middle of an update, once, when faults.json arms it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from pathlib import Path
from typing import Any

KILLED = "ProviderKilled"


def die_if_armed(sandbox: Path, *, token: str, name: str) -> None:
    """Before a creation: kills this very process if an armed fault means it and nobody used it yet."""
    for fault in _armed(sandbox / "faults.json"):
        if fault.get("name") == KILLED and concerns(fault.get("resource"), token, name) and _first(sandbox, fault):
            os.kill(os.getpid(), signal.SIGKILL)


def concerns(resource: Any, token: str, name: str) -> bool:
    """`resource` is part of the type's or the resource's name; empty means every resource."""
    return str(resource or "").lower() in f"{token} {name}".lower()


def _armed(file: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return []
    listed = found.get("faults", []) if isinstance(found, dict) else found
    return [fault for fault in listed or () if isinstance(fault, dict) and not fault.get("used")]


def _first(sandbox: Path, fault: dict[str, Any]) -> bool:
    """Whoever makes the marker uses the fault. Arming writes the file anew, so its time tells one arming from the next."""
    armed = f"{(sandbox / 'faults.json').stat().st_mtime_ns} {fault.get('resource', '')}"
    used = sandbox / "faults.used"
    used.mkdir(exist_ok=True)
    try:
        (used / hashlib.sha256(armed.encode()).hexdigest()[:16]).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
