"""The Gaussian process behind `sizing.speed.residuals`: weights of the measured points from the residuals of the formula, and its facts."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sizing.speed.residuals import Kind, MeasuredPoint, ResidualSource
from tools.calibration.likeness import Kernel, LikenessPart, believed, clipped, covariance

NEAR_ENOUGH = 0.004
"""Log ratio by which the few bumps that the facts hold may differ from the whole curve at any measured point."""
RIDGE = 1e-3


@dataclass(frozen=True)
class Process:
    """Weights of its points under a kernel."""

    kernel: Kernel
    points: tuple[MeasuredPoint, ...]
    weights: Any

    def advice(self, points: Sequence[MeasuredPoint]) -> Any:
        """Return the expected log(predicted / measured) of a time, at other points."""
        if not self.points:
            return np.zeros(len(points))
        return covariance(self.kernel, points, self.points) @ self.weights

    @functools.cached_property
    def measured(self) -> dict[str, list[Any]]:
        """Places by stratum."""
        measured: dict[str, list[Any]] = {}
        for point in self.points:
            place = [*(round(one, 1) for one in point.at), point.layout]
            known = measured.setdefault(point.stratum, [])
            if place not in known:
                known.append(place)
        return measured

    def facts(self) -> dict[str, Any]:
        """What `sizing.speed.residuals` reads."""
        families = Counter(name for point in self.points for name in point.families)
        return {
            "parts": {part.name: {"lengths": list(part.lengths), "of": self._part(part)} for part in self.kernel.parts},
            "families": dict(sorted(families.items())),
            "measured": {key: self.measured[key] for key in sorted(self.measured)},
        }

    def _part(self, part: LikenessPart) -> dict[str, list[Any]]:
        """Key -> level, and the bumps of the curve where there are any."""
        places: dict[str, list[int]] = {}
        for i, point in enumerate(self.points):
            places.setdefault(point.keys[part.name], []).append(i)
        found = {}
        for key, mine in sorted(places.items()):
            weights = self.weights[mine]
            at = np.array([self.points[i].at for i in mine]) / np.array(part.lengths)
            bumps = few(at, part.curve**2 * weights) if part.curve else []
            found[key] = [round(float(part.level**2 * weights.sum()), 5), *([bumps] if bumps else [])]
        return found


@dataclass(frozen=True)
class Points(ResidualSource):
    """The points of a fit: its processes of steps and first tokens."""

    processes: Mapping[Kind, Process]

    def advice(self, kind: Kind, point: MeasuredPoint) -> float:
        return float(self.processes[kind].advice([point])[0])

    def measured(self, kind: Kind) -> Mapping[str, Any]:
        return self.processes[kind].measured


def process(kernel: Kernel, points: Sequence[MeasuredPoint], residuals: Any) -> Process:
    """`residuals` are log(predicted / measured) of times."""
    weights = np.zeros(len(points))
    for one in believed(kernel, points, residuals) if len(points) else []:
        weights[one.places] = one.inverse @ clipped(residuals[one.places])
    return Process(kernel, tuple(points), weights)


def few(at: Any, heights: Any) -> list[list[float]]:
    """A sum of bumps of unit length at the places `at` (n, 4), as a few of them that give the same at every place: the bump that is most
    like what is missing is taken next."""
    shape = np.exp(-0.5 * ((at[:, None, :] - at[None, :, :]) ** 2).sum(2))
    whole = shape @ heights
    taken: list[int] = []
    missing, made = whole, np.zeros(0)
    while np.abs(missing).max() > NEAR_ENOUGH and len(taken) < len(at):
        like = np.abs(missing @ shape) / np.sqrt((shape**2).sum(0))
        like[taken] = -1
        taken.append(int(like.argmax()))
        some = shape[:, taken]
        made = np.linalg.solve(some.T @ some + RIDGE * np.eye(len(taken)), some.T @ whole)
        missing = whole - some @ made
    return [[*(round(float(one), 3) for one in at[i]), round(float(height), 5)] for i, height in zip(taken, made, strict=True)]
