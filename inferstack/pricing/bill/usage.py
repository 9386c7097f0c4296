"""What is assumed of parts that are charged by use: a usage.yaml of the user before the defaults of the facts."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from inferstack.pricing.bill.registration import Registration
from inferstack.pricing.rates import own_rates
from inferstack.pricing.rates.rates import HOURS_PER_MONTH, Rate
from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from inferstack.records.files.reading import read_mapping
from inferstack.records.preview import Assumption

FILE_NAME = "usage.yaml"
DEFAULT = "default"
TOP = ("schema_version", "usage", "rates")
REFERENCE = "docs/reference/bill.md lists them"
COUNTED_UNITS = {"k": 1e3, "M": 1e6}
ONCE = "_once"
A_MONTH, IN_ITS_LIFE = " a month", " over the whole life of the stack"


@dataclass(frozen=True)
class UsageEntry:
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
    """Assignments in the order of the file; of several that fit a resource the last holds. `rates` are prices of the user's own."""

    entries: tuple[UsageEntry, ...] = ()
    rates: tuple[Rate, ...] = ()

    def of(self, one: Registration, key: str, *, default: float | None = None) -> Assumption | None:
        """The user's value, else `default` (what the program itself shows), else that of the facts; None where there is none."""
        known = keys(one.type)[key]
        set_here = self._set(one, key)
        if set_here is not None:
            return set_here
        value = known["default"] if default is None else default
        return None if value is None else Assumption(key=key, value=value, unit=known["unit"], set_by=DEFAULT, basis=known["basis"])

    def said(self, one: Registration, key: str, *, default: float | None = None) -> Iterator[Assumption]:
        """What is used a month, and what is used once. A default is not added to what the user said is used once."""
        once = self._set(one, f"{key}{ONCE}") if f"{key}{ONCE}" in keys(one.type) else None
        monthly = self.of(one, key, default=default)
        if monthly is not None and (once is None or monthly.set_by != DEFAULT):
            yield monthly
        if once is not None:
            yield once

    def rate(self, key: str, region: str) -> Rate | None:
        """The user's own price of a key in a region; the last of the file holds."""
        return next((one for one in reversed(self.rates) if (one.key, one.region) == (key, region)), None)

    def _set(self, one: Registration, key: str) -> Assumption | None:
        known = keys(one.type)[key]
        found = next((entry for entry in reversed(self.entries) if entry.key == key and entry.fits(one)), None)
        if found is None:
            return None
        return Assumption(key=key, value=found.value, unit=known["unit"], set_by=found.place, once=bool(known.get("once")))


def keys(kind: str) -> Mapping[str, Any]:
    """What may be set for a type: key -> unit, default, basis. Empty where nothing of it is charged by use."""
    return table().get(kind, {})


@lru_cache(maxsize=1)
def table() -> Mapping[str, Mapping[str, Any]]:
    """Return the usage keys of each Pulumi type. Each key that flows is followed by its `KEY_once`."""
    listed = load("pricing")["usage"]["assumed"]
    return {kind: {name: told for key, one in found.items() for name, told in _with_once(key, one)} for kind, found in listed.items()}


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
        raise _wrong(path, lines, ("usage",), "must be a mapping of resources, such as 'aws:s3/bucket:Bucket'")
    entries = tuple(entry for pattern, given in asked.items() for entry in _entries(path, lines, str(pattern), given))
    return Usage(entries, own_rates.read(content.get("rates"), wrong=lambda at, what: _wrong(path, lines, at, what), place=path.name))


def per_month(unit: str, value: float) -> float:
    """The value of a usage key in the unit of its rate: `1k-requests` counts thousands, `LCU-hour` is a mean over 730 hours."""
    count, _, counted = unit.partition("-")
    if counted and count[:-1].isdigit() and count[-1] in COUNTED_UNITS:
        return value / (float(count[:-1]) * COUNTED_UNITS[count[-1]])
    return value * HOURS_PER_MONTH if unit.endswith("-hour") else value


def _with_once(key: str, one: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield key, one
    if one.get("flows"):
        told = {
            "unit": one["unit"].replace(A_MONTH, IN_ITS_LIFE),
            "default": None,
            "basis": f"instead of {key}, or in addition to it",
            "once": True,
        }
        yield f"{key}{ONCE}", told


def _entries(path: Path, lines: Mapping[tuple[str, ...], int], pattern: str, given: Any) -> list[UsageEntry]:
    types = _types_that_fit(path, lines, pattern)
    if not isinstance(given, Mapping):
        raise _wrong(path, lines, ("usage", pattern), f"must be a mapping; allowed: {_allowed(types)}")
    return [_entry(path, lines, pattern, str(key), value, types) for key, value in given.items()]


def _entry(path: Path, lines: Mapping[tuple[str, ...], int], pattern: str, key: str, value: Any, types: list[str]) -> UsageEntry:
    at = ("usage", pattern, key)
    known = next((keys(kind)[key] for kind in types if key in keys(kind)), None)
    if known is None:
        raise _wrong(path, lines, at, f"has no usage-based charge; allowed: {_allowed(types)}")
    if known.get("text"):
        if not isinstance(value, str) or not value:
            raise _wrong(path, lines, at, f"{value!r:.40} is not allowed; must be {known['unit']}")
        return UsageEntry(pattern, key, value, f"{path.name}:{lines.get(at, 1)}")
    number = not isinstance(value, bool) and isinstance(value, int | float)
    if not number or not math.isfinite(value) or value < 0:
        raise _wrong(path, lines, at, f"{value!r:.40} is not allowed; must be a number of {known['unit']}, 0 or more")
    return UsageEntry(pattern, key, float(value), f"{path.name}:{lines.get(at, 1)}")


def _types_that_fit(path: Path, lines: Mapping[tuple[str, ...], int], pattern: str) -> list[str]:
    asked = pattern.partition("::")[0]
    found = [kind for kind in table() if fnmatchcase(kind, asked)]
    if found:
        return found
    near = difflib.get_close_matches(asked, table(), n=1)
    more = f"; did you mean {near[0]}?" if near else ""
    raise _wrong(path, lines, ("usage", pattern), f"no type with a usage-based charge has this name{more} ({REFERENCE})")


def _allowed(types: list[str]) -> str:
    return ", ".join(dict.fromkeys(key for kind in types for key in keys(kind)))


def _wrong(path: Path, lines: Mapping[tuple[str, ...], int], at: tuple[str, ...], what: str) -> InputError:
    line = next((lines[at[:n]] for n in range(len(at), 0, -1) if at[:n] in lines), 1)
    return InputError(f"{path}:{line}: {'.'.join(at)}: {what}")
