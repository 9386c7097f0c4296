"""sizing.explaining.breakdown and its parts: nothing of a GPU and nothing of an iteration is left out of the sum."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferstack.records.files.facts import load
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from sizing.catalog import GIB, find_gpu, find_model
from sizing.engines.layouts import ReplicaLayout
from sizing.engines.versions import engine_version, settings
from sizing.explaining import breakdown, memory_parts, time_terms
from sizing.explaining.roofline import roofline
from sizing.models.quantisation.formats import bits_of
from sizing.planning import planner
from sizing.speed.replica import Replica, replica

NOW = datetime(2026, 11, 27, tzinfo=UTC)
IDS = [
    record["id"]
    for group in load("sizing")["models"].values()
    for record in group["records"]
    if not record.get("pooling") and "Classification" not in record["architecture"]
]
LAYOUTS = (ReplicaLayout(), ReplicaLayout(tp=2), ReplicaLayout(tp=8), ReplicaLayout(pp=2), ReplicaLayout(tp=8, ep=8))
MOE, DENSE = "Llama-4-Scout-17B-16E-Instruct", "Llama-3.3-70B-Instruct"


def made(model: str, layout: ReplicaLayout, *, gpu: str = "H200", quant: str | None = None, engine: str = "vllm") -> Replica:
    shape, card, version = find_model(model), find_gpu(gpu), engine_version(engine, None)
    return replica(
        shape, card, bits_of(shape, quant), layout=layout, engine=version, kv_quant="auto", offline=False, hop_bytes_per_s=1e10,
        settings=settings(version, shape, gpu=card, offline=False, max_model_len=4096),
    )  # fmt: skip


def planned(**request: Any) -> Plan:
    return planner.plan(Request(**request), now=NOW)


@pytest.fixture(scope="module")
def chat() -> Plan:
    return planned(model=DENSE, weight_quant="fp8", request_rate=4)


@pytest.mark.parametrize("model", IDS)
def test_the_weights_by_kind_are_the_weights_after_load(model: str) -> None:
    """To the byte; and what no kind explains (scales, padding of kernels) is a small remainder, never a hidden half."""
    for layout in LAYOUTS:
        r = made(model, layout)
        parts = {part.name: part.bytes for part in memory_parts.weights(r)}
        whole = r.budget.weights_gib * GIB
        assert sum(parts.values()) == pytest.approx(whole, abs=8)
        assert abs(parts.get("scales and padding", 0)) <= (0.1 if r.bits.compute == "mxfp4" else 0.02) * whole


@pytest.mark.parametrize("engine", ["vllm", "tensorrt-llm", "sglang"])
def test_the_parts_of_the_memory_are_the_whole_gpu(engine: str) -> None:
    """Weights, activations, graphs, the rest, KV, and what is left free."""
    r = made("Llama-3.1-8B-Instruct", ReplicaLayout(), engine=engine)
    parts = memory_parts.memory(r, reserve_gib=0.0)
    assert sum(part.bytes for part in parts) == pytest.approx(r.gpu.total_gib * GIB)
    assert r.kv_bytes == next(part.bytes for part in parts if part.group == "kv")


@pytest.mark.parametrize("model", [DENSE, MOE, "gemma-3-27b-it", "DeepSeek-V3", "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", "gpt-oss-120b"])
def test_kv_by_kind_of_layer_is_the_cost_of_a_token(model: str) -> None:
    """Full, windowed, chunked, latent and recurrent layers together."""
    for layout in (ReplicaLayout(), ReplicaLayout(tp=8), ReplicaLayout(pp=2)):
        r = made(model, layout)
        kinds = memory_parts.kv_kinds(r)
        assert sum(one.bytes_per_token for one in kinds) == pytest.approx(r.kv.full_bytes + r.kv.span_bytes)
        assert sum(one.state_bytes for one in kinds) == pytest.approx(r.kv.state_bytes)


@given(
    batch=st.floats(1, 512), context=st.floats(1, 1e6), model=st.sampled_from([DENSE, MOE, "DeepSeek-V3"]), at=st.sampled_from(LAYOUTS[1:4])
)
def test_the_terms_of_an_iteration_are_the_iteration(batch: float, context: float, model: str, at: ReplicaLayout) -> None:
    """And the dense GEMMs, which take what the others leave, lie where a roofline with a smooth corner has them."""
    r = made(model, at)
    terms = {term.name: term for term in time_terms.iteration(r, batch, context)}
    assert sum(term.seconds for term in terms.values()) == pytest.approx(r.decode_s(batch, context), rel=1e-9)
    dense = terms["dense GEMMs"]
    assert dense.compute_s is not None
    assert dense.read_s is not None
    slack = 1e-9 * r.decode_s(batch, context)
    assert max(dense.compute_s, dense.read_s) - slack <= dense.seconds <= dense.compute_s + dense.read_s + slack


@given(tokens=st.floats(1, 1e6), model=st.sampled_from([DENSE, MOE, "gemma-3-27b-it"]), at=st.sampled_from(LAYOUTS[1:4]))
def test_the_terms_of_a_prompt_are_the_prompt(tokens: float, model: str, at: ReplicaLayout) -> None:
    """Of all stages; none is negative."""
    r = made(model, at)
    terms = time_terms.prompt(r, tokens)
    assert sum(term.seconds for term in terms) == pytest.approx(r.prefill_s(tokens) * r.features.stages, rel=1e-9)
    assert all(term.seconds > 0 for term in terms)


@given(batch=st.floats(1, 4096), context=st.floats(16, 1e5))
def test_no_point_lies_above_its_roof(batch: float, context: float) -> None:
    """What is attained is below what the GPU allows at that intensity, and a prompt does more arithmetic a byte than decode."""
    r = made("Llama-3.1-8B-Instruct", ReplicaLayout())
    found = roofline(r, batch=batch, context=context, prompt_tokens=1024)
    assert all(point.flops_per_s <= point.roof_flops_per_s for point in found.points)
    assert found.ridge == pytest.approx(found.peak_flops_per_s / found.bandwidth_bytes_per_s)
    decode, prompt = found.points
    assert decode.intensity < prompt.intensity


def test_the_sum_is_that_of_the_plan(chat: Plan) -> None:
    """Memory, ITL and TTFT of the rebuilt replica are the plan's own figures."""
    found = breakdown.of_plan(chat)
    said = chat.prediction
    weights = sum(part.bytes for part in found.memory if part.group == "weights") / GIB
    assert said.weights_gib == pytest.approx(weights, abs=1e-3)
    assert said.itl_ms.value == pytest.approx(found.itl_s * 1e3, rel=1e-5)
    assert said.ttft_ms.value == pytest.approx(found.ttft_s * 1e3, rel=1e-5)
    assert said.kv_cache_tokens == found.kv_tokens
    assert () == found.doubts


def test_the_queue_of_arrivals_is_a_part_of_their_first_token(chat: Plan) -> None:
    """The rest is what nobody hinders. Requests in flight have no queue of their own."""
    found = breakdown.of_plan(chat)
    assert chat.request.request_rate is not None
    assert 0 < found.queue_s < 0.5 * found.ttft_s
    assert 0 == breakdown.of_plan(planned(model="Llama-3.1-8B-Instruct", concurrency=8)).queue_s


def test_a_plan_of_other_facts_is_doubted(chat: Plan) -> None:
    """The sum of today beside a figure of yesterday would explain something else."""
    old = chat.replaced(prediction={**chat.prediction.model_dump(), "weights_gib": chat.prediction.weights_gib - 5})
    assert 1 == len(breakdown.of_plan(old).doubts)
    assert "plan again" in breakdown.of_plan(old).doubts[0]


@pytest.mark.parametrize("request_", [
    {"model": "Llama-3.1-8B-Instruct", "weight_quant": "gguf-q4_k_m"},
    {"model": "gpt-oss-120b", "engine": "tensorrt-llm", "concurrency": 8},
    {"model": "Llama-4-Scout-17B-16E-Instruct", "weight_quant": "fp8", "users": 4},
])  # fmt: skip
def test_every_engine_that_a_plan_starts_is_explained(request_: dict[str, Any]) -> None:
    """With the settings of the plan's own flags, so that memory agrees."""
    assert () == breakdown.of_plan(planned(**request_)).doubts
