"""Least squares on log residuals: soft L1, so that a wrong row pulls little, and a ridge towards the start for thin strata."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from calibration.constants import Space
from calibration.table import CLASSES, Rows

SOFT = 0.1
STEP = 1e-4
Predict = Callable[[Any, Rows], Any]
"""Vector of constants and rows -> the metric of every row."""


@dataclass(frozen=True)
class Block:
    """Rows that one formula answers."""

    predict: Predict
    rows: Rows


def fitted(space: Space, blocks: Sequence[Block], *, start: Any = None, iterations: int = 14) -> Any:
    """The vector of constants; deterministic."""
    blocks = [block for block in blocks if len(block.rows)]
    x = (space.start if start is None else start).copy()
    r, damping = _residuals(blocks, x), 1e-2
    cost = _cost(space, r, x)
    for _ in range(iterations):
        found = _improved(space, blocks, x, r, cost, damping)
        if found is None:
            break
        small = cost - found[2] < 1e-4 * cost
        x, r, cost, damping = found
        if small:
            break
    return x


def _improved(space: Space, blocks: Sequence[Block], x: Any, r: Any, cost: float, damping: float) -> tuple[Any, Any, float, float] | None:
    jacobian = _jacobian(space, blocks, x, r)
    weight = 1 / np.sqrt(1 + (r / SOFT) ** 2) / SOFT**2
    normal = jacobian.T @ (jacobian * weight[:, None]) + space.precision
    gradient = jacobian.T @ (weight * r) + space.precision @ (x - space.start)
    for _ in range(7):
        move = -np.linalg.solve(normal + damping * np.diag(np.diag(normal)), gradient)
        new = x + np.clip(move, -0.7, 0.7)
        residuals = _residuals(blocks, new)
        new_cost = _cost(space, residuals, new)
        if np.isfinite(new_cost) and new_cost < cost:
            return new, residuals, new_cost, max(damping / 4, 1e-6)
        damping *= 5
    return None


def _residuals(blocks: Sequence[Block], x: Any) -> Any:
    return np.concatenate([np.log(block.predict(x, block.rows) / block.rows.measured) for block in blocks])


def _cost(space: Space, r: Any, x: Any) -> float:
    away = x - space.start
    return float((2 * (np.sqrt(1 + (r / SOFT) ** 2) - 1)).sum() + away @ space.precision @ away)


def _jacobian(space: Space, blocks: Sequence[Block], x: Any, r: Any) -> Any:
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
