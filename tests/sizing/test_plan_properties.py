"""What holds of every plan and estimate, whatever is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.records.errors import Finding
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from sizing.catalog import GIB, find_gpu, find_model
from sizing.engines.versions import engine_version
from sizing.engines.versions import settings as engine_settings
from sizing.memory.kv_cache import kv_cost
from sizing.models.quantisation.formats import bits_of
from sizing.models.weights import Shards
from sizing.planning import planner

NOW = datetime(2026, 11, 23, tzinfo=UTC)

MODELS = st.sampled_from(["Llama-3.1-8B-Instruct", "Llama-3.3-70B-Instruct", "gpt-oss-20b", "Qwen3-30B-A3B"])
GPUS = st.sampled_from(["L4", "L40S", "A100-80", "H100", "H200", "B200"])
LENGTHS = st.integers(16, 4096)


def plan(**request: Any) -> Plan | None:
    try:
        return planner.plan(Request(**request), now=NOW)
    except Finding:
        return None


@settings(max_examples=25, deadline=None)
@given(model=MODELS, rate=st.floats(0.1, 30), isl=LENGTHS, osl=LENGTHS)
def test_more_load_never_costs_less(model: str, rate: float, isl: int, osl: int) -> None:
    """Twice the requests a second: the same price or more."""
    once, twice = (plan(model=model, request_rate=one, isl=isl, osl=osl, itl_ms=100) for one in (rate, 2 * rate))
    if once and twice:
        assert once.usd_per_hour <= twice.usd_per_hour
    assert once or not twice


@settings(max_examples=25, deadline=None)
@given(model=MODELS, users=st.integers(1, 300), isl=LENGTHS, osl=LENGTHS)
def test_a_plan_uses_whole_instances_and_its_bands_hold_its_figures(model: str, users: int, isl: int, osl: int) -> None:
    """tp x pp x dp is every GPU that is paid for."""
    found = plan(model=model, users=users, isl=isl, osl=osl)
    assert found is not None
    layout = found.layout
    assert found.instance_count * found.gpus_per_instance == layout.tp * layout.pp * layout.dp
    for name in ("ttft_ms", "itl_ms", "e2e_ms", "output_tokens_per_s", "requests_per_s"):
        figure = getattr(found.prediction, name)
        assert figure.low <= figure.value <= figure.high


@settings(max_examples=60, deadline=None)
@given(model=MODELS, gpu=GPUS, tp=st.sampled_from([1, 2, 4, 8]), quants=st.permutations(["bf16", "fp8", "int4-awq"]))
def test_a_narrower_format_never_takes_more_memory(model: str, gpu: str, tp: int, quants: list[str]) -> None:
    """Fewer bits a weight, no more GiB a GPU."""
    shape, shards, engine = find_model(model), Shards(tp, tp, 1, 1), engine_version("vllm", None)
    setting = engine_settings(engine, shape, gpu=find_gpu(gpu), offline=False)
    found = [bits_of(shape, quant) for quant in quants]
    by_bits = sorted(found, key=lambda one: one.attn + one.ffn + one.experts)
    sizes = [engine.budget(shape, one, shards, gpu=find_gpu(gpu), settings=setting).weights_gib for one in by_bits]
    assert sorted(sizes) == sizes


@settings(max_examples=60, deadline=None)
@given(model=MODELS, shorter=LENGTHS, more=LENGTHS)
def test_longer_requests_never_raise_concurrency(model: str, shorter: int, more: int) -> None:
    """The same memory holds fewer of them."""
    shape = find_model(model)
    cost = kv_cost(shape, Shards(1, 1, 1, 1), element_bytes=2.0, engine=engine_version("vllm", None))
    assert 10 * GIB / cost.sequence_bytes(shorter) >= 10 * GIB / cost.sequence_bytes(shorter + more)


@settings(max_examples=60, deadline=None)
@given(model=MODELS, gpu=GPUS, tp=st.sampled_from([1, 2, 4, 8]))
def test_the_parts_of_the_memory_add_up(model: str, gpu: str, tp: int) -> None:
    """Weights, activations, graphs, runtime and KV are what the engine may use."""
    shape, engine = find_model(model), engine_version("vllm", None)
    setting = engine_settings(engine, shape, gpu=find_gpu(gpu), offline=False)
    b = engine.budget(shape, bits_of(shape, None), Shards(tp, tp, 1, 1), gpu=find_gpu(gpu), settings=setting)
    assert abs(b.usable_gib - (b.weights_gib + b.activation_gib + b.graph_gib + b.non_torch_gib + b.kv_gib)) < 1e-9


@settings(max_examples=15, deadline=None)
@given(
    model=MODELS, engine=st.sampled_from(["vllm", "tensorrt-llm"]), shorter=st.integers(2048, 16384), factor=st.sampled_from([1.5, 2, 4])
)
def test_a_larger_context_never_raises_concurrency(model: str, engine: str, shorter: int, factor: float) -> None:
    """One replica on the same node: room for no more requests, and for no more of the longest ones."""
    asked = {"model": model, "engine": engine, "instance_type": "p5.48xlarge", "tp": 8, "pp": 1, "ep": 1, "dp": 1, "concurrency": 1}
    lengths = (shorter, round(min(shorter * factor, 32768)))
    small, large = (plan(**asked, max_model_len=length) for length in lengths)
    assert small is not None
    if large:
        assert small.prediction.max_concurrency >= large.prediction.max_concurrency
        longest = [one.prediction.kv_cache_tokens / length for one, length in zip((small, large), lengths, strict=True)]
        assert longest[0] >= longest[1]


@settings(max_examples=15, deadline=None)
@given(model=st.sampled_from(["Llama-3.1-8B-Instruct", "Qwen3-32B", "Qwen3-30B-A3B"]), engine=st.sampled_from(["vllm", "tensorrt-llm"]))
def test_a_lower_precision_of_a_plan_never_raises_memory(model: str, engine: str) -> None:
    """The same node and layout in 16, 8 and 4 bits."""
    asked = {"model": model, "engine": engine, "instance_type": "p6-b200.48xlarge", "tp": 8, "pp": 1, "dp": 1, "concurrency": 1}
    found = [plan(**asked, weight_quant=one) for one in ("bf16", "fp8", "nvfp4")]
    weights = [one.prediction.weights_gib for one in found if one]
    assert 3 == len(weights)
    assert sorted(weights, reverse=True) == weights
