"""Bands from held-out residuals: split-conformal quantiles for every stratum and distance, and whether 90 % of other rows lie inside."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from sizing.speed.error_bands import NARROWEST, Level, names
from tools.calibration.predict import kind
from tools.calibration.splits import HeldOut

FEWEST = 20
COVERED = 0.9
LEVELS: tuple[Level, ...] = ("near", "mid", "far")
SPLIT_OF: dict[str, Level] = {"half": "near", "gpu": "mid", "family": "far"}
Bands = dict[str, dict[str, tuple[float, float]]]


def bands(held: Iterable[HeldOut]) -> Bands:
    """Stratum -> level -> factors on a prediction. A level without enough rows of its own is left out: the next wider stratum answers."""
    residuals: dict[tuple[str, Level], list[float]] = {}
    for one in held:
        at = level(one)
        if at is not None:
            for stratum in strata(one):
                residuals.setdefault((stratum, at), []).append(-one.log_ratio)
    found: Bands = {}
    for (stratum, at), values in sorted(residuals.items()):
        if len(values) >= FEWEST or stratum == "all":
            found.setdefault(stratum, {})[at] = _quantiles(values)
    return found


def level(one: HeldOut) -> Level | None:
    """Return the level of one row; of the halves only rows whose own stratum was seen say what near means. Flagged rows say nothing."""
    if one.entry.sample.unfit or (one.split == "half" and not one.known):
        return None
    return SPLIT_OF.get(one.split)


def strata(one: HeldOut) -> tuple[str, ...]:
    """Narrowest first."""
    load, metric = kind(one.entry)
    short = {"output_tokens_per_s": "tokens", "itl_ms": "itl", "ttft_ms": "ttft"}[metric]
    if one.saturated and load != "offline":
        if short == "ttft":
            return ("ttft saturated",)
        if load == "open":
            return ("itl saturated",)
    return names(short, load=load, engine=one.entry.replica.engine.stratum, moe=not one.entry.dense)  # type: ignore[arg-type]


def covered(held: Sequence[HeldOut]) -> dict[tuple[str, str], tuple[int, int]]:
    """(level, stratum) -> rows, rows inside: bands of one random half of the configurations, tried on the other, both ways."""
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for part in (0, 1):
        made = bands([one for one in held if _part(one) == part])
        for one in (one for one in held if _part(one) != part):
            at = level(one)
            if at is None:
                continue
            low, high = _of(made, strata(one), at)
            inside = low <= math.exp(-one.log_ratio) <= high
            for key in ((at, strata(one)[0]), (at, "")):
                n, good = counts.get(key, (0, 0))
                counts[key] = (n + 1, good + inside)
    return counts


def _of(made: Bands, stratum_names: tuple[str, ...], at: Level) -> tuple[float, float]:
    for name in (*stratum_names, "all"):
        if at in made.get(name, {}):
            low, high = made[name][at]
            return min(low, 1 - NARROWEST), max(high, 1 + NARROWEST)
    return 0.5, 2.0


def _part(one: HeldOut) -> int:
    return int(hashlib.md5(f"band{one.entry.configuration}".encode(), usedforsecurity=False).hexdigest(), 16) % 2


def _quantiles(values: Sequence[float]) -> tuple[float, float]:
    """Levels (n + 1) 0.95 / n and its mirror: as many rows inside as promised, not a few less."""
    n, tail = len(values), (1 - COVERED) / 2
    low = max(0.0, math.floor((n + 1) * tail) / n)
    high = min(1.0, math.ceil((n + 1) * (1 - tail)) / n)
    ends: Any = np.exp(np.quantile(np.array(values), [low, high]))
    return round(float(ends[0]), 3), round(float(ends[1]), 3)
