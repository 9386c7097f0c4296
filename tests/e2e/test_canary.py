"""A secret that is handed in appears nowhere afterwards: not in files, not in the process list."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.e2e.conftest import PLAN, Checkout

pytestmark = pytest.mark.e2e

API_KEY = "canary-api-key-5b1f0d7e"
HF_TOKEN = "hf_canaryTOKEN9c44aa"


def test_a_canary_is_found_in_no_file_and_no_process(checkout: Checkout) -> None:
    """API key and Hugging Face token through plan, up, configure, bench and down; the process list is watched all the while."""
    seen: list[str] = []
    done = threading.Event()
    watcher = threading.Thread(target=watch_processes, args=(seen, done), daemon=True)
    watcher.start()
    secrets = {"INFERSTACK_API_KEY": API_KEY, "HF_TOKEN": HF_TOKEN}
    checkout.run("plan", "--stack", "canary", "--rehearse", *PLAN, **secrets)
    said = [checkout.run("up", "--stack", "canary", "--yes", "-v", **secrets), checkout.run("bench", "--stack", "canary", **secrets)]
    found = files_with_a_canary(checkout.folder)
    said.append(checkout.run("down", "--stack", "canary", "--yes", **secrets))
    done.set()
    watcher.join()
    assert [] == found
    assert [] == files_with_a_canary(checkout.folder)
    assert [] == seen
    assert not any(API_KEY in entry.stdout + entry.stderr or HF_TOKEN in entry.stdout + entry.stderr for entry in said)


def files_with_a_canary(folder: Path) -> list[str]:
    """The key's own home, a node's 0600 file inside its overlay, is the one place where it may stand."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and "/hosts/" not in str(path):
            content = path.read_bytes()
            if API_KEY.encode() in content or HF_TOKEN.encode() in content:
                found.append(str(path.relative_to(folder)))
    return found


def watch_processes(seen: list[str], done: threading.Event) -> None:
    while not done.wait(0.1):
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    command = (entry / "cmdline").read_bytes().decode(errors="replace")
                except OSError:
                    continue
                if API_KEY in command or HF_TOKEN in command:
                    seen.append(command)
