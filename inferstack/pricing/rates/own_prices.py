"""Prices that the user read from AWS, one file for each region, beside the facts. `inferstack prices refresh` appends, plans read.

A file holds the readings of a real account. What a rehearsal reads is kept elsewhere and never reaches a plan.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from inferstack.pricing.rates.rate_records import Rate, as_rate
from inferstack.records.errors import InputError
from inferstack.records.files import places

FORMAT = "inferstack-prices/1"
NEEDED = ("key", "region", "unit", "usd", "as_of", "source", "confidence", "kind")


def path_of(region: str, *, rehearsal: bool = False) -> Path:
    """Where the readings of a region lie."""
    folder = places.rehearsal_prices() if rehearsal else places.own_prices()
    return folder / f"{region}.json"


def of_key(key: str, region: str | None = None) -> tuple[Rate, ...]:
    """Return the user's own rates of a key in the order in which they were read. Raises InputError for a file that is damaged."""
    files = [path_of(region)] if region else stored()
    return tuple(rate for path in files for rate in _of_file(path).get(key, ()))


def of_region(region: str) -> Mapping[str, tuple[Rate, ...]]:
    """All readings of a region by key. Raises InputError for a file that is damaged."""
    return _of_file(path_of(region))


def keys() -> frozenset[str]:
    return frozenset(key for path in stored() for key in _of_file(path))


def regions(prefix: str) -> frozenset[str]:
    """Those with a reading of a key that begins so."""
    return frozenset(path.stem for path in stored() if any(key.startswith(prefix) for key in _of_file(path)))


def accelerators(instance_type: str) -> int | None:
    """Return how many accelerators the price list names for a type that the facts do not know."""
    counted = (_counted(path, path.stat().st_mtime_ns, path.stat().st_size) for path in stored())
    return next((counts[instance_type] for counts in counted if instance_type in counts), None)


def stored() -> list[Path]:
    folder = places.own_prices()
    return sorted(folder.glob("*.json")) if folder.is_dir() else []


def read(path: Path) -> dict[str, Any]:
    """`sources` and `records`; both empty where there is no file. Raises InputError for a file that is damaged."""
    if not path.exists():
        return {"format": FORMAT, "rehearsal": False, "sources": {}, "records": []}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT or not isinstance(content["sources"], dict):
            raise ValueError(f"format is {content['format']!r:.40}, allowed is {FORMAT!r}")
        for record in content["records"]:
            if absent := [name for name in NEEDED if name not in record]:
                raise ValueError(f"a record has no {', '.join(absent)}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a price file: {_said(error)}", hint="move it away; the built-in prices do not need it") from None
    return dict(content)


def appended(content: Mapping[str, Any], readings: Iterable[Mapping[str, Any]], *, source: tuple[str, str]) -> tuple[dict[str, Any], int]:
    """The content with what is new at its end, and how many that is. Nothing that stands is changed.

    A reading is new when the last of its key, zone and day says another price or tiers, or there is none. `source` is short name and text.
    """
    name, text = source
    last = {_place(record): record for record in content["records"]}
    new = []
    for reading in readings:
        record = {**reading, "source": name}
        if _said_alike(last.get(_place(record)), record):
            continue
        last[_place(record)] = record
        new.append(record)
    sources = {**content["sources"], name: text} if new else content["sources"]
    return {**content, "sources": sources, "records": [*content["records"], *new]}, len(new)


def text_of(content: Mapping[str, Any]) -> str:
    """One record a line, so that what a refresh appended can be seen in a diff."""
    head = {name: value for name, value in content.items() if name != "records"}
    lines = ",\n".join("  " + json.dumps(record, ensure_ascii=False) for record in content["records"])
    return json.dumps(head, ensure_ascii=False, indent=1)[:-2] + ',\n "records": [\n' + lines + "\n ]\n}\n"


def _of_file(path: Path) -> Mapping[str, tuple[Rate, ...]]:
    try:
        at = path.stat()
    except FileNotFoundError:
        return {}
    return _indexed(path, at.st_mtime_ns, at.st_size)


@lru_cache(256)
def _indexed(path: Path, changed_ns: int, size: int) -> Mapping[str, tuple[Rate, ...]]:
    """Return the rates of each key; of readings of one key, zone and day the last counts, the others stay in the file for the record."""
    content = read(path)
    if content.get("rehearsal"):
        raise InputError(f"{path}: these prices come from a rehearsal and must not be used in a plan", hint="move the file away")
    found: dict[str, dict[tuple[Any, ...], Rate]] = {}
    for record in content["records"]:
        try:
            found.setdefault(record["key"], {})[_place(record)] = as_rate(record, content["sources"])
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(
                f"{path}: {record['key']!r:.80}: {_said(error)}", hint="move the file away; the built-in prices do not need it"
            ) from None
    return {key: tuple(rates.values()) for key, rates in found.items()}


@lru_cache(256)
def _counted(path: Path, changed_ns: int, size: int) -> Mapping[str, int]:
    return {record["key"].rsplit("/", 1)[-1]: record["accelerators"] for record in read(path)["records"] if "accelerators" in record}


def _place(record: Mapping[str, Any]) -> tuple[Any, ...]:
    return record["key"], record["region"], record.get("zone"), record["as_of"]


def _said_alike(one: Mapping[str, Any] | None, other: Mapping[str, Any]) -> bool:
    return one is not None and all(one.get(name) == other.get(name) for name in ("usd", "unit", "tiers"))


def _said(error: Exception) -> str:
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
