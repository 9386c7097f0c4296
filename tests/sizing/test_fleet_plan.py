"""A fleet: what holds of every cover, and what its answers are held against."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.records.errors import Finding, InputError
from inferstack.records.files.facts import ROOT
from inferstack.records.fleet import FleetModel, FleetPlan, FleetRequest
from inferstack.records.request import Request
from sizing.catalog import find_gpu, instances
from sizing.fleet import fleet
from sizing.fleet.gpu_shares import UNITS
from sizing.planning import planner
from sizing.planning.demand import planning

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SMALL = {"model": "Llama-3.2-1B-Instruct", "request_rate": 0.2, "isl": 256, "osl": 32}
MODELS = st.sampled_from(["Llama-3.2-1B-Instruct", "Llama-3.1-8B-Instruct", "gpt-oss-20b", "Llama-3.3-70B-Instruct"])
LOADS = st.lists(st.tuples(MODELS, st.floats(0.1, 5)), min_size=1, max_size=4)
TYPES = ("g6.xlarge", "g6e.xlarge", "g6e.12xlarge", "p5.48xlarge")


def planned(*requests: dict[str, Any], **limits: Any) -> FleetPlan:
    members = tuple(FleetModel(name=f"m{i}", request=Request(**one)) for i, one in enumerate(requests))
    return fleet.plan(FleetRequest(models=members, **limits), now=NOW)


def of(loads: list[tuple[str, float]], factor: float = 1.0) -> list[dict[str, Any]]:
    return [{"model": model, "request_rate": rate * factor} for model, rate in loads]


@pytest.mark.parametrize(("model", "rate"), [("Llama-3.1-8B-Instruct", 20.0), ("Qwen3-30B-A3B", 3.0), ("Llama-3.3-70B-Instruct", 4.0)])
def test_a_fleet_of_one_is_the_plan_of_that_model(model: str, rate: float) -> None:
    """The same type, engine, count and cost as `plan` gives."""
    alone = planner.plan(Request(model=model, request_rate=rate), now=NOW)
    whole = planned({"model": model, "request_rate": rate})
    assert (alone.engine, alone.model.weight_quant) == (whole.served[0].engine, whole.served[0].weight_quant)
    assert [alone.instance_type] * alone.instance_count == [node.instance_type for node in whole.nodes]
    assert alone.usd_per_hour == pytest.approx(whole.usd_per_hour)


def test_small_models_share_one_gpu() -> None:
    """Four small models cost less than half of what they cost each on an instance of its own."""
    found = planned(*[SMALL] * 4)
    assert 1 == len(found.nodes)
    assert {"m0", "m1", "m2", "m3"} == {one.name for one in found.nodes[0].placements}
    assert found.usd_per_hour < found.alone_usd_per_hour / 2


def test_without_colocation_no_gpu_is_shared() -> None:
    """`colocate: false` is held."""
    assert {1.0} == {one.share for one in planned(*[SMALL] * 3, colocate=False).served}


def test_latency_targets_are_held_on_a_shared_gpu() -> None:
    """The target that holds on a whole GPU alone is not broken for the sake of sharing it."""
    whole = planned(SMALL, colocate=False).served[0]
    limit = whole.itl_ms * 1.2
    assert all(one.itl_ms <= limit for one in planned(*[{**SMALL, "itl_ms": limit}] * 3).served)


@settings(max_examples=6, deadline=None)
@given(loads=LOADS)
def test_every_load_is_covered_and_no_gpu_is_overfull(loads: list[tuple[str, float]]) -> None:
    """All replicas stand on real GPUs; memory and headroom hold on each of them; the bound lies below the cost."""
    found = planned(*of(loads), instance_types=TYPES)
    assert found.lower_bound_usd_per_hour <= found.usd_per_hour <= found.alone_usd_per_hour + 1e-6
    placed: dict[str, int] = defaultdict(int)
    for node in found.nodes:
        units: dict[int, float] = defaultdict(float)
        memory: dict[int, float] = defaultdict(float)
        for one in node.placements:
            assert one.utilisation <= planning("headroom") + 1e-9
            placed[one.name] += 1
            for gpu in one.gpus:
                assert gpu < node.gpu_count
                units[gpu] += one.share * UNITS
                memory[gpu] += one.memory_gib
        assert max(units.values()) <= UNITS
        shared = {gpu for one in node.placements for gpu in one.gpus if one.share < 1}
        assert all(gib <= (0.95 if gpu in shared else 1.0) * find_gpu(node.gpu).total_gib for gpu, gib in memory.items())
    assert {one.name: one.replicas for one in found.served} == placed
    assert len(loads) == len(found.served) + len(found.not_served)


@settings(max_examples=5, deadline=None)
@given(loads=LOADS)
def test_more_load_is_never_cheaper(loads: list[tuple[str, float]]) -> None:
    """Twice the requests of every model."""
    assert planned(*of(loads), instance_types=TYPES).usd_per_hour <= planned(*of(loads, 2), instance_types=TYPES).usd_per_hour * 1.0001


@settings(max_examples=5, deadline=None)
@given(loads=LOADS)
def test_one_more_instance_type_is_never_dearer(loads: list[tuple[str, float]]) -> None:
    """A wider choice holds the narrower one."""
    narrow, wide = planned(*of(loads), instance_types=TYPES[1:]), planned(*of(loads), instance_types=TYPES)
    assert wide.usd_per_hour <= narrow.usd_per_hour * 1.0001


def test_a_model_that_fits_nowhere_is_named_and_hides_no_other() -> None:
    """Its reason says what breaks; the rest is planned."""
    found = planned(SMALL, {"model": "Llama-3.3-70B-Instruct", "request_rate": 1, "itl_ms": 0.1})
    assert ["m0"] == [one.name for one in found.served]
    assert ["m1"] == [one.name for one in found.not_served]
    assert "ITL" in found.not_served[0].reason


def test_a_quota_moves_the_fleet_to_another_family() -> None:
    """With no vCPU of the chosen family the next cheapest is taken; with none of any it is a finding."""
    free = planned(SMALL)
    family = free.nodes[0].instance_type.split(".")[0]
    moved = planned(SMALL, quotas={family: 0})
    assert family != moved.nodes[0].instance_type.split(".")[0]
    assert free.usd_per_hour <= moved.usd_per_hour
    with pytest.raises(Finding, match="quotas"):
        planned(SMALL, quotas={one.family: 0 for one in instances() if one.gpu})


def test_an_unknown_family_is_refused() -> None:
    """A misspelt quota would limit nothing."""
    with pytest.raises(InputError, match="g66 is not a family"):
        planned(SMALL, quotas={"g66": 8})


def test_a_fleet_above_its_budget_is_a_finding() -> None:
    """The cost and the least cost are said."""
    with pytest.raises(Finding, match="max_usd_per_hour"):
        planned(SMALL, max_usd_per_hour=0.01)


def test_the_sizes_of_nodes_are_powers_of_two() -> None:
    """The packing of slots without a gap rests on it."""
    assert set() == {one.gpu_count for one in instances() if one.gpu} - {1, 2, 4, 8, 16}


def test_the_example_is_served() -> None:
    """examples/fleet-of-five answers."""
    found = fleet.plan(FleetRequest.read(ROOT / "examples/fleet-of-five/fleet.yaml"), now=NOW)
    assert () == found.not_served
    assert found.usd_per_hour < found.alone_usd_per_hour
