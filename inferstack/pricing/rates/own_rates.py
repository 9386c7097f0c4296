"""Prices that a usage.yaml states: an agreement, a price that the facts do not hold. Each holds for one key and one region."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from inferstack.pricing.rates import rates
from inferstack.pricing.rates.rates import Rate
from inferstack.records.errors import InputError

FIELDS = ("key", "region", "usd", "as_of", "source")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
BY_TYPE = re.compile(r"ec2/(?P<option>on-demand|spot|capacity-block)(-[a-z-]+)?/(?P<kind>[a-z0-9-]+\.[a-z0-9-]+)")
UNITS = {"on-demand": "instance-hour", "spot": "instance-hour", "capacity-block": "accelerator-hour"}
LISTED = "inferstack prices list shows the keys"

Wrong = Callable[[tuple[str, ...], str], InputError]


def read(content: Any, *, wrong: Wrong, place: str) -> tuple[Rate, ...]:
    """The entries below `rates:`. Raises what `wrong` makes of a field and of what is allowed there."""
    if content is None:
        return ()
    if not isinstance(content, list | tuple):
        raise wrong(("rates",), f"must be a list; each entry has {', '.join(FIELDS)}")
    return tuple(_rate(one, number, wrong=wrong, place=place) for number, one in enumerate(content))


def unit_of(key: str) -> str | None:
    """The unit that the facts give a key; of a type that they do not know by the way that it is bought. None for a key that is no price."""
    known = rates.history(key)
    if known:
        return known[-1].unit
    found = BY_TYPE.fullmatch(key)
    return UNITS[found["option"]] if found else None


def _rate(one: Any, number: int, *, wrong: Wrong, place: str) -> Rate:
    at = ("rates", str(number))
    if not isinstance(one, Mapping):
        raise wrong(at, f"must be a mapping with {', '.join(FIELDS)}")
    for name in one:
        if name not in FIELDS:
            raise wrong((*at, str(name)), f"is not a field of a rate; allowed: {', '.join(FIELDS)}")
    for name in FIELDS:
        if one.get(name) in (None, ""):
            raise wrong((*at, name), "is missing")
    key, unit = str(one["key"]), unit_of(str(one["key"]))
    if unit is None:
        near = difflib.get_close_matches(key, rates.known_keys(), n=1)
        raise wrong((*at, "key"), f"{key!r:.60} is not a price key{f'; did you mean {near[0]}?' if near else ''} ({LISTED})")
    if not REGION.fullmatch(str(one["region"])):
        raise wrong((*at, "region"), f"{one['region']!r:.40} is not a region, such as us-east-1")
    said = f"{one['source']} ({place})"
    return Rate(key, str(one["region"]), _usd(one["usd"], at, wrong), unit, said, _day(one["as_of"], at, wrong), "verified", kind="own")


def _usd(value: Any, at: tuple[str, ...], wrong: Wrong) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise wrong((*at, "usd"), f"{value!r:.40} is not allowed; must be a number of USD, 0 or more")
    return float(value)


def _day(value: Any, at: tuple[str, ...], wrong: Wrong) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise wrong((*at, "as_of"), f"{value!r:.40} is not a date, such as 2026-11-01") from None
