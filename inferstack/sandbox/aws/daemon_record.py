"""`daemon.json`: who the daemon of a folder is and how it is reached; trusted only while that very process lives."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

LOST = "lost.json"


@dataclass(frozen=True, kw_only=True)
class SandboxInfo:
    """`started` is the process's start time in clock ticks since boot: a pid that was given out again has another one.

    `access_key` is the key id that every call must carry; another user of the machine does not know it. `own_key` is that of the embedded
    AWS's own calls and of tests that look behind the scenes: the policies of the caller do not bind it.
    """

    pid: int
    started: int
    endpoint_url: str
    account_id: str
    host_kind: str = "none"
    host_note: str = ""
    node_endpoint_url: str = ""
    node_imds_url: str = ""
    package_proxy_url: str = ""
    bridge: str = ""
    artefacts_path: str = ""
    access_key: str = field(default="", repr=False)
    own_key: str = field(default="", repr=False)


@dataclass(frozen=True)
class DaemonRecord:
    info: SandboxInfo
    token: str


def path_of(folder: Path) -> Path:
    return folder / "daemon.json"


def write(folder: Path, record: DaemonRecord) -> None:
    """Whole or not at all, and for the owner's eyes: it holds the token of the control surface."""
    content = asdict(record.info) | {"token": record.token}
    write_private(path_of(folder), content)


def read(folder: Path) -> DaemonRecord | None:
    """None where there is no record, or none that can be read (a cut-off file of a full disk)."""
    try:
        content: dict[str, Any] = json.loads(path_of(folder).read_text(encoding="utf-8"))
        known = {f.name for f in fields(SandboxInfo)}
        return DaemonRecord(SandboxInfo(**{k: v for k, v in content.items() if k in known}), str(content["token"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def lost(folder: Path) -> str | None:
    """Why the rehearsal of this folder is gone although nobody ended it; None when it is not."""
    found = read(folder)
    if found is not None:
        return None if alive(found.info) else f"process {found.info.pid} died"
    try:
        return str(json.loads((folder / LOST).read_text(encoding="utf-8"))["reason"])
    except (OSError, ValueError, KeyError):
        return None


def alive(info: SandboxInfo) -> bool:
    return start_ticks(info.pid) == info.started


def start_ticks(pid: int) -> int | None:
    """None for a process that is gone or only waits to be collected."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return None if after_name[0] in "ZX" else int(after_name[19])


def write_private(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
    os.replace(temporary, path)
