"""What a dead owner leaves: a bridge, folders, lock files of nspawn, and at worst processes. Found by record, removed, each thing said."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from inferstack.records.errors import CloudRefused
from inferstack.sandbox.hosts import ledger, network
from inferstack.sandbox.hosts.liveness import kill

INODE = "inode"
NSPAWN = Path("/run/systemd/nspawn")


def swept(folder: Path) -> list[str]:
    """The things removed; none while the owner lives."""
    folder = Path(folder).absolute()
    owner = ledger.read_owner(folder)
    if owner and owner.process.alive():
        return []
    said = _nodes(folder)
    bridge = (owner and owner.bridge) or network.bridge_name(folder)
    if network.removed(bridge):
        said.append(f"bridge {bridge}")
    if owner:
        forget_folder(folder)
        said.append(f"records of the owner {owner.process.pid}")
    return said


def refuse_living_owner(folder: Path) -> None:
    owner = ledger.read_owner(folder)
    if owner and owner.process.alive():
        raise CloudRefused(f"the hosts of this folder belong to process {owner.process.pid}", kind="host", hint="stop that rehearsal first")


def forget_node(node_folder: Path) -> None:
    """Removes the folder of a node that no longer runs, and what a killed nspawn keeps for it below /run."""
    inode = node_folder / INODE
    if inode.exists():
        (NSPAWN / "locks" / inode.read_text().strip()).unlink(missing_ok=True)
    record = ledger.read_node(node_folder)
    if record and record.machine:
        shutil.rmtree(NSPAWN / "propagate" / record.machine, ignore_errors=True)
    root = node_folder / "root"
    if root.is_mount():
        subprocess.run(["umount", "--lazy", str(root)], check=False)
    shutil.rmtree(node_folder, ignore_errors=True)


def forget_folder(folder: Path) -> None:
    (folder / ledger.OWNER).unlink(missing_ok=True)
    shutil.rmtree(ledger.nodes_folder(folder), ignore_errors=True)


def _nodes(folder: Path) -> list[str]:
    said = []
    for record in ledger.read_nodes(folder):
        if kill(record.process):
            said.append(f"process {record.process.pid} of {record.instance_id}")
    at = ledger.nodes_folder(folder)
    for node_folder in sorted(at.iterdir()) if at.is_dir() else []:
        forget_node(node_folder)
        said.append(f"folder of {node_folder.name}")
    return said
