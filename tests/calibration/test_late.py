"""tools.calibration.page.late: measured p99 beside what the tails say of a held-out mean."""

from __future__ import annotations

import pytest

from sizing.speed.operating_point import operating_point
from sizing.speed.percentiles import p99_s
from tools.calibration.page.late import late_rows, lates
from tools.calibration.predict import kind
from tools.calibration.splits import HeldOut
from tools.calibration.table import Entry, entries


@pytest.fixture(scope="module")
def rows() -> list[Entry]:
    """vLLM 0.15 under arrivals: means and p99 of every run."""
    return [entry for entry in entries() if entry.sample.file == "simtoreal"]


def held(rows: list[Entry], *, off: float = 1.0, saturated: bool = False) -> list[HeldOut]:
    means = [entry for entry in rows if kind(entry) in (("open", "ttft_ms"), ("open", "itl_ms"))]
    return [HeldOut(one, "half", one.sample.measured, 1.0, one.sample.measured * off, saturated, known=True) for one in means]


def test_every_measured_p99_stands_beside_its_own_mean(rows: list[Entry]) -> None:
    """First token and answer of all 18 runs; the mean is that of the same configuration, not of a neighbour."""
    found = list(lates(held(rows), rows))
    assert {"ttft": 18, "e2e": 18} == {name: sum(one.figure == name for one in found) for name in ("ttft", "e2e")}
    first = [one for one in found if one.figure == "ttft"]
    assert all(one.mean == one.measured_mean < one.measured for one in first)
    assert all(one.over_mean > 1 for one in found)


def test_a_wrong_mean_is_an_error_of_the_p99_and_not_of_the_tail(rows: list[Entry]) -> None:
    """Twice the mean: the p99 doubles, its ratio to the mean stays."""
    right, wrong = (list(lates(held(rows, off=off), rows)) for off in (1.0, 2.0))
    for before, after in zip(right, wrong, strict=True):
        if before.figure == "ttft":
            assert after.mean * after.over_mean == pytest.approx(2 * before.mean * before.over_mean)
            assert before.over_mean == after.over_mean


def test_a_growing_queue_is_left_out_and_the_table_has_a_row_for_each_figure(rows: list[Entry]) -> None:
    """Saturated means say nothing of a tail."""
    assert [] == list(lates(held(rows, saturated=True), rows))
    assert [("open, vLLM 0.15", "TTFT", "18"), ("open, vLLM 0.15", "E2E", "18")] == [row[:3] for row in late_rows(held(rows), rows)]


def test_the_ratio_is_the_products_own(rows: list[Entry]) -> None:
    """What `sizing.estimate` multiplies."""
    one = next(entry for entry in rows if entry.sample.metric == "ttft_p99_ms")
    point = operating_point(one.replica, one.traffic)
    ratio = p99_s(one.replica, one.traffic, point)["ttft"] / point.ttft_s
    assert ratio == pytest.approx(next(late.over_mean for late in lates(held(rows), rows) if late.measured == one.sample.measured))
