"""What a killed engine leaves torn in a file backend. A checkpoint is written beside its place and moved there whole; the attributes at its
side are not, and no checkpoint is read whose attributes are cut off. Without them it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from infra.naming import PROJECT
from stacks.engine import lock

ATTRIBUTES, UNFINISHED = ".attrs", ".tmp"


def mend(environment: Mapping[str, str], stack: str) -> tuple[str, ...]:
    """Names of the files that were removed; none while a process on this machine or another holds the stack's lock, or without files."""
    folder = lock.folder_of(environment)
    if folder is None or any(one.alive or not one.here for one in lock.holders(environment, stack)):
        return ()
    torn = [path for path in _files(folder, stack) if path.name.endswith(UNFINISHED) or not _whole(path)]
    for path in torn:
        path.unlink(missing_ok=True)
    return tuple(path.name for path in torn)


def _files(folder: Path, stack: str) -> Iterator[Path]:
    """Yield the files of this stack alone, whose name another's may begin with, and the one file of the backend that all stacks read."""
    stacks = folder / "stacks" / PROJECT
    yield from folder.glob(f"meta.yaml{ATTRIBUTES}")
    yield from sorted(stacks.glob(f"{stack}.json*{ATTRIBUTES}"))
    yield from sorted(stacks.glob(f"{stack}.json*{UNFINISHED}"))
    for kept in ("history", "backups"):
        yield from sorted((folder / kept / PROJECT / stack).glob(f"*{ATTRIBUTES}"))


def _whole(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except FileNotFoundError:
        return True
    except ValueError:
        return False
    return True
