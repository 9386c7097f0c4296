"""sizing.fleet.split_fleet: prefill and decode on whole instances beside the plan, within its targets, and which of the two is cheaper."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.pricing.rates.rates import on_demand
from inferstack.records.plan import Plan, SplitFleet
from inferstack.records.request import Request
from sizing.catalog import find_instance
from sizing.planning import planner

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MANY = {"model": "Llama-3.3-70B-Instruct", "weight_quant": "fp8", "request_rate": 20, "isl": 4096, "osl": 256, "itl_ms": 40}


def _plan(**asked: Any) -> Plan:
    return planner.plan(Request(**asked, split=True), now=NOW)


def _split(plan: Plan) -> SplitFleet:
    assert plan.split_fleet is not None
    return plan.split_fleet


@settings(max_examples=15, deadline=None)
@given(
    model=st.sampled_from(["Llama-3.1-8B-Instruct", "Qwen3-30B-A3B"]), rate=st.floats(0.5, 60), isl=st.sampled_from([256, 2048, 8192]),
    osl=st.sampled_from([32, 256]), spare=st.booleans(),
    types=st.sampled_from([None, ("p5.48xlarge",), ("g6e.12xlarge", "p4d.24xlarge")]),
)  # fmt: skip
def test_a_split_fleet_uses_whole_instances(
    model: str, rate: float, isl: int, osl: int, spare: bool, types: tuple[str, ...] | None
) -> None:
    """Its price is that of its instances, its replicas fit on them, and no side is loaded above the headroom."""
    found = _split(_plan(model=model, request_rate=rate, isl=isl, osl=osl, n_plus_1=spare, instance_types=types))
    assert found.prefill is not None and found.decode is not None
    sides = (found.prefill, found.decode)
    paid = 0.0
    for side in sides:
        rate_ = on_demand(side.instance_type, "us-east-1")
        assert rate_ is not None
        paid += side.instance_count * rate_.usd
        assert side.busy <= 0.8 * (1 + 1e-9)
    assert paid == pytest.approx(found.usd_per_hour)
    size = [find_instance(side.instance_type).gpu_count * side.instance_count for side in sides]
    if found.same_instances:
        assert sides[0].gpus + sides[1].gpus <= sum(size)
    else:
        assert all(side.gpus <= held for side, held in zip(sides, size, strict=True))


def test_it_keeps_the_targets_and_says_which_is_cheaper_and_why() -> None:
    """Where long prompts hold decoding up, a fleet apart may keep the ITL for less; the reason holds both prices."""
    plan = _plan(**MANY)
    found = _split(plan)
    assert found.itl_ms is not None and found.itl_ms <= 40
    assert found.usd_per_hour is not None and found.usd_per_hour < plan.usd_per_hour
    assert "split" == found.cheaper
    assert f"${plan.usd_per_hour:.2f}" in found.reason and f"${found.usd_per_hour:.2f}" in found.reason
    assert "assumed" in found.basis


def test_the_transfer_is_the_kv_of_a_prompt_over_the_link_of_a_replica() -> None:
    """80 layers x 8 heads x 128 x 2 x 2 bytes x 4,096 tokens; it is part of the first token."""
    found = _split(_plan(**MANY))
    assert found.transfer_ms is not None and found.link_gb_s is not None and found.ttft_ms is not None
    assert 80 * 8 * 128 * 2 * 2 * 4096 / (found.link_gb_s * 1e9) * 1e3 == pytest.approx(found.transfer_ms)
    assert found.transfer_ms < found.ttft_ms


def test_on_one_large_type_both_sides_share_instances_and_their_link() -> None:
    """KV then goes over NVLink, at a rate that no network has."""
    found = _split(_plan(model="Llama-3.1-8B-Instruct", request_rate=20, isl=4096, osl=256, instance_type="p5.48xlarge"))
    assert found.same_instances
    assert ("GPU link", 450.0) == (found.link, found.link_gb_s)
    assert found.prefill is not None and found.decode is not None
    assert (1, 0) == (found.prefill.instance_count, found.decode.instance_count)


def test_one_request_at_a_time_is_cheaper_together() -> None:
    """Two fleets of an instance each, where one instance serves."""
    found = _split(_plan(model="Llama-3.1-8B-Instruct", concurrency=1, instance_types=("g6.xlarge", "g6e.xlarge")))
    assert "aggregated" == found.cheaper
    assert "whole instances" in found.reason


def test_what_nothing_keeps_is_said() -> None:
    """Money for one instance: no pair, and why."""
    found = _split(_plan(model="Llama-3.1-8B-Instruct", request_rate=0.2, isl=512, instance_types=("g6.xlarge",), max_usd_per_hour=1.0))
    assert found.prefill is None and "no pair" in found.reason


def test_a_plan_without_the_wish_has_no_part_for_it() -> None:
    """And its figures are the same as with it: the comparison changes nothing."""
    asked = {"model": "Llama-3.1-8B-Instruct", "request_rate": 4}
    plain, compared = planner.plan(Request(**asked), now=NOW), _plan(**asked)
    assert plain.split_fleet is None
    assert plain.model_dump(exclude={"split_fleet", "request"}) == compared.model_dump(exclude={"split_fleet", "request"})
