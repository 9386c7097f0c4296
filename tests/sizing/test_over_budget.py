"""sizing.planning.over_budget: what a limit in dollars is told, beside what plans cost without it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from inferstack.records.plan import Plan
from inferstack.records.request import Request
from sizing.planning import planner
from sizing.planning.over_budget import OverBudget

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
LLAMA_70B: dict[str, Any] = {"model": "meta-llama/Llama-3.3-70B-Instruct", "isl": 2000, "osl": 400, "ttft_ms": 1000, "itl_ms": 33}
REQUESTS: list[dict[str, Any]] = [
    {**LLAMA_70B, "request_rate": 4, "max_usd_per_hour": 40},
    {**LLAMA_70B, "request_rate": 20, "max_usd_per_hour": 100},
    {**LLAMA_70B, "request_rate": 20, "weight_quant": "fp8", "max_usd_per_hour": 60},
    {"model": "openai/gpt-oss-120b", "users": 3000, "max_usd_per_hour": 6},
    {"model": "Qwen/Qwen3-32B", "request_rate": 9, "instance_types": ("g6e.12xlarge", "p5.48xlarge"), "max_usd_per_hour": 12},
]
each = pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: f"{one['model']}-{one['max_usd_per_hour']}")


def planned(**request: Any) -> Plan:
    return planner.plan(Request(**request), now=NOW)


@each
def test_the_cheapest_totals_are_those_of_the_plans_without_the_limit(request_: dict[str, Any]) -> None:
    """Each type in its best layout over the whole search, none that the request leaves out."""
    with pytest.raises(OverBudget) as raised:
        planned(**request_)
    free = planned(**{**request_, "max_usd_per_hour": None})
    totals = [(f"{one.instance_count} x {one.instance_type}", one.usd_per_hour) for one in free.candidates[:3]]
    assert totals == [(one.what, one.usd_per_hour) for one in raised.value.cheapest]
    assert totals[0][1] > request_["max_usd_per_hour"]
    for what, usd in totals:
        assert f"{what} ${usd:,.2f}/h" in raised.value.message


@each
def test_what_the_limit_holds_is_planned_within_it(request_: dict[str, Any]) -> None:
    """So many times the asked load is a plan within the limit, on so many instances of that type."""
    with pytest.raises(OverBudget) as raised:
        planned(**request_)
    what, rest = raised.value.holds.removeprefix("within that limit ").split(" serves ")
    count, type_ = what.split(" x ")
    name = "request_rate" if "request_rate" in request_ else "users"
    load = float(rest.split(" times ")[0]) * request_[name] * 0.97
    less = planned(**{**request_, name: load if name == "request_rate" else int(load), "instance_type": type_, "instance_types": None})
    assert less.instance_count <= int(count)
    assert less.usd_per_hour <= request_["max_usd_per_hour"]


def test_one_more_cent_than_the_cheapest_total_is_a_plan() -> None:
    """The first total is the limit from which there is one."""
    with pytest.raises(OverBudget) as raised:
        planned(**REQUESTS[0])
    found = planned(**{**REQUESTS[0], "max_usd_per_hour": raised.value.cheapest[0].usd_per_hour + 0.01})
    assert raised.value.cheapest[0].what == f"{found.instance_count} x {found.instance_type}"


def test_a_limit_on_the_whole_life_is_told_as_such() -> None:
    """Hours and dollars as they were given, each total beside what it comes to."""
    with pytest.raises(OverBudget) as raised:
        planned(model="Llama-3.1-8B-Instruct", request_rate=4, instance_type="g6e.xlarge", max_usd_per_hour=1.25)
    said = raised.value.said("$10 over 8 h is $1.25/h, which", hours=8)
    assert said.startswith("$10 over 8 h is $1.25/h, which is too little for 4 requests/s")
    assert "1 x g6e.xlarge $1.86/h = $14.89 in 8 h; nothing within that limit serves" in said
