"""Least squares on log residuals: soft L1, so that a wrong row pulls little, and a ridge towards the start for thin strata. Then
generalised least squares, in which rows that err together count for less."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tools.calibration.constants import Space
from tools.calibration.likeness import Kernel, believed, clipped
from tools.calibration.table import CLASSES, Rows

SOFT = 0.1
STEP = 1e-4
FIRST_DAMPING, TRIES, ENOUGH = 1e-2, 7, 1e-4
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


def fitted(space: Space, blocks: Sequence[ParameterBlock], *, start: Any = None, iterations: int = 14) -> Any:
    """The vector of constants, rows taken for independent; deterministic."""
    blocks = [block for block in blocks if len(block.rows)]

    def at(x: Any) -> tuple[Any, float]:
        r, away = _residuals(blocks, x), x - space.start
        return r, float((2 * (np.sqrt(1 + (r / SOFT) ** 2) - 1)).sum() + away @ space.precision @ away)

    def bent(here: _At) -> tuple[Any, Any]:
        jacobian = _jacobian(space, blocks, here.x, here.r)
        weight = 1 / np.sqrt(1 + (here.r / SOFT) ** 2) / SOFT**2
        normal = jacobian.T @ (jacobian * weight[:, None]) + space.precision
        return normal, jacobian.T @ (weight * here.r) + space.precision @ (here.x - space.start)

    return _descended(space.start if start is None else start, at, bent, iterations=iterations)


def refitted(space: Space, blocks: Sequence[ParameterBlock], kernel: Kernel, *, start: Any, iterations: int = 6) -> Any:
    """The vector that is likeliest when residuals are as alike as the kernel says; from the vector of an ordinary fit."""
    blocks = [block for block in blocks if len(block.rows)]
    signs = np.concatenate([block.rows.signs for block in blocks])
    points = [entry.point for block in blocks for entry in block.rows.entries]
    engines = believed(kernel, points, _residuals(blocks, start) * signs)

    def at(x: Any) -> tuple[Any, float]:
        r, away = _residuals(blocks, x), x - space.start
        held = clipped(r * signs)
        return r, float(sum(held[one.places] @ one.inverse @ held[one.places] for one in engines) + away @ space.precision @ away)

    def bent(here: _At) -> tuple[Any, Any]:
        jacobian, held = _jacobian(space, blocks, here.x, here.r) * signs[:, None], clipped(here.r * signs)
        normal, gradient = space.precision.copy(), space.precision @ (here.x - space.start)
        for one in engines:
            mine = jacobian[one.places]
            weighed = one.inverse @ mine
            normal += mine.T @ weighed
            gradient += weighed.T @ held[one.places]
        return normal, gradient

    return _descended(start, at, bent, iterations=iterations)


def _descended(start: Any, at: Callable[[Any], tuple[Any, float]], bent: Callable[[_At], tuple[Any, Any]], *, iterations: int) -> Any:
    """Levenberg and Marquardt. `at`: residuals and cost of a vector; `bent`: normal matrix and gradient of the cost there."""
    here = _At(start.copy(), *at(start), FIRST_DAMPING)
    for _ in range(iterations):
        there = _improved(here, at, *bent(here))
        if there is None:
            break
        small = here.cost - there.cost < ENOUGH * here.cost
        here = there
        if small:
            break
    return here.x


def _improved(here: _At, at: Callable[[Any], tuple[Any, float]], normal: Any, gradient: Any) -> _At | None:
    damping = here.damping
    for _ in range(TRIES):
        move = -np.linalg.solve(normal + damping * np.diag(np.diag(normal)), gradient)
        new = here.x + np.clip(move, -0.7, 0.7)
        residuals, cost = at(new)
        if np.isfinite(cost) and cost < here.cost:
            return _At(new, residuals, cost, max(damping / 4, 1e-6))
        damping *= 5
    return None


def _residuals(blocks: Sequence[ParameterBlock], x: Any) -> Any:
    return np.concatenate([np.log(block.predict(x, block.rows) / block.rows.measured) for block in blocks])


def _jacobian(space: Space, blocks: Sequence[ParameterBlock], x: Any, r: Any) -> Any:
    classes = np.concatenate([block.rows.classes for block in blocks])
    groups = np.concatenate([block.rows.groups for block in blocks])
    jacobian, every = np.zeros((len(r), len(x))), np.arange(len(r))
    for places in space.together():
        moved = x.copy()
        moved[places] += STEP
        slope = (_residuals(blocks, moved) - r) / STEP
        if len(places) == 1:
            jacobian[:, places[0]] = slope
            continue
        of = classes if space.names[places[0]].split("@")[1] in CLASSES else groups
        jacobian[every, np.array(places)[of]] = slope
    return jacobian
