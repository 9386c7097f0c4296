"""The fault that only a provider can have: it dies in the middle of an update, once, when faults.json arms it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from pathlib import Path
from typing import Any

from inferstack.sandbox.faultmarks import marker
from inferstack.sandbox.provider.cloud.guard import APPLICATION

KILLED = "ProviderKilled"


def die_if_armed(sandbox: Path, *, token: str, name: str) -> None:
    """Kill this very process before a creation, if an armed fault of this stack means it and nobody used it yet."""
    stack = os.environ.get(APPLICATION, "").removeprefix("inferstack-")
    for fault in _armed(sandbox / "faults.json"):
        ours = fault.get("stack", "") in ("", stack)
        if ours and fault.get("name") == KILLED and concerns(fault.get("resource"), token, name) and _first(sandbox, fault):
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
    """Whoever makes the marker uses the fault. Each arming has an id of its own; a file that a person wrote has its time."""
    by_time = f"{(sandbox / 'faults.json').stat().st_mtime_ns} {fault.get('resource', '')}"
    used = marker(sandbox, str(fault.get("id") or hashlib.sha256(by_time.encode()).hexdigest()[:16]))
    used.parent.mkdir(exist_ok=True)
    try:
        used.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
