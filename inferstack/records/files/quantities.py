"""Numbers as people write them: `2k`, `50M`, `1,000`, `1s` for a key in milliseconds, `20/s` and `120/min` for a rate."""

from __future__ import annotations

import math
import re

FORM = re.compile(r"(?P<usd>\$?)(?P<number>[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?|(?:0|[1-9]\d*)(?:\.\d+)?) ?(?P<unit>[a-zA-Z/]*)")
MILLISECONDS = {"ms": 1.0, "s": 1e3, "sec": 1e3, "min": 6e4}
PER_SECOND = {"/s": 1.0, "/sec": 1.0, "rps": 1.0, "qps": 1.0, "req/s": 1.0, "/min": 1 / 60, "/h": 1 / 3600, "/hour": 1 / 3600}
PER_DAY = {"/day": 1.0, "/d": 1.0}
THOUSANDS = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}
DOLLARS = {"usd": 1.0, "/h": 1.0, "usd/h": 1.0}


def read(key: str, text: str) -> float | None:
    """Return the number that the text of a key says, None where it says none that is clear for this key.

    Thousands are decimal, but for the capital K of `max_model_len`, which is 1,024 there as for vLLM.
    """
    found = FORM.fullmatch(text)
    if found is None or (found["usd"] and "usd" not in key):
        return None
    value, unit = float(found["number"].replace(",", "")), found["unit"]
    if key == "max_model_len" and unit == "K":
        return value * 1024
    factor = {"": 1.0, **_units(key)}.get(unit.lower())
    if factor is None or text.endswith(" "):
        return None
    scaled = value * factor
    if not math.isfinite(scaled):
        return None
    return int(scaled) if scaled == int(scaled) else scaled


def _units(key: str) -> dict[str, float]:
    """Return the units that a key takes beside its own."""
    if key.endswith("_ms"):
        return MILLISECONDS
    if "usd" in key:
        return DOLLARS
    if key == "request_rate":
        return {**PER_SECOND, "k": 1e3}
    if key == "tokens_per_s":
        return {**THOUSANDS, **{f"{size}/s": factor for size, factor in THOUSANDS.items()}, "/s": 1.0, "tok/s": 1.0, "tps": 1.0}
    if key == "tokens_per_day":
        return {**THOUSANDS, **PER_DAY, **{f"{size}/day": factor for size, factor in THOUSANDS.items()}}
    return THOUSANDS
