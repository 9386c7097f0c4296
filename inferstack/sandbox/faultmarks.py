"""Where the provider notes that it died of an armed fault, and the daemon looks whether it did."""

from __future__ import annotations

from pathlib import Path

FOLDER = "faults.used"


def marker(sandbox: Path, fault_id: str) -> Path:
    """The file of one arming of one fault; whoever makes it has used the fault."""
    return sandbox / FOLDER / (fault_id or "none")
