"""Folders that are made once for each machine: found by key, built under a temporary name, renamed when whole."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path


def home() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "inferstack"


def made(name: str, build: Callable[[Path], None], *, folder: Path | None = None) -> Path:
    """`folder/name`, built by `build(temporary folder)` if it is not there. What a killed builder left is removed first."""
    folder = folder or home()
    final = folder / name
    if final.is_dir():
        return final
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f".{name}.lock"):
        if final.is_dir():
            return final
        for half in folder.glob(f".{name}.part-*"):
            shutil.rmtree(half) if half.is_dir() else half.unlink()
        part = folder / f".{name}.part-{os.getpid()}"
        part.mkdir()
        try:
            build(part)
            part.rename(final)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    return final


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """An exclusive lock that the kernel gives back when its holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def forgotten(pattern: str, *, older_than_days: float, folder: Path | None = None) -> None:
    """Removes folders that no current key names: a key holds its month, so old ones are never asked for again."""
    for path in (folder or home()).glob(pattern):
        if path.is_dir() and path.stat().st_mtime < time.time() - older_than_days * 86400:
            shutil.rmtree(path, ignore_errors=True)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
