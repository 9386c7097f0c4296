"""The Gaussian process behind `sizing.neighbours`: weights of the measured points from the residuals of the formula, and its facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sizing.neighbours import LEVELS, Point

CLIP = 0.5
"""A residual beyond this log ratio is taken as this one: a wrong row does not bend its neighbours."""


@dataclass(frozen=True)
class Kernel:
    """Spreads (log) of every part: levels, the stratum's and the layout's constant, and their curves over load, prompt, answer and GPUs."""

    levels: tuple[float, float, float, float]
    stratum: float
    stratum_curve: float
    layout: float
    layout_curve: float
    lengths: tuple[float, float, float, float]
    noise: float


STEP_KERNEL = Kernel((0.07, 0.08, 0.05, 0.05), 0.06, 0.08, 0.05, 0.06, (1.2, 1.4, 1.2, 1.1), 0.04)
FIRST_KERNEL = Kernel((0.25, 0.1, 0.05, 0.1), 0.12, 0.2, 0.08, 0.1, (1.6, 1.4, 2.4, 1.8), 0.07)


@dataclass(frozen=True)
class Process:
    """Weights of its points under a kernel."""

    kernel: Kernel
    points: tuple[Point, ...]
    weights: Any

    def advice(self, points: Sequence[Point]) -> Any:
        """Expected log(predicted / measured) of a time, at other points."""
        if not self.points:
            return np.zeros(len(points))
        return covariance(self.kernel, points, self.points) @ self.weights

    def facts(self) -> dict[str, Any]:
        """What `sizing.neighbours` reads."""
        k, weights = self.kernel, self.weights
        levels: dict[str, dict[str, float]] = {level: {} for level in LEVELS}
        anchors: dict[str, dict[str, Any]] = {}
        for point, weight in zip(self.points, weights, strict=True):
            for level, spread in zip(LEVELS, k.levels, strict=True):
                levels[level][point.keys[level]] = levels[level].get(point.keys[level], 0.0) + spread**2 * weight
            mine = anchors.setdefault(point.stratum, {"level": 0.0, "layouts": {}, "points": []})
            mine["level"] += k.stratum**2 * weight
            mine["layouts"][point.layout] = mine["layouts"].get(point.layout, 0.0) + k.layout**2 * weight
            at = [round(a / b, 3) for a, b in zip(point.at, k.lengths, strict=True)]
            mine["points"].append([*at, point.layout, round(float(weight), 3)])
        return {
            "lengths": list(k.lengths), "stratum_curve": round(k.stratum_curve**2, 6), "layout_curve": round(k.layout_curve**2, 6),
            "levels": {level: {key: round(float(value), 5) for key, value in sorted(of.items())} for level, of in levels.items()},
            "anchors": {key: _rounded(anchors[key]) for key in sorted(anchors)},
        }  # fmt: skip


def process(kernel: Kernel, points: Sequence[Point], residuals: Any) -> Process:
    """`residuals` are log(predicted / measured) of times."""
    if not len(points):
        return Process(kernel, (), np.zeros(0))
    matrix = covariance(kernel, points, points) + kernel.noise**2 * np.eye(len(points))
    return Process(kernel, tuple(points), np.linalg.solve(matrix, np.clip(residuals, -CLIP, CLIP)))


def covariance(kernel: Kernel, a: Sequence[Point], b: Sequence[Point]) -> Any:
    """Of the log ratio at points a with that at points b."""
    total = np.zeros((len(a), len(b)))
    for level, spread in zip(LEVELS, kernel.levels, strict=True):
        total[_same([p.keys[level] for p in a], [p.keys[level] for p in b])] += spread**2
    stratum = _same([p.stratum for p in a], [p.stratum for p in b])
    layout = _same([p.layout for p in a], [p.layout for p in b])[stratum]
    curve = np.exp(-0.5 * _distance(kernel, a, b, stratum))
    near = kernel.stratum**2 + kernel.stratum_curve**2 * curve
    total[stratum] = total[stratum] + near + layout * (kernel.layout**2 + kernel.layout_curve**2 * curve)
    return total


def _same(a: Sequence[str], b: Sequence[str]) -> Any:
    codes = {name: i for i, name in enumerate({*a, *b})}
    return np.array([codes[name] for name in a])[:, None] == np.array([codes[name] for name in b])[None, :]


def _distance(kernel: Kernel, a: Sequence[Point], b: Sequence[Point], where: Any) -> Any:
    """Squared, of the pairs that share a stratum: few of all."""
    lengths, (rows, columns) = np.array(kernel.lengths), np.nonzero(where)
    at, other = np.array([p.at for p in a]) / lengths, np.array([p.at for p in b]) / lengths
    return ((at[rows] - other[columns]) ** 2).sum(1)


def _rounded(anchors: dict[str, Any]) -> dict[str, Any]:
    return {
        "level": round(float(anchors["level"]), 5),
        "layouts": {key: round(float(value), 5) for key, value in sorted(anchors["layouts"].items())},
        "points": anchors["points"],
    }
