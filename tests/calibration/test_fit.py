"""The descent of the fit: its loss, its slopes, and that it ends where the rows say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tools.calibration.fit import ParameterBlock, _jacobian, _residuals, fitted, typical_error
from tools.calibration.likeness import CLIP, slope_of_tamed, tamed
from tools.calibration.predict import FIRST, STEP, Constants, blocks
from tools.calibration.splits import FIRST_METRICS, STEP_METRICS, _first_tokens
from tools.calibration.table import Entry


@pytest.fixture(scope="module")
def some(every: list[Entry]) -> list[ParameterBlock]:
    """Every 15th row of steps that no flag takes out, without arrivals."""
    return blocks([entry for entry in every[::15] if not entry.sample.unfit and entry.sample.load != "open"], STEP_METRICS)


def test_a_row_far_off_pulls_as_one_at_the_clip() -> None:
    """Huber's loss: it grows with the residual, else a descent rests where a row is lost."""
    residuals = np.array([-2.0, -CLIP, -0.1, 0.0, 0.3, CLIP, 0.7, 3.0])
    near = abs(residuals) <= CLIP
    assert tamed(residuals)[near] == pytest.approx(residuals[near])
    pull = tamed(residuals) * slope_of_tamed(residuals)
    assert pull == pytest.approx(np.clip(residuals, -CLIP, CLIP))
    step = 1e-6
    assert (tamed(residuals + step) - tamed(residuals - step)) / (2 * step) == pytest.approx(slope_of_tamed(residuals), rel=1e-4)


def test_slopes_of_all_constants_at_once_are_those_one_by_one(some: list[ParameterBlock]) -> None:
    x = STEP.start
    r = _residuals(some, x)
    found = _jacobian(STEP, some, x, r)
    for place in range(0, len(x), 23):
        moved = x.copy()
        moved[place] += 1e-4
        assert found[:, place] == pytest.approx((_residuals(some, moved) - r) / 1e-4, abs=1e-9)
    assert (found != 0).any(axis=1).all()


def test_a_fit_does_not_tell_where_it_came_from(some: list[ParameterBlock]) -> None:
    """Another start, as far away as the prior allows, and the same predictions."""
    away = np.sqrt(np.diag(np.linalg.inv(STEP.precision)))
    other = STEP.start + 0.5 * away * np.resize([1.0, -1.0, -1.0], len(away))
    one, two = fitted(STEP, some), fitted(STEP, some, start=other)
    assert np.abs(_residuals(some, other) - _residuals(some, STEP.start)).mean() > 0.1
    assert np.abs(_residuals(some, one) - _residuals(some, two)).mean() < 5e-4


def test_a_first_token_pulls_as_its_own_rows_scatter(every: list[Entry]) -> None:
    """Where they err as steps do it pulls as sharply; where they err three times as much, from three times as far."""
    calm = [entry for entry in every[::9] if not entry.sample.unfit and entry.sample.load == "closed"]
    rows = blocks(calm, FIRST_METRICS, Constants(STEP.start, FIRST.start))
    sharp = fitted(FIRST, rows)
    softer = fitted(replace(FIRST, soft=3 * STEP.soft), rows)
    alike, wide = (_first_tokens(rows, typical=typical_error(rows, sharp) / times) for times in (1, 3))
    assert _apart(rows, sharp, softer) > 0.01
    assert _apart(rows, alike, sharp) < 0.002 > _apart(rows, wide, softer)


def _apart(rows: list[ParameterBlock], one: Any, other: Any) -> float:
    """Return the mean difference of the log ratios by two vectors of constants."""
    return float(np.abs(_residuals(rows, one) - _residuals(rows, other)).mean())
