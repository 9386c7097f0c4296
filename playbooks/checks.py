"""The roles that a host without GPU cannot run: their real tasks in Ansible's check mode, against recorded facts.

A check that passed is not repeated for the same stack while recipe, plan and recorded facts are the same, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from inferstack.records.configured import CheckedRole, Inventory
from inferstack.records.files.facts import content_digest
from inferstack.records.record import write_text
from playbooks.process import OnEvent, Play, run_play

FOLDER = Path(__file__).parent
FILE = "checked-roles.json"
RECORDED = "recorded"
"""Taken on a host of the kind. Facts that somebody composed show that the recipe can be read, never that it fits such a host."""


def check(play: Play, inventory: Inventory, *, folder: Path, on_event: OnEvent, cancelled: Callable[[], bool]) -> tuple[CheckedRole, ...]:
    """Raises CloudRefused(host) for a recipe that fails: a template, an undefined variable, a flag, an assertion."""
    roles = inventory.variables["inferstack_checked_roles"]
    if not roles:
        return ()
    digest, file = _digest(inventory), folder / FILE
    if known := _known(file, digest):
        return known
    outcome = run_play(play, "checked.yml", on_event=on_event, cancelled=cancelled, check=True)
    recorded = inventory.variables["inferstack_recorded_kind"] == RECORDED
    result: Literal["ok", "not checked"] = "ok" if recorded else "not checked"
    done = tuple(CheckedRole(role=role, why=_why(inventory, *outcome.ran(role)), result=result) for role in roles)
    write_text(file, json.dumps({"digest": digest, "roles": [role.model_dump() for role in done]}, indent=2) + "\n")
    return done


def _why(inventory: Inventory, ran: int, skipped: int) -> str:
    family, kind = inventory.variables["inferstack_recorded_family"], inventory.variables["inferstack_recorded_kind"]
    return (
        f"this host has no GPU: {ran} tasks ran in check mode on {kind} facts of {family}, {skipped} were skipped (packages, services, "
        "reboot, what these facts do not need); nothing was installed or started"
    )


def _digest(inventory: Inventory) -> str:
    digest = hashlib.sha256(json.dumps(inventory.variables, sort_keys=True).encode())
    digest.update(content_digest("sizing").encode())  # the engines' option tables lie there
    for path in sorted(path for path in FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        digest.update(f"{path.relative_to(FOLDER)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _known(file: Path, digest: str) -> tuple[CheckedRole, ...]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return tuple(CheckedRole.model_validate(role) for role in content["roles"]) if content["digest"] == digest else ()
    except (OSError, ValueError, KeyError, TypeError):
        return ()
