"""The official installer of the Pulumi CLI, through the Automation API."""

from __future__ import annotations

import socket
from pathlib import Path

INSTALLER_HOST = "get.pulumi.com"
REACHABLE_WITHIN_S = 3.0


def installer_reachable() -> bool:
    """Whether the installer's host answers at all; a machine behind a proxy builds the CLI or has it on PATH."""
    try:
        with socket.create_connection((INSTALLER_HOST, 443), timeout=REACHABLE_WITHIN_S):
            return True
    except OSError:
        return False


def install(folder: Path, version: str) -> Path | None:
    """The CLI's path, or None when the installer failed (the caller then builds it)."""
    from pulumi.automation import PulumiCommand
    from semver import VersionInfo

    try:
        command = PulumiCommand.install(root=str(folder), version=VersionInfo.parse(version))
    except Exception:  # noqa: BLE001  the installer is a downloaded shell script: anything may go wrong in it
        return None
    return Path(command.command)
