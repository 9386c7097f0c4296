"""sizing.planning.target_limits: the target at which the plan changes is the one at which it changes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.records.errors import Finding
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from sizing.planning import planner

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MODELS = st.sampled_from(["Llama-3.1-8B-Instruct", "Qwen3-32B", "gpt-oss-20b"])
BELOW = re.compile(
    r"\(now ([^) ]+)[^)]*\): this plan holds down to ([\d.]+) ms; below that, (?:(\d+) x (\S+) \(.*\) at \$([\d.]+)/h|(nothing))"
)


def planned(**request: Any) -> Plan:
    return planner.plan(Request(**request), now=NOW)


def edge(plan: Plan, name: str) -> re.Match[str]:
    found = BELOW.search(next(one for one in plan.what_would_change if one.startswith(f"{name.upper()} target")))
    assert found is not None
    return found


@settings(max_examples=10, deadline=None)
@given(model=MODELS, rate=st.floats(0.5, 20), name=st.sampled_from(["ttft", "itl"]), spare=st.booleans())
def test_down_to_the_target_the_plan_stays_and_below_it_the_named_one_comes(model: str, rate: float, name: str, spare: bool) -> None:
    """Planned again on both sides of the figure, with and without a spare node."""
    asked: dict[str, Any] = {"model": model, "request_rate": rate, "n_plus_1": spare}
    now = planned(**asked)
    at = edge(now, name)
    stays = planned(**asked, **{f"{name}_ms": float(at[2])})
    assert (now.instance_type, now.instance_count) == (stays.instance_type, stays.instance_count)
    exact = getattr(now.prediction, f"{name}_ms").value
    if spare:  # the prediction is of all nodes, the target of those that are left
        return
    if at[6]:
        with pytest.raises(Finding):
            planned(**asked, **{f"{name}_ms": exact * 0.999})
    else:
        assert float(at[5]) == pytest.approx(planned(**asked, **{f"{name}_ms": exact * 0.999}).usd_per_hour, abs=0.006)


def test_the_asked_target_is_said() -> None:
    """Beside the one at which the plan changes."""
    now = planned(model="Llama-3.1-8B-Instruct", request_rate=2, ttft_ms=900)
    assert ("900", "none") == (edge(now, "ttft")[1], edge(now, "itl")[1])


def test_tensor_parallelism_over_two_nodes_is_refused_with_the_rule() -> None:
    """Sixteen GPUs are tp=8 with two pipeline stages."""
    asked: dict[str, Any] = {"model": "Llama-3.1-405B-Instruct", "weight_quant": "fp8", "instance_type": "p5.48xlarge", "concurrency": 1}
    with pytest.raises(Finding, match=r"limited by layout: p5.48xlarge: tp=16 is more than the 8 GPUs of a node.*tp=8 with pp=2"):
        planned(**asked, tp=16)
    found = planned(**asked, tp=8, pp=2)
    assert (2, 2) == (found.nodes_per_replica, found.instance_count)
