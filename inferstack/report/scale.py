"""Axes: from a value to a place in the picture, and round values to write beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
LOG_FROM = 12.0
"""Highest over lowest, from which an axis is drawn by ratios."""
SAME = 1e-6
"""Values nearer to each other than this share of them are one value."""


@dataclass(frozen=True)
class Scale:
    """`start` and `end` are places in the picture; `end` may be the smaller one."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        if self.log:
            share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, about: int = 5) -> tuple[float, ...]:
        return tuple(_decades(self.low, self.high) if self.log else _even(self.low, self.high, about))


def scale(values: Iterable[float], *, start: float, end: float, from_zero: bool = False) -> Scale:
    """Return a scale around the values, with a little room; by ratios where they span more than a factor of 12."""
    known = [one for one in values if math.isfinite(one)] or [1.0]
    low, high = min(known), max(known)
    if not from_zero and low > 0 and high / low >= LOG_FROM:
        return Scale(low / 1.15, high * 1.15, start, end, log=True)
    room = (high - low) * 0.06 if high - low > abs(high) * SAME else abs(high) * 0.1 or 1.0
    return Scale(0.0 if from_zero or low - room < 0 <= low else low - room, high + room, start, end)


def written(value: float) -> str:
    """Short: 12,500 as 12.5k; three digits."""
    for factor, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor * (10 if letter == "k" else 1):
            return f"{value / factor:.3g}{letter}"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _even(low: float, high: float, about: int) -> list[float]:
    raw = (high - low) / about
    size = 10 ** math.floor(math.log10(raw))
    step = next(one * size for one in STEPS if one * size >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [float(f"{n * step:.9g}") for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """1, 2 and 5 of each power of ten; the powers alone where that makes too many."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = [m * 10.0**e for e in exponents for m in (1, 2, 5)]
    inside = [one for one in every if low <= one <= high]
    return inside if len(inside) <= 9 else [one for one in inside if math.isclose(math.log10(one) % 1, 0, abs_tol=1e-9)]
