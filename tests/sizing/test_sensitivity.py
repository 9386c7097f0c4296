"""sizing.planning.sensitivity and the spare node: what is said to change a plan does change it."""

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
CHAT: dict[str, Any] = {"model": "Llama-3.1-8B-Instruct", "isl": 512, "osl": 128, "itl_ms": 80, "instance_types": ("g6.xlarge",)}


def planned(**request: Any) -> Plan:
    return planner.plan(Request(**{**CHAT, **request}), now=NOW)


def load(plan: Plan, words: str) -> float:
    said = next(one for one in plan.what_would_change if words in one)
    return float(re.search(r"([\d.]+) requests/s", said)[1])  # type: ignore[index]


def test_above_the_load_that_is_named_another_instance_is_needed() -> None:
    """Held on both sides of the figure, which has four digits."""
    now = planned(request_rate=10)
    edge = load(now, "above")
    assert now.instance_count == planned(request_rate=edge * 0.99).instance_count
    assert now.instance_count < planned(request_rate=edge * 1.01).instance_count


def test_up_to_the_load_that_is_named_one_fewer_would_do() -> None:
    """The other direction."""
    now = planned(request_rate=10)
    edge = load(now, "or less")
    assert now.instance_count - 1 == planned(request_rate=edge * 0.99).instance_count
    assert now.instance_count == planned(request_rate=edge * 1.02).instance_count


def test_the_price_that_is_named_makes_the_runner_up_as_cheap() -> None:
    """Count times that price is the plan's cost."""
    now = planned(request_rate=10, instance_types=("g6.xlarge", "g6.12xlarge"))
    second = next(one for one in now.candidates if one.usd_per_hour > now.usd_per_hour)
    price = float(re.search(r"below \$([\d.]+)", now.what_would_change[0])[1])  # type: ignore[index]
    assert now.usd_per_hour == pytest.approx(price * second.instance_count, abs=0.01 * second.instance_count)


def test_one_node_more_is_what_the_loss_of_a_node_takes() -> None:
    """N+1 of a node that holds four replicas is a whole node."""
    for named in ("g6.xlarge", "g6.12xlarge"):
        plain, spare = (planned(request_rate=10, instance_types=(named,), tp=1, pp=1, n_plus_1=one) for one in (False, True))
        assert plain.instance_count + 1 == spare.instance_count


def test_a_fixed_dp_without_a_spare_is_refused_in_numbers() -> None:
    """Never enlarged in silence."""
    least = planned(request_rate=10).layout.dp
    with pytest.raises(Finding, match=rf"limited by failure.*leaves {least - 1} replicas"):
        planned(request_rate=10, dp=least, n_plus_1=True)


@pytest.mark.parametrize("name", ["ttft", "itl", "e2e"])
def test_a_limit_that_the_mean_keeps_is_broken_by_the_p99(name: str) -> None:
    """The same limit, asked of 99 of 100 requests."""
    asked: dict[str, Any] = {"request_rate": 2, "dp": 2, "itl_ms": None}
    limit_ms = getattr(planned(**asked).prediction, f"{name}_ms").value * 1.05
    assert planned(**{**asked, f"{name}_ms": limit_ms})
    with pytest.raises(Finding, match=f"limited by {name}.*p99"):
        planned(**{**asked, f"{name}_p99_ms": limit_ms})


@settings(max_examples=20, deadline=None)
@given(rate=st.floats(0.1, 30), low=st.floats(0.2, 0.9), spare=st.booleans())
def test_less_headroom_never_takes_fewer_and_the_chosen_is_on_the_front(rate: float, low: float, spare: bool) -> None:
    """Of the whole catalogue."""
    asked = {"request_rate": rate, "instance_types": None, "n_plus_1": spare}
    full, kept = planned(**asked, headroom=1.0), planned(**asked, headroom=low)
    assert full.usd_per_hour <= kept.usd_per_hour
    assert kept.candidates[0].on_pareto_front
