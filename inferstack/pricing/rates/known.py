"""Which prices are known, how old they are, and which a bill could need that no fact has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatch
from functools import lru_cache
from typing import Any

from inferstack.pricing.bill.caveats import STALE_AFTER_DAYS
from inferstack.pricing.rates import rates
from inferstack.pricing.rates.price_queries import ON_DEMAND, SERVICES
from inferstack.pricing.rates.rates import EVERYWHERE, Rate

BY_TYPE = ("ec2/on-demand", "ec2/spot", "ec2/capacity-block", "ec2/reserved-1y", "ec2/savings-plan", "ec2/compute-savings-plan")
OPTIONS = ("ec2/spot", "ec2/reserved-1y", "ec2/savings-plan-1y", "ec2/savings-plan-3y", "ec2/capacity-block")
NO_SERVICE = ("tokens/", "owned/")
ONE_PLACE = frozenset({"transfer/us-east-2"})  # a price of us-east-1 alone


@dataclass(frozen=True)
class Known:
    """The rate that counts today; `stale` after 30 days."""

    rate: Rate
    age_days: int

    @property
    def stale(self) -> bool:
        return self.age_days > STALE_AFTER_DAYS

    def as_json(self) -> dict[str, Any]:
        one = self.rate
        told = {"key": one.key, "region": one.region, "zone": one.zone, "usd": one.usd, "unit": one.unit, "as_of": one.as_of.isoformat()}
        judged = {"age_days": self.age_days, "stale": self.stale, "confidence": one.confidence, "kind": one.kind, "source": one.source}
        return {**told, **judged, "note": one.note}


@dataclass(frozen=True)
class Gaps:
    """What a bill of the region could need. `services` have no price there, `recalled` one from memory.

    `unpriced_types` are priced elsewhere (not sold here, or not known); `without` counts the types on sale that lack another way to buy.
    """

    region: str
    types: tuple[str, ...]
    unpriced_types: tuple[str, ...]
    services: tuple[str, ...]
    recalled: tuple[str, ...]
    stale: int
    without: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        missing = {"services": list(self.services), "recalled": list(self.recalled), "unpriced_types": list(self.unpriced_types)}
        return {"region": self.region, "types": list(self.types), **missing, "stale": self.stale, "without": self.without}


def listed(*, region: str | None, pattern: str | None, today: date) -> Iterator[Known]:
    """Yield the newest rate of each key, region and zone, sorted by key; `pattern` is part of a key, or one with * and ?."""
    for key in rates.known_keys():
        if pattern and not _fits(key, pattern):
            continue
        for one in _newest(key, region):
            yield Known(one, (today - one.as_of).days)


def gaps(region: str, *, today: date) -> Gaps:
    on_sale = _types_in(region)
    found = {key: rates.rate(key, region) for key in needed()}
    counted = [one for one in found.values() if one is not None] + [one for name in on_sale if (one := rates.on_demand(name, region))]
    return Gaps(
        region=region,
        types=on_sale,
        unpriced_types=tuple(name for name in _types() if rates.on_demand(name, region) is None and rates.accelerators(name) != 0),
        services=tuple(key for key, one in found.items() if one is None),
        recalled=tuple(one.key for one in counted if one.confidence == "recalled"),
        stale=sum((today - one.as_of).days > STALE_AFTER_DAYS for one in counted),
        without={option: sum(rates.rate(f"{option}/{name}", region) is None for name in on_sale) for option in OPTIONS},
    )


@lru_cache(maxsize=1)
def needed() -> tuple[str, ...]:
    """Keys of services that a bill could hold: priced in some region, or asked of the price list."""
    services = (key for key in rates.known_keys() if not key.startswith((*BY_TYPE, *NO_SERVICE)))
    regional = {key for key in services if any(one.region != EVERYWHERE for one in rates.history(key))}
    asked = {key for query in SERVICES for wanted in query.wanted for key in wanted.keys}
    return tuple(sorted((regional | asked) - ONE_PLACE))


def _newest(key: str, region: str | None) -> list[Rate]:
    newest: dict[tuple[str, str | None], Rate] = {}
    for one in rates.history(key, region):
        if region is None or one.region in (region, EVERYWHERE):
            newest[(one.region, one.zone)] = one
    return [newest[place] for place in sorted(newest, key=lambda place: (place[0], place[1] or ""))]


def _fits(key: str, pattern: str) -> bool:
    return fnmatch(key, pattern) if any(sign in pattern for sign in "*?[") else pattern in key


def _types() -> tuple[str, ...]:
    return tuple(key.removeprefix(f"{ON_DEMAND}/") for key in rates.known_keys() if key.startswith(f"{ON_DEMAND}/"))


def _types_in(region: str) -> tuple[str, ...]:
    return tuple(name for name in _types() if rates.on_demand(name, region) is not None and rates.accelerators(name) != 0)
