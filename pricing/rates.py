"""What AWS asks for a thing, where, since when and by whose word. A price that is not in the facts for a region is None, never a guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Literal, cast

from records.facts import load

HOURS_PER_MONTH = 730
EVERYWHERE = "global"
Confidence = Literal["verified", "recalled"]


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


def on_demand(instance_type: str, region: str) -> Rate | None:
    """USD per instance-hour: Linux, shared tenancy, no software in the price."""
    return rate(f"ec2/on-demand/{instance_type}", region)


def rate(key: str, region: str) -> Rate | None:
    """The newest record of the key in the region, or of the key everywhere; of several zones the dearest."""
    known = [found for found in history(key) if found.region in (region, EVERYWHERE)]
    if not known:
        return None
    newest = max(found.as_of for found in known)
    return max((found for found in known if found.as_of == newest), key=lambda found: found.usd)


def history(key: str) -> tuple[Rate, ...]:
    """Every dated record of the key, oldest first."""
    return _index().get(key, ())


def regions() -> tuple[str, ...]:
    """The regions where at least one on-demand instance price is known."""
    return tuple(sorted({found.region for key, rates in _index().items() if key.startswith("ec2/on-demand/") for found in rates}))


def accelerators(instance_type: str) -> int | None:
    """GPUs or Neuron devices of the type; 0 where a fact says that it has none, None where nothing is known."""
    return _accelerators().get(instance_type)


@lru_cache(maxsize=1)
def _index() -> dict[str, tuple[Rate, ...]]:
    found: dict[str, list[Rate]] = {}
    for record in _records():
        found.setdefault(record["key"], []).append(_rate(record))
    return {key: tuple(sorted(rates, key=lambda one: one.as_of)) for key, rates in found.items()}


@lru_cache(maxsize=1)
def _accelerators() -> dict[str, int]:
    return {record["key"].rsplit("/", 1)[1]: record["accelerators"] for record in _records() if record.get("accelerators") is not None}


def _records() -> Iterator[dict[str, Any]]:
    for content in load("pricing").values():
        for record in content.get("records", ()):
            yield {**record, "source": content["sources"][record["source"]]}


def _rate(record: dict[str, Any]) -> Rate:
    return Rate(
        key=record["key"],
        region=record["region"],
        usd=float(record["usd"]),
        unit=record["unit"],
        source=record["source"],
        as_of=date.fromisoformat(str(record["as_of"])),
        confidence=cast(Confidence, record["confidence"]),
        kind=record["kind"],
        zone=record.get("zone"),
        note=record.get("note", ""),
    )
