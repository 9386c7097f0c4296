"""What hosts install without any network, as a folder bound read-only: the engine's wheel of the lock file, and its start script."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from inferstack.records.errors import CloudRefused, MissingTool
from inferstack.records.files import places
from inferstack.sandbox.engine import server
from inferstack.sandbox.hosts import cache

ON_THE_HOST = "/mnt/artefacts"
PACKAGES = ("xllamacpp",)
LOCK = places.of_checkout("requirements/all.lock")
# The hosts' Python; the wheels are for it, not for the Python that runs here.
HOST_PYTHON, HOST_PLATFORM = "3.11", "manylinux2014_x86_64"


def artefacts(*, say: Callable[[str], None] = lambda line: None, lock: Path = LOCK) -> Path:
    """`wheels/` and `engine/llama_server.py`. The key covers both, so two checkouts never share a wrong one."""
    pins, script = pinned(lock), Path(server.__file__)
    key = hashlib.sha256(pins.encode() + script.read_bytes()).hexdigest()[:12]

    def build(folder: Path) -> None:
        say(f"fetching the engine's wheel for the hosts ({', '.join(PACKAGES)}, 34 MB, once)")
        _download(pins, folder / "wheels")
        (folder / "engine").mkdir()
        shutil.copyfile(script, folder / "engine" / "llama_server.py")

    return cache.made(f"artefacts-{key}", build)


def pinned(lock: Path) -> str:
    """The lines of the lock file, hashes included, for the packages that hosts need. Raises MissingTool without the file."""
    if not lock.is_file():
        raise MissingTool(f"{lock} is missing", hint="install the wheel again, or restore the file from the repository")
    entries = re.split(r"\n(?=[a-zA-Z0-9])", lock.read_text())
    found = [entry for entry in entries if re.split(r"[=\s\[;]", entry)[0] in PACKAGES]
    if len(found) != len(PACKAGES):
        raise MissingTool(f"{lock.name} does not pin {', '.join(PACKAGES)}", hint="make lock")
    return "\n".join("\n".join(line for line in entry.splitlines() if not line.lstrip().startswith("#")) for entry in found) + "\n"


def _download(pins: str, wheels: Path) -> None:
    wheels.mkdir(parents=True)
    requirements = wheels.parent / "requirements.txt"
    requirements.write_text(pins)
    argv = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    argv += [
        "--python-version",
        HOST_PYTHON,
        "--platform",
        HOST_PLATFORM,
        "--implementation",
        "cp",
        "--dest",
        str(wheels),
        "-r",
        str(requirements),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise CloudRefused(
            f"the engine's wheel could not be fetched: {last}", kind="host", hint="check pip's index settings and the network"
        )
