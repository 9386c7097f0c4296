"""What a verb needs beyond a plain install: the packages of an extra, which of them are missing, and the one line that installs them.

Which packages an extra has is read from the installed distribution's own metadata, so that pyproject.toml alone says it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from inferstack.records.errors import MissingTool
from inferstack.records.files import places

DISTRIBUTION = "inferstack"
HUB, CLOUD, REHEARSAL = "hub", "cloud", "rehearsal"
NEEDS: Mapping[str, str] = {
    **dict.fromkeys(("preview", "up", "configure", "connect", "bench", "down", "extend", "weights put", "prices refresh"), CLOUD),
    "demo": REHEARSAL,
}
"""Verbs that call AWS or build there; every other verb works in a plain install. `model add` needs HUB for a model that it must look up."""
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*(\[(?P<extras>[\w, -]+)\])?[^;]*(;.*\bextra\s*==\s*['\"](?P<extra>[\w-]+)['\"])?")


def checked(made: Any, verb: str) -> Any:
    """Return the command as it was, but for this: without its extra it raises MissingTool before it begins. `--help` needs none."""
    for name, leaf in getattr(made, "commands", {}).items():
        checked(leaf, f"{verb} {name}")
    if verb in NEEDS:
        made.callback = _checked(made.callback, verb)
    return made


def require(extra: str, *, by: str) -> None:
    """Raises MissingTool, which names what is missing and the line that installs it."""
    lacking = missing(extra)
    if lacking:
        be = "is" if len(lacking) == 1 else "are"
        raise MissingTool(f"{by} needs {', '.join(lacking)}, which {be} not installed", hint=install_line(extra))


def missing(extra: str) -> tuple[str, ...]:
    """Packages of the extra that are not installed. Empty for a tree that was never installed: nobody knows there what it needs."""
    from importlib import metadata  # 10 ms that no plan should wait for

    try:
        requirements = metadata.requires(DISTRIBUTION) or ()
    except metadata.PackageNotFoundError:
        return ()
    return tuple(name for name in sorted(set(_packages(extra, requirements))) if not _is_there(name))


def install_line(extra: str) -> str:
    """A checkout has an environment of its own."""
    return "make setup" if places.is_checkout() else f"pip install '{DISTRIBUTION}[{extra}]'"


def _checked(work: Callable[..., Any], verb: str) -> Callable[..., Any]:
    @functools.wraps(work)
    def run(**flags: Any) -> Any:
        require(REHEARSAL if flags.get("rehearse") else NEEDS[verb], by=f"{DISTRIBUTION} {verb}")
        return work(**flags)

    return run


def _packages(extra: str, requirements: Any) -> Iterator[str]:
    """Those of an extra, and of the extras that it takes in."""
    for text in requirements:
        found = REQUIREMENT.match(text)
        if found is None or found["extra"] != extra:
            continue
        if found["name"] != DISTRIBUTION:
            yield found["name"]
            continue
        for inner in (found["extras"] or "").split(","):
            yield from _packages(inner.strip(), requirements)


def _is_there(name: str) -> bool:
    from importlib import metadata

    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
