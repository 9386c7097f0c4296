"""sizing.planning.load_curve: latency over throughput of a plan's replicas."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from inferstack.records.curve import Curve
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from sizing.planning import planner
from sizing.planning.load_curve import curve

NOW = datetime(2026, 11, 27, tzinfo=UTC)
LOADS: list[dict[str, Any]] = [{"request_rate": 8}, {"concurrency": 64}, {"tokens_per_day": 5e7}, {"users": 10}]


def made(**load: Any) -> tuple[Plan, Curve]:
    plan = planner.plan(Request(model="Llama-3.3-70B-Instruct", **load), now=NOW)
    return plan, curve(plan)


@pytest.mark.parametrize("load", LOADS, ids=lambda one: next(iter(one)))
def test_more_load_gives_more_tokens_and_no_lower_latency(load: dict[str, Any]) -> None:
    _, found = made(**load)
    assert len(found.points) >= 5
    for figure in ("output_tokens_per_s", "load", "utilisation"):
        values = [getattr(one, figure) for one in found.points]
        assert values == sorted(set(values))
    for figure in ("ttft_ms", "itl_ms", "e2e_ms"):
        values = [getattr(one, figure).value for one in found.points]
        assert all(later >= earlier * 0.999 for earlier, later in itertools.pairwise(values))


@pytest.mark.parametrize("load", LOADS, ids=lambda one: next(iter(one)))
def test_bands_hold_their_figure_and_the_asked_load_lies_on_the_curve(load: dict[str, Any]) -> None:
    plan, found = made(**load)
    for one in found.points:
        assert all(figure.low <= figure.value <= figure.high for figure in (one.ttft_ms, one.itl_ms, one.e2e_ms))
    asked = plan.prediction.output_tokens_per_s.value
    assert found.points[0].output_tokens_per_s <= asked <= found.points[-1].output_tokens_per_s
