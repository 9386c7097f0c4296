"""Least squares on log residuals: soft L1, so that a wrong row pulls little, and a ridge towards the start for thin strata. Of steps then
generalised least squares, in which rows that err together count for less."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tools.calibration.constants import Space
from tools.calibration.likeness import Kernel, believed, slope_of_tamed, tamed
from tools.calibration.table import CLASSES, Rows

STEP = 1e-4
FIRST_DAMPING, LEAST_DAMPING, LEAST_GAIN, TRIES, FARTHEST = 1e-3, 1e-9, 0.01, 12, 0.7
ENOUGH, ROUGHLY = 1e-5, 1e-3
"""Share of the cost by which a step must still lower it. A descent that stops earlier says where it came from, not what the rows say: rows
of an unseen family were then predicted by how far each constant happened to have come."""
MOST_ITERATIONS = 60
Predict = Callable[[Any, Rows], Any]
"""Vector of constants and rows -> the metric of every row."""


@dataclass(frozen=True)
class ParameterBlock:
    """Rows that one formula answers."""

    predict: Predict
    rows: Rows


@dataclass(frozen=True)
class _At:
    """Where a descent stands: constants, residuals, cost, and how short the next step is kept."""

    x: Any
    r: Any
    cost: float
    damping: float


def fitted(space: Space, blocks: Sequence[ParameterBlock], *, start: Any = None, enough: float = ENOUGH) -> Any:
    """The vector of constants, rows taken for independent; deterministic."""
    blocks = [block for block in blocks if len(block.rows)]

    def at(x: Any) -> tuple[Any, float]:
        r, away = _residuals(blocks, x), x - space.start
        return r, float((2 * (np.sqrt(1 + (r / space.soft) ** 2) - 1)).sum() + away @ space.precision @ away)

    def bent(here: _At) -> tuple[Any, Any]:
        jacobian = _jacobian(space, blocks, here.x, here.r)
        weight = 1 / np.sqrt(1 + (here.r / space.soft) ** 2) / space.soft**2
        normal = jacobian.T @ (jacobian * weight[:, None]) + space.precision
        return normal, jacobian.T @ (weight * here.r) + space.precision @ (here.x - space.start)

    return _descended(space.start if start is None else start, at, bent, enough)


def typical_error(blocks: Sequence[ParameterBlock], x: Any) -> float:
    """Return the median of the absolute log residuals."""
    return float(np.median(np.abs(_residuals([block for block in blocks if len(block.rows)], x))))


def refitted(space: Space, blocks: Sequence[ParameterBlock], kernel: Kernel, *, start: Any) -> Any:
    """The vector that is likeliest when residuals are as alike as the kernel says; from the vector of an ordinary fit."""
    blocks = [block for block in blocks if len(block.rows)]
    signs = np.concatenate([block.rows.signs for block in blocks])
    points = [entry.point for block in blocks for entry in block.rows.entries]
    engines = believed(kernel, points, _residuals(blocks, start) * signs)

    def at(x: Any) -> tuple[Any, float]:
        r, away = _residuals(blocks, x), x - space.start
        held = tamed(r * signs)
        return r, float(sum(held[one.places] @ one.inverse @ held[one.places] for one in engines) + away @ space.precision @ away)

    def bent(here: _At) -> tuple[Any, Any]:
        slopes, held = signs * slope_of_tamed(here.r), tamed(here.r * signs)
        jacobian = _jacobian(space, blocks, here.x, here.r) * slopes[:, None]
        normal, gradient = space.precision.copy(), space.precision @ (here.x - space.start)
        for one in engines:
            mine = jacobian[one.places]
            weighed = one.inverse @ mine
            normal += mine.T @ weighed
            gradient += weighed.T @ held[one.places]
        return normal, gradient

    return _descended(start, at, bent, ENOUGH)


def _descended(start: Any, at: Callable[[Any], tuple[Any, float]], bent: Callable[[_At], tuple[Any, Any]], enough: float) -> Any:
    """Levenberg and Marquardt. `at`: residuals and cost of a vector; `bent`: normal matrix and half the gradient of the cost there."""
    here = _At(start.copy(), *at(start), FIRST_DAMPING)
    for _ in range(MOST_ITERATIONS):
        there = _improved(here, at, *bent(here))
        if there is None:
            break
        small = here.cost - there.cost < enough * here.cost
        here = there
        if small:
            break
    return here.x


def _improved(here: _At, at: Callable[[Any], tuple[Any, float]], normal: Any, gradient: Any) -> _At | None:
    """The damping follows how much of the promised gain came true (Nielsen): what had to be damped once is not tried undamped again."""
    damping = here.damping
    for growth in range(1, TRIES + 1):
        move = -np.linalg.solve(normal + damping * np.diag(np.diag(normal)), gradient)
        move *= min(1.0, FARTHEST / np.abs(move).max())
        residuals, cost = at(here.x + move)
        gain = (here.cost - cost) / -(2 * gradient @ move + move @ normal @ move)
        if np.isfinite(gain) and gain > LEAST_GAIN:
            return _At(here.x + move, residuals, cost, max(damping * max(1 / 3, 1 - (2 * gain - 1) ** 3), LEAST_DAMPING))
        damping *= 2.0**growth
    return None


def _residuals(blocks: Sequence[ParameterBlock], x: Any) -> Any:
    return np.concatenate([np.log(block.predict(x, block.rows) / block.rows.measured) for block in blocks], axis=-1)


def _jacobian(space: Space, blocks: Sequence[ParameterBlock], x: Any, r: Any) -> Any:
    """All moved vectors are answered at once: a block of few rows costs its calls, not its rows."""
    together = space.together()
    moved = np.tile(x, (len(together), 1))
    for line, places in zip(moved, together, strict=True):
        line[places] += STEP
    slopes = (_residuals(blocks, moved) - r) / STEP
    classes = np.concatenate([block.rows.classes for block in blocks])
    groups = np.concatenate([block.rows.groups for block in blocks])
    jacobian, every = np.zeros((len(r), len(x))), np.arange(len(r))
    for slope, places in zip(slopes, together, strict=True):
        if len(places) == 1:
            jacobian[:, places[0]] = slope
            continue
        of = classes if space.names[places[0]].split("@")[1] in CLASSES else groups
        jacobian[every, np.array(places)[of]] = slope
    return jacobian
