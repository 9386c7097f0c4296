"""What is assumed of parts that are charged by use: a usage.yaml of the user before the defaults of the facts."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

from pricing.rates import HOURS_PER_MONTH
from pricing.registration import Registration
from records.errors import InputError
from records.facts import load
from records.preview import Assumption
from records.reading import read_mapping

FILE_NAME = "usage.yaml"
DEFAULT = "default"
TOP = ("schema_version", "usage")
REFERENCE = "docs/reference/bill.md lists them"
COUNTED_UNITS = {"k": 1e3, "M": 1e6}


@dataclass(frozen=True)
class Entry:
    """One assignment. `pattern` is TYPE or TYPE::NAME, * and ? allowed."""

    pattern: str
    key: str
    value: float | str
    place: str

    def fits(self, one: Registration) -> bool:
        name = f"{one.type}::{one.name}" if "::" in self.pattern else one.type
        return fnmatchcase(name, self.pattern)


@dataclass(frozen=True)
class Usage:
    """Assignments in the order of the file; of several that fit a resource the last holds."""

    entries: tuple[Entry, ...] = ()

    def of(self, one: Registration, key: str, *, default: float | None = None) -> Assumption | None:
        """The user's value, else `default` (what the program itself shows), else that of the facts; None where there is none."""
        known = keys(one.type)[key]
        for entry in reversed(self.entries):
            if entry.key == key and entry.fits(one):
                return Assumption(key=key, value=entry.value, unit=known["unit"], set_by=entry.place)
        value = known["default"] if default is None else default
        return None if value is None else Assumption(key=key, value=value, unit=known["unit"], set_by=DEFAULT, basis=known["basis"])


def keys(kind: str) -> Mapping[str, Any]:
    """What may be set for a type: key -> unit, default, basis. Empty where nothing of it is charged by use."""
    return cast(dict[str, Any], table().get(kind, {}))


def table() -> Mapping[str, Any]:
    """By Pulumi type."""
    return cast(dict[str, Any], load("pricing")["usage"]["assumed"])


def read(path: Path) -> Usage:
    """A usage.yaml. Raises InputError with file, line, field and what is allowed."""
    content, lines = read_mapping(path)
    for name in content:
        if name not in TOP:
            raise _wrong(path, lines, (name,), f"is not a field of this file; allowed: {', '.join(TOP)}")
    if content.get("schema_version", 1) != 1:
        raise _wrong(path, lines, ("schema_version",), f"{content['schema_version']!r} is not a version of this file; allowed: 1")
    asked = content.get("usage", {})
    if not isinstance(asked, Mapping):
        raise _wrong(path, lines, ("usage",), "a mapping of resources is needed, such as 'aws:s3/bucket:Bucket'")
    return Usage(tuple(entry for pattern, given in asked.items() for entry in _entries(path, lines, str(pattern), given)))


def per_month(unit: str, value: float) -> float:
    """The value of a usage key in the unit of its rate: `1k-requests` counts thousands, `LCU-hour` is a mean over 730 hours."""
    count, _, counted = unit.partition("-")
    if counted and count[:-1].isdigit() and count[-1] in COUNTED_UNITS:
        return value / (float(count[:-1]) * COUNTED_UNITS[count[-1]])
    return value * HOURS_PER_MONTH if unit.endswith("-hour") else value


def _entries(path: Path, lines: Mapping[tuple[str, ...], int], pattern: str, given: Any) -> list[Entry]:
    types = _types_that_fit(path, lines, pattern)
    if not isinstance(given, Mapping):
        raise _wrong(path, lines, ("usage", pattern), f"a mapping is needed; allowed: {_allowed(types)}")
    return [_entry(path, lines, pattern, str(key), value, types) for key, value in given.items()]


def _entry(path: Path, lines: Mapping[tuple[str, ...], int], pattern: str, key: str, value: Any, types: list[str]) -> Entry:
    at = ("usage", pattern, key)
    known = next((keys(kind)[key] for kind in types if key in keys(kind)), None)
    if known is None:
        raise _wrong(path, lines, at, f"nothing is charged by it; allowed: {_allowed(types)}")
    if known.get("text"):
        if not isinstance(value, str) or not value:
            raise _wrong(path, lines, at, f"{value!r:.40} is not allowed; {known['unit']} is needed")
        return Entry(pattern, key, value, f"{path.name}:{lines.get(at, 1)}")
    number = not isinstance(value, bool) and isinstance(value, int | float)
    if not number or not math.isfinite(value) or value < 0:
        raise _wrong(path, lines, at, f"{value!r:.40} is not allowed; a number of {known['unit']}, 0 or more")
    return Entry(pattern, key, float(value), f"{path.name}:{lines.get(at, 1)}")


def _types_that_fit(path: Path, lines: Mapping[tuple[str, ...], int], pattern: str) -> list[str]:
    asked = pattern.partition("::")[0]
    found = [kind for kind in table() if fnmatchcase(kind, asked)]
    if found:
        return found
    near = difflib.get_close_matches(asked, table(), n=1)
    more = f"; did you mean {near[0]}?" if near else ""
    raise _wrong(path, lines, ("usage", pattern), f"no type with a part that is charged by use has this name{more} ({REFERENCE})")


def _allowed(types: list[str]) -> str:
    return ", ".join(dict.fromkeys(key for kind in types for key in keys(kind)))


def _wrong(path: Path, lines: Mapping[tuple[str, ...], int], at: tuple[str, ...], what: str) -> InputError:
    line = next((lines[at[:n]] for n in range(len(at), 0, -1) if at[:n] in lines), 1)
    return InputError(f"{path}:{line}: {'.'.join(at)}: {what}")
