"""sizing.fleet.gpu_shares: processes beside each other on one GPU start, keep to their part, and answer no sooner than alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from inferstack.records.fleet import FleetModel, FleetPlan, FleetRequest
from inferstack.records.request import Request
from sizing.catalog import find_gpu, find_instance
from sizing.engines.layouts import ReplicaLayout
from sizing.fleet import fleet
from sizing.fleet.gpu_shares import SHARES, UNITS, environment, fraction_within, may_share, on_a_share, taken_gib
from sizing.planning.candidates import replica_on
from sizing.planning.demand import planning
from sizing.planning.planner import search_of

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SMALL: dict[str, Any] = {"model": "Llama-3.2-1B-Instruct", "request_rate": 0.2, "isl": 256, "osl": 32}
L40S = find_instance("g6e.xlarge")


def planned(*requests: dict[str, Any], **limits: Any) -> FleetPlan:
    members = tuple(FleetModel(name=f"m{i}", request=Request(**one)) for i, one in enumerate(requests))
    return fleet.plan(FleetRequest(models=members, **limits), now=NOW)


@pytest.mark.parametrize("version", ["0.6.3", "0.9.0", "0.11.0", "0.19.1", "0.26.0", "0.33.0"])
@pytest.mark.parametrize("units", SHARES)
def test_as_many_processes_as_fill_a_gpu_find_their_memory(version: str, units: int) -> None:
    """All of them together, graphs and contexts that a version does not count included, take no more than one process alone may; so the
    last one to start still finds its fraction free."""
    search = search_of(Request(**SMALL, engine="vllm", engine_version=version))
    large = find_instance("g7e.2xlarge")
    found = on_a_share(search, large, units, most=UNITS)
    assert found is not None
    r, neighbours = found[0], UNITS // units
    whole = replica_on(search, large, ReplicaLayout()).settings.utilization
    assert neighbours * taken_gib(r) <= whole * r.gpu.total_gib + 1e-9
    assert r.gpu.total_gib - (neighbours - 1) * taken_gib(r) >= r.settings.utilization * r.gpu.total_gib


def test_versions_that_leave_graphs_out_get_a_smaller_fraction() -> None:
    """vLLM 0.11 captures its graphs beside its fraction, 0.33 within it: the same part of the GPU is another flag."""
    old, new = (search_of(Request(**SMALL, engine="vllm", engine_version=version)) for version in ("0.11.0", "0.33.0"))
    fractions = [found[0].settings.utilization for found in (on_a_share(one, L40S, 4, most=1) for one in (old, new)) if found]
    assert [pytest.approx(0.46)] == fractions[1:]
    assert fractions[0] < 0.45 * 0.98


def test_a_fraction_is_never_rounded_up() -> None:
    """Eight of them would be more than there is."""
    assert 0.1149 == fraction_within(0.115, 0.00001)
    assert 0.0001 == fraction_within(0.1, 0.2)


@pytest.mark.parametrize("units", SHARES)
def test_a_share_is_slower_than_the_whole_by_more_than_its_neighbours_take(units: int) -> None:
    """Each iteration takes 1 / (share x speed) times as long, in decode and in the prompt, and the KV is smaller."""
    search = search_of(Request(**SMALL))
    whole, found = replica_on(search, L40S, ReplicaLayout()), on_a_share(search, L40S, units, most=UNITS)
    assert found is not None
    slower = UNITS / units / planning("shared_gpu_speed")
    assert pytest.approx(whole.decode_s(4, 1000) * slower) == found[0].decode_s(4, 1000)
    assert pytest.approx(whole.prefill_s(500) * slower) == found[0].prefill_s(500)
    assert found[0].kv_bytes < whole.kv_bytes * units / UNITS


@pytest.mark.parametrize("share", [one / UNITS for one in SHARES])
def test_the_mean_of_a_processor_that_is_shared_evenly_is_faster_than_assumed(share: float) -> None:
    """Open loops keep below headroom of their share: by processor sharing a job takes 1 / (1 - load of the others) as long, whatever the
    sizes of the shares. The assumed factor is above it, with a headroom of 1 as well."""
    speed = planning("shared_gpu_speed")
    for headroom in (planning("headroom"), 1.0):
        assert 1 / (1 - headroom * speed * (1 - share)) < 1 / (share * speed)


def test_weights_that_do_not_fit_a_share_are_not_put_there() -> None:
    """An 8B model in 16 bit takes 15 GiB: half an L40S holds it, a quarter does not."""
    search = search_of(Request(model="Llama-3.1-8B-Instruct", request_rate=0.1, isl=256, osl=32, engine="vllm"))
    assert [False, False, True] == [on_a_share(search, L40S, units, most=UNITS) is not None for units in SHARES]


@pytest.mark.parametrize(
    ("changes", "able"),
    [({}, True), ({"engine": "tensorrt-llm"}, False), ({"tp": 1}, False), ({"dp": 1}, False), ({"gpu_memory_utilization": 0.9}, False),
     ({"n_plus_1": True}, False), ({"lora_slots": 2}, False), ({"weight_quant": "gguf-q4_k_m"}, True)],
)  # fmt: skip
def test_what_keeps_to_a_part_of_a_gpu_may_share_it(changes: dict[str, Any], able: bool) -> None:
    """vLLM and llama.cpp do. TensorRT-LLM takes a share of what is free, which its neighbours change; a fixed layout or fraction stays."""
    assert able == may_share(search_of(Request(**{**SMALL, **changes})), L40S)


def test_llama_cpp_shares_by_the_size_of_its_context() -> None:
    """Two of them on one GPU: the context of each fits its part, and there is no fraction to set."""
    gguf = {"model": "Llama-3.1-8B-Instruct", "weight_quant": "gguf-q4_k_m", "concurrency": 1, "isl": 256, "osl": 32}
    found = planned(gguf, gguf, instance_types=("g6e.xlarge",))
    assert 1 == len(found.nodes)
    placed = found.nodes[0].placements
    assert [0.5, 0.5] == [one.share for one in placed]
    assert [None, None] == [one.gpu_memory_utilization for one in placed]
    assert sum(one.memory_gib for one in placed) <= find_gpu("L40S").total_gib
    assert all("ctx-size" in one.engine_flags for one in found.served)


def test_each_process_is_given_its_gpus_and_its_share_of_the_threads() -> None:
    """CUDA numbers for all, MPS's percentage in whole numbers for a share alone; no MIG slice is asked for."""
    assert {"CUDA_VISIBLE_DEVICES": "2,3"} == environment((2, 3), 1.0)
    assert {"CUDA_VISIBLE_DEVICES": "5", "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": "12"} == environment((5,), 0.125)


def test_flags_and_placement_say_the_same_fraction() -> None:
    """What a model's process is started with is what its placement counts; without colocation it is the engine's own."""
    found = planned(SMALL, SMALL, instance_types=("g6.xlarge",))
    fractions = {one.name: one.gpu_memory_utilization for node in found.nodes for one in node.placements}
    assert fractions == {one.name: one.engine_flags["gpu-memory-utilization"] for one in found.served}
    assert {0.46} == set(fractions.values())
    apart = planned(SMALL, SMALL, instance_types=("g6.xlarge",), colocate=False)
    assert {0.92} == {one.engine_flags["gpu-memory-utilization"] for one in apart.served}
