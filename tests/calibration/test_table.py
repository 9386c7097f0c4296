"""The fit works on the product's own formulas."""

from __future__ import annotations

import numpy as np
import pytest

from sizing.speed import open_loop, operating_point, residuals
from sizing.speed.constants import calibration_facts
from tools.calibration.correction import NEAR_ENOUGH, few, process
from tools.calibration.likeness import STEP_KERNEL
from tools.calibration.predict import FIRST, STEP, Constants, arrived, kind, predicted
from tools.calibration.table import Entry, entries


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


def test_first_tokens_of_arrivals_are_in_the_table_as_in_the_product(every: list[Entry]) -> None:
    """With the advice of the facts: the page of errors tells of what users are answered."""
    facts = calibration_facts()
    constants = Constants(STEP.of_facts(facts["constants"], facts["by_group"]), FIRST.of_facts(facts["ttft"], facts["ttft_by_group"]))
    mine = [entry for entry in every if kind(entry) == ("open", "ttft_ms")]
    found = arrived(mine, constants, residuals.FACTS) / 1e3
    calm = 0
    for entry, value in zip(mine, found, strict=True):
        point = operating_point.operating_point(entry.replica, entry.traffic)
        if point.utilisation < 0.8:
            assert value == pytest.approx(point.ttft_s, rel=2e-3), entry.sample.name
            calm += 1
    assert calm > 40


def test_neighbours_say_what_the_process_found(some: list[Entry]) -> None:
    """The facts that a fit writes, read by the product, give the advice of the fit."""
    points = [entry.point for entry in some if kind(entry)[1] == "itl_ms"]
    errors = np.linspace(-0.2, 0.3, len(points))
    found = process(STEP_KERNEL, points, errors)
    facts, curves = found.facts(), sum(part.curve > 0 for part in STEP_KERNEL.parts)
    for point, advice in zip(points, found.advice(points), strict=True):
        assert residuals.advice_of(facts, point) == pytest.approx(advice, abs=curves * NEAR_ENOUGH)


def test_a_few_bumps_give_the_curve_of_many() -> None:
    """Everywhere between the points too, to 1 %."""
    rng = np.random.default_rng(3)
    at, heights = rng.uniform(0, 4, (80, 4)), rng.normal(0, 0.02, 80)
    bumps = np.array(few(at, heights))
    assert len(bumps) <= 80
    for place in rng.uniform(0, 4, (50, 4)):
        whole = heights @ np.exp(-0.5 * ((at - place) ** 2).sum(1))
        assert bumps[:, 4] @ np.exp(-0.5 * ((bumps[:, :4] - place) ** 2).sum(1)) == pytest.approx(whole, abs=0.01)


def test_a_row_that_its_likes_contradict_is_doubted(some: list[Entry]) -> None:
    """Five rows of one place say 0.1, a sixth says -0.4: it moves what is said by less than its share, and the six less than 0.02."""
    point = some[0].point
    six, five = (process(STEP_KERNEL, [point] * len(said), np.array(said)).advice([point])[0] for said in ([0.1] * 5 + [-0.4], [0.1] * 5))
    assert 0 < five - six < 0.5 / 6 / 2


def test_a_measured_point_is_believed_and_a_strange_one_is_not_moved(some: list[Entry]) -> None:
    """At its own place most of a residual is taken over; where no key is shared nothing is said."""
    point = some[0].point
    found = process(STEP_KERNEL, [point], np.array([0.2]))
    assert 0.15 < float(found.advice([point])[0]) < 0.2
    facts = found.facts()
    assert ("near", 1.0) == (residuals.level_of(facts, point), pytest.approx(residuals.nearest_of(facts, point), abs=0.01))
    strange = residuals.MeasuredPoint(dict.fromkeys(point.keys, "none|none"), "none|closed", "none", ("none", "none"), point.at)
    assert 0.0 == float(found.advice([strange])[0])
    assert ("far", 0.0) == (residuals.level_of(facts, strange), residuals.nearest_of(facts, strange))


def _single(entry: Entry) -> float:
    r, t = entry.replica, entry.traffic
    load_kind, metric = kind(entry)
    if load_kind == "closed":
        batch = max(1.0, min(float(t.concurrency or 1), entry.limit))
        return float(
            (operating_point.closed_itl_s(r, t, batch) if metric == "itl_ms" else operating_point.released_together_s(r, t, batch)) * 1e3
        )
    if load_kind == "open":
        point = open_loop.open_steps(r, t, t.request_rate, limit=entry.limit)
        top = operating_point.rate_per_s(r, t, entry.limit)
        return float((point[1] if metric == "itl_ms" else open_loop.arriving_s(r, t, t.request_rate, batch=point[0], top=top)) * 1e3)
    return operating_point.offline(r, t).requests_per_s * t.osl * entry.replicas
