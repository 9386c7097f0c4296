"""How a gap of moto is filled: one attribute of one of its classes is replaced, and put back afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

ABSENT = object()


@dataclass(frozen=True)
class Patch:
    """`make` gets what moto has there (None where it has nothing) and gives what we have."""

    owner: type
    name: str
    make: Callable[[Any], Any]


@contextmanager
def applied(patches: Iterable[Patch]) -> Iterator[None]:
    undone: list[tuple[type, str, Any]] = []
    try:
        for patch in patches:
            before = patch.owner.__dict__.get(patch.name, ABSENT)
            setattr(patch.owner, patch.name, patch.make(getattr(patch.owner, patch.name, None)))
            undone.append((patch.owner, patch.name, before))
        yield
    finally:
        for owner, name, before in reversed(undone):
            if before is ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
