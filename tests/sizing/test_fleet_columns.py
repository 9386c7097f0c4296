"""sizing.fleet.columns, fleet_ways and fleet_slack: nothing that could win is left out, and nothing is wider than asked."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.records.fleet import FleetModel, FleetPlan, FleetRequest
from inferstack.records.request import Request
from sizing.catalog import find_instance
from sizing.fleet import fleet, integer_program
from sizing.planning import planner
from tests.sizing import exhaustive_fleet

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TYPES = ("g4dn.xlarge", "g6.xlarge", "g6.12xlarge", "g6e.xlarge", "g6e.12xlarge", "p5.48xlarge")
MODELS = (
    "Llama-3.2-1B-Instruct", "Llama-3.2-3B-Instruct", "Llama-3.1-8B-Instruct", "gpt-oss-20b", "Qwen3-30B-A3B", "Llama-3.3-70B-Instruct",
)  # fmt: skip
LOADS = st.lists(st.tuples(st.sampled_from(MODELS), st.floats(0.05, 8)), min_size=1, max_size=5)


def fleet_of(requests: list[dict[str, Any]], **limits: Any) -> FleetRequest:
    members = tuple(FleetModel(name=f"m{i}", request=Request(**one)) for i, one in enumerate(requests))
    return FleetRequest(models=members, **{"instance_types": TYPES, **limits})


def planned(requests: list[dict[str, Any]], **limits: Any) -> FleetPlan:
    return fleet.plan(fleet_of(requests, **limits), now=NOW)


def of(loads: list[tuple[str, float]], factor: float = 1.0) -> list[dict[str, Any]]:
    return [{"model": model, "request_rate": rate * factor, "isl": 512, "osl": 64} for model, rate in loads]


def drawn(seed: int) -> list[dict[str, Any]]:
    """Rates, users, targets, lengths and engines of many kinds."""
    draw, found = random.Random(seed), []
    for _ in range(draw.choice((2, 3, 5))):
        load = {"request_rate": round(0.05 * 200 ** draw.random(), 3)} if draw.random() < 0.6 else {"users": draw.choice((1, 4, 30))}
        target = draw.choice(({}, {"ttft_ms": 900.0}, {"itl_ms": 45.0}, {"e2e_ms": 9000.0}))
        wider = draw.choice(({}, {"engine": "vllm"}, {"any_quant": 8}))
        found.append(
            {"model": draw.choice(MODELS), "isl": draw.choice((256, 2048)), "osl": draw.choice((32, 128)), **load, **target, **wider}
        )
    return found


@pytest.mark.parametrize("seed", range(6))
def test_a_shortcut_costs_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost is that of all columns, to the cent: what is pruned, shared between types or not computed could not have won."""
    monkeypatch.setattr(integer_program, "GAP", 0.0)
    asked = fleet_of(drawn(seed), seconds=60)
    able = {one.name for one in fleet.plan(asked, now=NOW).served}
    served = asked.replaced(models=[one.model_dump() for one in asked.models if one.name in able])
    assert served.models
    assert pytest.approx(exhaustive_fleet.usd_per_hour(served), abs=0.005) == fleet.plan(served, now=NOW).usd_per_hour


@settings(max_examples=6, deadline=None)
@given(loads=LOADS)
def test_a_fleet_costs_no_more_than_the_plans_of_its_models(loads: list[tuple[str, float]]) -> None:
    """Over the same formats, engines and types; and the sum that it names beside its cost is that of these plans."""
    alone = sum(planner.plan(Request(**one, instance_types=TYPES), now=NOW).usd_per_hour for one in of(loads))
    found = planned(of(loads))
    assert pytest.approx(alone) == found.alone_usd_per_hour
    assert found.usd_per_hour <= alone + 1e-6


def test_with_no_time_at_all_a_fleet_is_no_dearer_than_its_models_alone() -> None:
    """The solver begins with each on what is cheapest for it; the gap that is left is said."""
    requests = [one for seed in range(12) for one in drawn(seed)]
    found = planned(requests, instance_types=None, seconds=1e-3)
    assert found.usd_per_hour <= found.alone_usd_per_hour + 1e-6
    assert found.lower_bound_usd_per_hour <= found.usd_per_hour


@settings(max_examples=6, deadline=None)
@given(loads=LOADS, more=st.tuples(st.sampled_from(MODELS), st.floats(0.05, 8)))
def test_one_more_model_is_never_cheaper(loads: list[tuple[str, float]], more: tuple[str, float]) -> None:
    """A fleet without one of its models is a fleet of the others."""
    assert planned(of(loads)).usd_per_hour <= planned(of([*loads, more])).usd_per_hour * 1.0001


@settings(max_examples=6, deadline=None)
@given(loads=LOADS)
def test_twice_the_load_is_never_cheaper(loads: list[tuple[str, float]]) -> None:
    """Over all engines, where one that is better at high load could otherwise be missed at low load."""
    assert planned(of(loads)).usd_per_hour <= planned(of(loads, 2)).usd_per_hour * 1.0001


def test_engines_are_searched_where_the_request_leaves_them_open() -> None:
    """A fleet takes TensorRT-LLM where a plan does, says so, and gives that engine's flags; named engines stay."""
    request = {"model": "Qwen3-32B", "request_rate": 4.5}
    alone = planner.plan(Request(**request, instance_types=TYPES), now=NOW)
    open_, named = planned([request]), planned([{**request, "engine": "vllm"}])
    assert "tensorrt-llm" == alone.engine == open_.served[0].engine
    assert "kv_cache_free_gpu_memory_fraction" in open_.served[0].engine_flags
    assert any("tensorrt-llm for m0" in one for one in open_.assumptions)
    assert "vllm" == named.served[0].engine
    assert open_.usd_per_hour < named.usd_per_hour


def test_no_narrower_format_is_taken_unasked() -> None:
    """As in a plan: with any_quant it is, and the fleet says so."""
    request = {"model": "Qwen3-32B", "request_rate": 0.2, "isl": 512, "osl": 64}
    own, narrow = planned([request]), planned([{**request, "any_quant": 8}])
    assert ("bf16", "fp8") == (own.served[0].weight_quant, narrow.served[0].weight_quant)
    assert narrow.usd_per_hour < own.usd_per_hour
    assert any("narrower format for m0" in one for one in narrow.assumptions)


@pytest.mark.parametrize("types", [("g6.xlarge",), ("g6.12xlarge",), ("p5.48xlarge",)])
def test_a_spare_node_stands_in_a_fleet_too(types: tuple[str, ...]) -> None:
    """n_plus_1: with any one node gone, the replicas that are left are as many as the load needs; nothing of it shares a GPU."""
    request = {"model": "Llama-3.1-8B-Instruct", "request_rate": 3.0, "isl": 512, "osl": 64}
    least = planned([request], instance_types=types, colocate=False).served[0].replicas
    found = planned([{**request, "n_plus_1": True}, {**request, "request_rate": 0.5}], instance_types=types)
    on_node = [sum(one.name == "m0" for one in node.placements) for node in found.nodes]
    assert sum(on_node) - max(on_node) >= least
    assert {1.0} == {one.share for one in found.served if one.name == "m0"}


def test_room_that_is_paid_for_is_used() -> None:
    """A small model alone on a GPU has all of it; two have a half each, and neither is slower than on the least that serves it."""
    small = {"model": "Llama-3.2-1B-Instruct", "request_rate": 0.2, "isl": 256, "osl": 32}
    one, two = (planned([small] * n, instance_types=("g6.xlarge",)) for n in (1, 2))
    assert [1.0] == [each.share for each in one.served]
    assert [0.5, 0.5] == [each.share for each in two.served]
    assert one.usd_per_hour == two.usd_per_hour


def test_of_types_with_the_same_gpus_the_cheapest_is_taken_unless_its_family_is_full() -> None:
    """With a quota the dearer family stays open, and its nodes stay within it."""
    request = {"model": "Llama-3.1-8B-Instruct", "request_rate": 2.0}
    free = planned([request], instance_types=None)
    kind = find_instance(free.nodes[0].instance_type)
    held = planned([request], instance_types=None, quotas={kind.family: 0})
    assert kind.family not in {find_instance(node.instance_type).family for node in held.nodes}
    assert free.usd_per_hour <= held.usd_per_hour


def test_the_budget_of_one_model_holds_for_it_alone() -> None:
    """As in its plan: a type on which it would cost more by itself is left out, and with none left it is named."""
    request = {"model": "Llama-3.1-8B-Instruct", "request_rate": 1.0}
    found = planned([{**request, "max_usd_per_hour": 0.01}, request])
    assert ["m1"] == [one.name for one in found.served]
    assert "max_usd_per_hour" in found.not_served[0].reason


def test_purchase_options_are_those_of_a_plan() -> None:
    """For all instances of each type; on demand they add up to the cost."""
    found = planned(of([("Llama-3.1-8B-Instruct", 3.0), ("Llama-3.3-70B-Instruct", 1.0)]))
    alone = planner.plan(Request(**of([("Llama-3.3-70B-Instruct", 1.0)])[0], instance_types=TYPES), now=NOW)
    assert {one.option for one in alone.purchase_options} == {one.option for bought in found.purchases for one in bought.options}
    on_demand = [one.usd_per_hour for bought in found.purchases for one in bought.options if one.option == "on-demand"]
    assert pytest.approx(found.usd_per_hour) == sum(usd or 0 for usd in on_demand)
    assert sum(bought.count for bought in found.purchases) == len(found.nodes)


def test_a_classifier_is_named_and_hides_no_other() -> None:
    """A model that generates no text has no plan; the rest of the fleet has one."""
    small = {"model": "Llama-3.2-1B-Instruct", "request_rate": 0.2}
    found = planned([{"model": "meta-llama/Llama-Prompt-Guard-2-86M", "request_rate": 1.0}, small])
    assert ["m1"] == [one.name for one in found.served]
    assert "classifier" in found.not_served[0].reason


def test_a_model_that_fits_in_a_narrower_format_alone_is_told_so() -> None:
    """The sentence that a plan of it alone gives as its way out."""
    found = planned([{"model": "Llama-3.1-405B-Instruct", "users": 10}], instance_types=("p5.48xlarge",))
    assert "possible with fp8 on" in found.not_served[0].reason


def test_guards_that_are_asked_for_are_not_dropped_in_silence() -> None:
    """They are not placed, and the fleet says of whom."""
    small = {"model": "Llama-3.2-1B-Instruct", "request_rate": 0.2}
    found = planned([{**small, "guards": ("meta-llama/Llama-Guard-3-8B",)}])
    assert any("guards of m0 are not placed" in one for one in found.assumptions)
