"""The rates of `inferstack/pricing/facts`: dated records, and tables of one reading by type and region. A key becomes rates when it is
asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Literal, cast

from inferstack.records.files.facts import load

Confidence = Literal["verified", "recalled"]
EVERYWHERE = "global"
SHARED = ("unit", "as_of", "source", "confidence", "kind", "note")


@dataclass(frozen=True)
class Rate:
    """`usd` per `unit`. `zone` is set where a price holds in one availability zone alone (spot)."""

    key: str
    region: str
    usd: float
    unit: str
    source: str
    as_of: date
    confidence: Confidence
    kind: str = "vendor"
    zone: str | None = None
    note: str = ""


@lru_cache(maxsize=4096)
def built_in(key: str, region: str | None = None) -> tuple[Rate, ...]:
    """Return the rates of the facts alone, oldest first. With a region those that hold there: its own, and those that hold everywhere."""
    known = [*_by_key().get(key, ()), *_of_tables(key)]
    held = known if region is None else [one for one in known if one[0]["region"] in (region, EVERYWHERE)]
    return tuple(sorted((as_rate(record, sources) for record, sources in held), key=lambda one: one.as_of))


@lru_cache(maxsize=1)
def built_in_keys() -> frozenset[str]:
    """Every key that the facts know anywhere."""
    of_tables = (f"{prefix}/{name}" for prefix, tables in _tables().items() for table, _ in tables for name in table["usd"])
    return frozenset(_by_key()) | frozenset(of_tables)


@lru_cache(maxsize=1)
def accelerators() -> Mapping[str, int]:
    """GPUs or Neuron devices by instance type, as far as a fact says."""
    found: dict[str, int] = {}
    for tables in _tables().values():
        for table, _ in tables:
            found |= table.get("accelerators", {})
    for key, records in _by_key().items():
        for record, _ in records:
            if record.get("accelerators") is not None:
                found[key.rsplit("/", 1)[1]] = record["accelerators"]
    return found


@lru_cache(maxsize=1)
def families_without_accelerator() -> frozenset[str]:
    """Families of instance types, such as `t3`, of which no type bears a GPU or another accelerator."""
    return frozenset(load("pricing")["ec2_plain"]["without_accelerator"]["families"])


def as_rate(record: Mapping[str, Any], sources: Mapping[str, str]) -> Rate:
    """Raises KeyError or ValueError for a record that is none."""
    return Rate(
        key=record["key"],
        region=record["region"],
        usd=float(record["usd"]),
        unit=record["unit"],
        source=sources[record["source"]],
        as_of=date.fromisoformat(str(record["as_of"])),
        confidence=cast(Confidence, record["confidence"]),
        kind=record["kind"],
        zone=record.get("zone"),
        note=record.get("note", ""),
    )


@lru_cache(maxsize=1)
def _by_key() -> dict[str, list[tuple[dict[str, Any], dict[str, str]]]]:
    found: dict[str, list[tuple[dict[str, Any], dict[str, str]]]] = {}
    for content in load("pricing").values():
        for record in content.get("records", ()):
            found.setdefault(record["key"], []).append((record, content["sources"]))
    return found


@lru_cache(maxsize=1)
def _tables() -> dict[str, list[tuple[dict[str, Any], dict[str, str]]]]:
    """Return the tables by their key: what stands before the last / of the keys of its rates."""
    found: dict[str, list[tuple[dict[str, Any], dict[str, str]]]] = {}
    for content in load("pricing").values():
        for table in content.get("tables", ()):
            found.setdefault(table["key"], []).append((table, content["sources"]))
    return found


def _of_tables(key: str) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    prefix, _, name = key.rpartition("/")
    for table, sources in _tables().get(prefix, ()):
        yield from ((record, sources) for record in _of_table(table, name))


def _of_table(table: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    shared = {field: table[field] for field in SHARED if field in table}
    for region, usd in table["usd"].get(name, {}).items():
        yield {**shared, "key": f"{table['key']}/{name}", "region": region, "usd": usd}
