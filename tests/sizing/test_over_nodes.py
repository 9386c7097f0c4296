"""A model that no single node holds: planned over several without being asked, with its nearest plan on one node beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from inferstack.records.errors import Finding
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from sizing.catalog import find_gpu, find_instance
from sizing.estimate import answer
from sizing.planning import planner
from sizing.planning.replica_of_plan import replica_of
from sizing.simulation.run import Choices, simulation

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def planned(**request: Any) -> Plan:
    return planner.plan(Request(**{"request_rate": 1, "isl": 1024, "osl": 256, **request}), now=NOW)


@pytest.mark.parametrize(
    ("model", "type_", "nodes"),
    [
        ("meta-llama/Llama-3.1-405B-Instruct", "p5.48xlarge", 2),
        ("meta-llama/Llama-4-Maverick-17B-128E-Instruct", "p5.48xlarge", 2),
        ("meta-llama/Llama-3.1-405B-Instruct", "g6e.48xlarge", 3),
        ("mistralai/Mixtral-8x22B-Instruct-v0.1", "g5.48xlarge", 2),
        ("meta-llama/Llama-3.3-70B-Instruct", "g6.24xlarge", 2),
    ],
)
def test_a_model_larger_than_a_node_takes_as_many_as_it_needs(model: str, type_: str, nodes: int) -> None:
    """16-bit weights over the memory of one node, from the published sizes: pipeline stages over the network, tensor parallelism within."""
    found = planned(model=model, weight_quant="bf16", instance_type=type_, engine="vllm", request_rate=0.1)
    instance = find_instance(type_)
    gib = find_gpu(instance.gpu or "").total_gib * instance.gpu_count
    assert found.model.checkpoint_bytes / 2**30 > gib * 0.8
    assert nodes == found.nodes_per_replica == found.layout.pp
    assert instance.gpu_count == found.layout.tp
    assert 0 == found.instance_count % nodes
    assert nodes == found.engine_flags["pipeline-parallel-size"] == found.engine_flags["nnodes"]
    assert any(f"one replica spans {nodes} nodes" in one for one in found.assumptions)


def test_the_plan_on_one_node_stands_beside() -> None:
    """A larger type that the request leaves out, and a narrower format where the request leaves it open."""
    found = planned(model="meta-llama/Llama-3.1-405B-Instruct", instance_type="p5.48xlarge")
    assert 2 == found.nodes_per_replica
    beside = [one for one in found.what_would_change if one.startswith("nodes:")]
    assert ["nodes: 1 x p5en.48xlarge (tp8) would hold each replica on one node"] == [one.split(", for $")[0] for one in beside]
    assert any(one.startswith("cheaper with fp8") and "1 x p5.48xlarge" in one for one in found.what_would_change)


def test_one_node_is_taken_where_one_holds_the_model() -> None:
    """Several nodes are for what does not fit, not for what is cheaper over a network."""
    assert 1 == planned(model="meta-llama/Llama-3.1-405B-Instruct").nodes_per_replica
    assert 1 == planned(model="meta-llama/Llama-3.3-70B-Instruct").nodes_per_replica


def test_an_engine_that_stays_on_one_host_is_not_cut_over_several() -> None:
    """llama-server reaches other hosts by servers of its own, which no plan starts."""
    with pytest.raises(Finding, match=r"limited by (memory|layout)"):
        planned(model="Llama-3.3-70B-Instruct", weight_quant="gguf-q8_0", engine="llama.cpp", instance_type="g4dn.xlarge")


def test_stages_on_several_nodes_pay_for_the_network() -> None:
    """The replica of the plan sends over the network of its instance type, and so does the same question of the estimate."""
    found = planned(model="meta-llama/Llama-3.3-70B-Instruct", weight_quant="bf16", instance_type="g6.24xlarge")
    r = replica_of(found)
    assert r.features.hop == pytest.approx(8192 * 2 / find_instance("g6.24xlarge").network_bytes_per_s)
    asked = {"id": "a", "model": "Llama-3.3-70B-Instruct", "tp": 4, "isl": 1024, "osl": 256, "request_rate": 0.1, "max_model_len": 8192}
    over, within = answer({**asked, "instance_type": "g6.24xlarge", "pp": 2}), answer({**asked, "gpu": "L4", "pp": 2})
    assert over["ttft_ms"] > within["ttft_ms"]


@pytest.mark.parametrize("model", ["meta-llama/Llama-3.1-405B-Instruct", "meta-llama/Llama-4-Maverick-17B-128E-Instruct"])
def test_a_simulation_over_two_nodes_says_the_same(model: str) -> None:
    """Throughput, first token and time between tokens to 15 %."""
    found = planned(model=model, weight_quant="bf16", instance_type="p5.48xlarge")
    told = simulation(found, Choices())
    assert told.ttft_ms and told.itl_ms and found.prediction.itl_ms
    assert found.prediction.ttft_ms.value == pytest.approx(told.ttft_ms.mean, rel=0.15)
    assert found.prediction.itl_ms.value == pytest.approx(told.itl_ms.mean, rel=0.15)
    assert found.prediction.output_tokens_per_s.value == pytest.approx(told.output_tokens_per_s, rel=0.15)
