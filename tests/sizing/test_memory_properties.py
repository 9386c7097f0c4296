"""What must hold of memory for every model, GPU, layout and engine, whatever the constants are."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from inferstack.records import engines
from sizing.catalog import find_gpu, find_model
from sizing.engines.versions import engine_version
from sizing.estimate import answer
from sizing.memory.kv_cache import kv_cost
from sizing.models.parameters import count
from sizing.models.quantisation.formats import bits_of
from sizing.models.weights import Shards, per_gpu_bytes

MODELS = st.sampled_from([
    "Llama-3.1-8B-Instruct", "Llama-3.3-70B-Instruct", "Qwen/Qwen3-235B-A22B-FP8", "deepseek-ai/DeepSeek-R1", "openai/gpt-oss-120b",
    "Llama-4-Scout-17B-16E-Instruct", "google/gemma-3-27b-it", "Qwen/Qwen3.5-27B", "mistralai/Mixtral-8x7B-Instruct-v0.1",
])  # fmt: skip
GPUS = st.sampled_from(["H100", "H200", "L40S", "A100-40", "B200"])
ENGINES = st.sampled_from(sorted(engines.sized()))
SIZES = st.sampled_from([1, 2, 4, 8])
LENGTHS = st.integers(1, 400_000)


def asked(**question: Any) -> dict[str, Any]:
    found = answer({"id": "x", "memory_only": True, **question})
    assert "error" not in found, found
    return found


@settings(max_examples=60, deadline=None)
@given(model=MODELS, engine=ENGINES, tp=SIZES, tokens=LENGTHS, more=st.integers(0, 100_000))
def test_more_tokens_never_take_less_kv(model: str, engine: str, tp: int, tokens: int, more: int) -> None:
    """Set aside or held, of every engine; and what is held is never more than what was set aside."""
    cost = kv_cost(find_model(model), Shards(tp, tp, 1, 1), element_bytes=2.0, engine=engine_version(engine, None), batched_tokens=8192)
    assert cost.sequence_bytes(tokens) <= cost.sequence_bytes(tokens + more)
    assert cost.running_bytes(tokens) <= cost.running_bytes(tokens + more)
    assert cost.running_bytes(tokens) <= cost.sequence_bytes(tokens)


@settings(max_examples=60, deadline=None)
@given(model=MODELS, engine=ENGINES, gpu=GPUS, tp=SIZES, shorter=st.integers(256, 200_000), more=st.integers(0, 200_000))
def test_a_larger_context_never_raises_concurrency(model: str, engine: str, gpu: str, tp: int, shorter: int, more: int) -> None:
    """Nor does it make fit what did not."""
    plain = {"model": model, "engine": engine, "gpu": gpu, "tp": tp, "max_num_batched_tokens": 2048, "max_num_seqs": 64}
    short, long = (asked(**plain, max_model_len=length) for length in (shorter, shorter + more))
    assert long["max_concurrency"] <= short["max_concurrency"] + 1e-9
    assert long["fits"] <= short["fits"]


@settings(max_examples=60, deadline=None)
@given(model=MODELS, tp=SIZES, quants=st.permutations(["bf16", "fp8", "int4-awq"]))
def test_a_lower_weight_precision_never_raises_memory(model: str, tp: int, quants: list[str]) -> None:
    """On disk and on a GPU."""
    order = {"bf16": 0, "fp8": 1, "int4-awq": 2}
    found = [asked(model=model, gpu="H200", tp=tp, weight_quant=one) for one in sorted(quants, key=order.__getitem__)]
    assert sorted((one["weights_gib"] for one in found), reverse=True) == [one["weights_gib"] for one in found]
    assert sorted((one["checkpoint_bytes"] for one in found), reverse=True) == [one["checkpoint_bytes"] for one in found]


@settings(max_examples=60, deadline=None)
@given(model=MODELS, tp=SIZES, pp=st.sampled_from([1, 2, 4]))
def test_shards_hold_the_whole_and_what_is_copied(model: str, tp: int, pp: int) -> None:
    """All GPUs together hold at least what one would, and no GPU more than it; a stage is never less than its even share."""
    shape = find_model(model)
    bits = bits_of(shape, None)
    whole, part = per_gpu_bytes(shape, bits, Shards(1, 1, 1, 1)), per_gpu_bytes(shape, bits, Shards(tp, tp, pp, 1))
    assert part <= whole * (1 + 1e-12)
    assert part * tp * pp >= whole * 0.999


@settings(max_examples=40, deadline=None)
@given(model=MODELS, share=st.sampled_from([0.125, 0.25, 0.5]), util=st.floats(0.3, 0.95))
def test_less_memory_never_gives_more_kv(model: str, share: float, util: float) -> None:
    """A part of a GPU, or a lower share of it."""
    total = find_gpu("H200").total_gib
    plain = {"model": model, "gpu": "H200", "tp": 8, "max_num_batched_tokens": 2048, "max_num_seqs": 64, "max_model_len": 4096}
    whole = asked(**plain, gpu_memory_utilization=util)
    part = asked(**plain, gpu_memory_utilization=util, gpu_override={"memory_gib": total * share})
    lower = asked(**plain, gpu_memory_utilization=util * 0.9)
    assert max(part["kv_cache_tokens"], lower["kv_cache_tokens"]) <= whole["kv_cache_tokens"]


@settings(max_examples=40, deadline=None)
@given(model=MODELS, tokens=st.integers(512, 65_536), more=st.integers(0, 65_536), seqs=st.integers(1, 1024))
def test_a_larger_step_never_leaves_more_kv(model: str, tokens: int, more: int, seqs: int) -> None:
    """The profile run grows with max_num_batched_tokens."""
    assume(seqs <= tokens)
    plain = {"model": model, "gpu": "H200", "tp": 8, "max_num_seqs": seqs, "max_model_len": 131_072}
    small, large = (asked(**plain, max_num_batched_tokens=one)["kv_cache_gib"] for one in (tokens, tokens + more))
    assert large <= small + 1e-9


def test_parts_of_a_model_add_up() -> None:
    """Embeddings, head, attention, FFN, experts and the rest are the whole."""
    for model in ("deepseek-ai/DeepSeek-R1", "Llama-4-Scout-17B-16E-Instruct", "Qwen/Qwen3.5-27B"):
        parts = count(find_model(model))
        assert parts.total == parts.embed + parts.head + parts.attn + parts.ffn + parts.experts + parts.other + parts.vision
