"""Quantiles by linear interpolation between the order statistics (Hyndman and Fan's type 7, numpy's default)."""

from __future__ import annotations

import math
from collections.abc import Iterable

from inferstack.records.measurement import Quantiles


def quantiles(values: Iterable[float | None]) -> Quantiles | None:
    """Return the quantiles of the values that are known, or None where there is none."""
    ordered = sorted(value for value in values if value is not None)
    if not ordered:
        return None
    return Quantiles(
        mean=math.fsum(ordered) / len(ordered),
        min=ordered[0],
        p50=quantile(ordered, 0.50),
        p90=quantile(ordered, 0.90),
        p95=quantile(ordered, 0.95),
        p99=quantile(ordered, 0.99),
        max=ordered[-1],
    )


def quantile(ordered: list[float], share: float) -> float:
    """`ordered` ascending and not empty; `share` from 0 to 1."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
