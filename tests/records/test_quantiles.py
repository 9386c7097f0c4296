"""Quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.records.measurement import Quantiles

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=60)


@settings(deadline=None)
@given(VALUES)
def test_quantiles_are_those_of_numpy(values: list[float]) -> None:
    """One definition of a percentile, the common one, checked against a library that has it."""
    found = Quantiles.of(values)
    assert found is not None
    expected = np.percentile(values, [50, 90, 95, 99])
    assert list(expected) == pytest.approx([found.p50, found.p90, found.p95, found.p99], rel=1e-9, abs=1e-9)
    assert (min(values), max(values)) == (found.min, found.max)
    assert float(np.mean(values)) == pytest.approx(found.mean, abs=1e-9)


def test_unknown_values_do_not_count_and_none_at_all_is_none() -> None:
    """A request without a time between tokens is not one with zero."""
    assert 4.0 == Quantiles.of([None, 4.0, None]).mean  # type: ignore[union-attr]
    assert None is Quantiles.of([None])
    assert None is Quantiles.of([])
