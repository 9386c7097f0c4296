"""The fit works on the product's own formulas."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.correction import STEP_KERNEL, process
from calibration.predict import FIRST, STEP, Constants, kind, predicted
from calibration.table import Entry, entries
from sizing import load, neighbours
from sizing.calibration import calibration_facts


@pytest.fixture(scope="module")
def some() -> list[Entry]:
    """Every 60th of all loads and metrics."""
    return entries()[::60]


def test_arrays_give_what_single_questions_give(some: list[Entry]) -> None:
    """The closed forms, row by row: the fit cannot drift from the product."""
    facts = calibration_facts()
    constants = Constants(STEP.of_facts(facts["constants"], facts["by_group"]), FIRST.of_facts(facts["ttft"], facts["ttft_by_group"]))
    bulk = predicted(some, constants)
    seen = set()
    for entry, value in zip(some, bulk, strict=True):
        if np.isfinite(value):
            assert value == pytest.approx(_single(entry), rel=2e-3), entry.sample.name
            seen.add(kind(entry))
    assert {("offline", "output_tokens_per_s"), ("closed", "itl_ms"), ("closed", "ttft_ms"), ("open", "itl_ms")} <= seen


def test_neighbours_say_what_the_process_found(some: list[Entry]) -> None:
    """The facts that a fit writes, read by the product, give the advice of the fit."""
    points = [entry.point for entry in some if kind(entry)[1] == "itl_ms"]
    residuals = np.linspace(-0.2, 0.3, len(points))
    found = process(STEP_KERNEL, points, residuals)
    facts = found.facts()
    for point, advice in zip(points, found.advice(points), strict=True):
        assert neighbours.advice_of(facts, point).log_ratio == pytest.approx(advice, abs=5e-3)


def test_a_measured_point_is_believed_and_a_strange_one_is_not_moved(some: list[Entry]) -> None:
    """At its own place most of a residual is taken over; where no key is shared nothing is said."""
    point = some[0].point
    found = process(STEP_KERNEL, [point], np.array([0.2]))
    assert 0.15 < float(found.advice([point])[0]) < 0.2
    strange = neighbours.Point(dict.fromkeys(point.keys, "none"), "none", "none", point.at)
    assert 0.0 == float(found.advice([strange])[0])
    assert "far" == neighbours.level("step", strange)


def _single(entry: Entry) -> float:
    r, t = entry.replica, entry.traffic
    load_kind, metric = kind(entry)
    if load_kind == "closed":
        batch = max(1.0, min(float(t.concurrency or 1), entry.limit))
        return float((load.closed_itl_s(r, t, batch) if metric == "itl_ms" else load.released_together_s(r, t, batch)) * 1e3)
    if load_kind == "open":
        point = load.open_steps(r, t, t.request_rate, limit=entry.limit)
        top = load.rate_per_s(r, t, entry.limit)
        return float((point[1] if metric == "itl_ms" else load.arriving_s(r, t, t.request_rate, batch=point[0], top=top)) * 1e3)
    return load.offline(r, t).requests_per_s * t.osl * entry.replicas
