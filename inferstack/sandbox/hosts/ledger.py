"""The records of a hosts' folder on disk: whose it is, its network, its nodes. What a sweep needs after the owner's death, and no more."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from inferstack.records.record import write_text
from inferstack.sandbox.hosts.liveness import Pid

OWNER, NODE = "owner.json", "node.json"


@dataclass(frozen=True)
class Owner:
    process: Pid
    bridge: str = ""


@dataclass(frozen=True)
class NodeRecord:
    """`process` is what must die for all of the node to die; `machine` is nspawn's name of it."""

    instance_id: str
    process: Pid
    address: str
    machine: str = ""


def write_owner(folder: Path, bridge: str = "") -> None:
    write_text(folder / OWNER, json.dumps(asdict(Owner(Pid.of(os.getpid()), bridge))))


def read_owner(folder: Path) -> Owner | None:
    content = _read(folder / OWNER)
    return Owner(Pid(**content["process"]), content["bridge"]) if content else None


def nodes_folder(folder: Path) -> Path:
    return folder / "nodes"


def write_node(node_folder: Path, record: NodeRecord) -> None:
    write_text(node_folder / NODE, json.dumps(asdict(record)))


def read_nodes(folder: Path) -> list[NodeRecord]:
    found = [read_node(path) for path in sorted(nodes_folder(folder).glob("*"))]
    return [record for record in found if record]


def read_node(node_folder: Path) -> NodeRecord | None:
    content = _read(node_folder / NODE)
    return NodeRecord(**{**content, "process": Pid(**content["process"])}) if content else None


def log(folder: Path, line: str) -> None:
    """One line in the hosts' log, with the time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "hosts.log").open("a") as file:
        file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {line}\n")


def _read(path: Path) -> dict | None:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
