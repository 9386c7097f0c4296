"""How alike the residuals of two rows are expected to be, and how far each row is believed: what the fit and the neighbours share.

Rows of one laboratory, model and GPU err together: sixty of them say little more than two. A fit that took them for independent would bend
the constants to the longest sweep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sizing.speed.residuals import MeasuredPoint

CLIP = 0.5
"""A residual beyond this log ratio is taken as this one: a wrong row does not bend its neighbours."""
FREEDOM = 3.0
"""Degrees of freedom of a row's own noise (Student's t): a row that its neighbours contradict is believed less."""
MOST_BELIEVED = 1.5
ALIKE, NOISIER = 0.4, 2.0


@dataclass(frozen=True)
class LikenessPart:
    """Spreads (log) of what the points with the same key share: a level, and a curve over load, prompt, answer and number of GPUs, whose
    lengths are in logarithms."""

    name: str
    level: float
    curve: float = 0.0
    lengths: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Kernel:
    """`noise`: the spread of a row of its own, by kind of load."""

    parts: tuple[LikenessPart, ...]
    noise: Mapping[str, float]

    @property
    def in_a_fit(self) -> Kernel:
        """Rows are taken as less alike than they are: between this and independent rows the constants foretell an unseen GPU best."""
        parts = tuple(replace(part, level=part.level * ALIKE, curve=part.curve * ALIKE) for part in self.parts)
        return Kernel(parts, {how: spread * NOISIER for how, spread in self.noise.items()})


STEP_KERNEL = Kernel(
    (
        LikenessPart("class_family", 0.075),
        LikenessPart("group_gpu", 0.067, 0.049, (2.2, 4.3, 2.7, 0.95)),
        LikenessPart("group_model", 0.024, 0.06, (1.33, 4.8, 3.7, 2.0)),
        LikenessPart("engine_model", 0.008, 0.05, (2.6, 2.0, 1.8, 1.9)),
        LikenessPart("model_layout", 0.0, 0.04, (2.3, 1.7, 2.5, 1.8)),
        LikenessPart("own_layout", 0.046),
    ),
    {"offline": 0.06, "closed": 0.03, "open": 0.03},
)
FIRST_KERNEL = Kernel(
    (
        LikenessPart("class_family", 0.118),
        LikenessPart("group_gpu", 0.157, 0.12, (1.5, 1.9, 2.8, 1.8)),
        LikenessPart("group_model", 0.036, 0.116, (1.5, 3.2, 2.2, 2.0)),
        LikenessPart("engine_model", 0.012, 0.137, (1.4, 1.3, 2.9, 1.5)),
        LikenessPart("model_layout", 0.0, 0.052, (2.1, 1.7, 1.9, 1.8)),
        LikenessPart("own_layout", 0.107),
    ),
    {"offline": 0.085, "closed": 0.085, "open": 0.085},
)
"""Spreads and lengths where the marginal likelihood of the residuals is highest: of the step the mean of what either half of the
configurations gives (they differ by 13 % in the median), of the first token what one half gives."""


@dataclass(frozen=True)
class Believed:
    """Rows of one engine: their places, and the inverse of the covariance of their residuals, noise included."""

    places: Any
    inverse: Any


def believed(kernel: Kernel, points: Sequence[MeasuredPoint], residuals: Any) -> list[Believed]:
    """One for each engine: engines share no part. `residuals` are log(predicted / measured) of times; they say which rows to doubt."""
    engines = np.array([point.engine for point in points])
    return [_believed(kernel, points, residuals, np.flatnonzero(engines == engine)) for engine in sorted(set(engines))]


def clipped(residuals: Any) -> Any:
    return np.clip(residuals, -CLIP, CLIP)


def tamed(residuals: Any) -> Any:
    """Whose square is Huber's loss: beyond CLIP a row pulls as one at CLIP. The square of a clipped residual does not grow with it, so a
    descent by it would rest where a row is lost."""
    far = np.maximum(np.abs(residuals), CLIP)
    return np.where(np.abs(residuals) < CLIP, residuals, np.sign(residuals) * np.sqrt(CLIP * (2 * far - CLIP)))


def slope_of_tamed(residuals: Any) -> Any:
    far = np.maximum(np.abs(residuals), CLIP)
    return CLIP / np.sqrt(CLIP * (2 * far - CLIP))


def covariance(kernel: Kernel, a: Sequence[MeasuredPoint], b: Sequence[MeasuredPoint]) -> Any:
    """Return the covariance of the log ratio at points a with that at points b."""
    total = np.zeros((len(a), len(b)))
    at, other = np.array([p.at for p in a]), np.array([p.at for p in b])
    for part in kernel.parts:
        rows, columns = np.nonzero(_same([p.keys[part.name] for p in a], [p.keys[part.name] for p in b]))
        shared = np.full(len(rows), part.level**2)
        if part.curve:
            apart = ((at[rows] - other[columns]) / np.array(part.lengths)) ** 2
            shared += part.curve**2 * np.exp(-0.5 * apart.sum(1))
        total[rows, columns] += shared
    return total


def _believed(kernel: Kernel, points: Sequence[MeasuredPoint], residuals: Any, places: Any) -> Believed:
    """The noise of a row by how far the other rows foretell it, all rows weighing alike at first."""
    mine = [points[i] for i in places]
    shared = covariance(kernel, mine, mine)
    noise = np.array([kernel.noise[point.how] for point in mine]) ** 2
    inverse = np.linalg.inv(shared + np.diag(noise))
    spread = np.diag(inverse)
    off = (inverse @ clipped(residuals[places])) / spread
    weights = np.minimum((FREEDOM + 1) / (FREEDOM + off**2 * spread), MOST_BELIEVED)
    return Believed(places, np.linalg.inv(shared + np.diag(noise / weights)))


def _same(a: Sequence[str], b: Sequence[str]) -> Any:
    codes = {name: i for i, name in enumerate(dict.fromkeys([*a, *b]))}
    return np.array([codes[name] for name in a])[:, None] == np.array([codes[name] for name in b])[None, :]
