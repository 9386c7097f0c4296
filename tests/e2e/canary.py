"""Two secrets that can be searched for, and the searches."""

from __future__ import annotations

import threading
from pathlib import Path

API_KEY = "canary-api-key-5b1f0d7e"
HF_TOKEN = "hf_canaryTOKEN9c44aa"
PAUSE_S = 0.2


def files_with_a_canary(folder: Path) -> list[str]:
    """Every file below the folder, binary ones too, but for the tests that hold the canaries themselves."""
    found = []
    for path in folder.rglob("*"):
        if folder / "tests" not in path.parents and path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if API_KEY.encode() in content or HF_TOKEN.encode() in content:
                found.append(str(path.relative_to(folder)))
    return found


def watch_processes(seen: list[str], done: threading.Event) -> None:
    """Command lines, several times a second."""
    while not done.wait(PAUSE_S):
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    command = (entry / "cmdline").read_bytes().decode(errors="replace")
                except OSError:
                    continue
                if API_KEY in command or HF_TOKEN in command:
                    seen.append(command)
