"""sizing.engines.start_checks against what engines printed when they ended at their start, and against runs that did start."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from inferstack.records.request import Request
from sizing.batch.question import parse
from sizing.estimate import answer
from sizing.explaining.answers import computed
from sizing.planning.planner import plan

NOW = datetime(2026, 11, 30, tzinfo=UTC)
HYBRID: dict[str, Any] = {"model": "Qwen3.5-27B", "gpu": "H100", "weight_quant": "fp8"}
NEXT: dict[str, Any] = {
    "architectures": ["Qwen3NextForCausalLM"], "model_type": "qwen3_next", "hidden_size": 2048, "intermediate_size": 5120,
    "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512, "num_hidden_layers": 48, "num_attention_heads": 16,
    "num_key_value_heads": 2, "head_dim": 256, "num_experts": 512, "num_experts_per_tok": 10, "vocab_size": 151936,
    "max_position_embeddings": 262144, "linear_num_key_heads": 16, "linear_key_head_dim": 128, "linear_num_value_heads": 32,
    "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4, "tie_word_embeddings": False,
}  # fmt: skip


def asked(**question: Any) -> dict[str, Any]:
    return answer({"id": "x", "memory_only": True, **question})


@pytest.mark.parametrize(
    "question",
    [
        {**HYBRID, "engine_version": "0.28.0", "max_model_len": 132_000, "gpu_memory_utilization": 0.9},  # vllm-project/vllm#49064: 969
        {"model": "Qwen3.5-27B", "gpu": "H100-NVL-94", "engine_version": "0.25.1"},  # kaito-project/kaito#2319: 614
        {**HYBRID, "gpu_memory_utilization": 0.95, "engine_version": "0.21.0"},  # vllm-project/recipes#551: 856
        {"config": NEXT, "gpu": "H100", "tp": 4, "max_num_seqs": 4096},
        {"model": "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", "gpu": "L40S", "tp": 2, "max_num_seqs": 4096},
    ],
    ids=["27b-h100", "27b-h100-nvl", "27b-h100-0.95", "next-given", "mamba-given"],
)
def test_more_sequences_than_pages_for_states_end_the_start(question: dict[str, Any]) -> None:
    """vLLM from 0.20: `max_num_seqs (1024) exceeds available Mamba cache blocks`, whether the number was given or is the default."""
    found = asked(**question)
    assert found["fits"] is False
    assert "max_num_seqs" in found["why_not"]
    assert "pages" in found["why_not"]


def test_fewer_sequences_than_pages_start() -> None:
    """The reason names how many start, and that many do."""
    told = asked(**HYBRID, engine_version="0.28.0", max_model_len=132_000, gpu_memory_utilization=0.9)["why_not"]
    pages = int(told.split("than the ")[1].split()[0].replace(",", ""))
    assert asked(**HYBRID, engine_version="0.28.0", max_model_len=132_000, gpu_memory_utilization=0.9, max_num_seqs=pages)["fits"] is True


@pytest.mark.parametrize(("version", "fits"), [("0.17.0", False), ("0.18.0", True), ("0.19.0", True), ("0.20.0", False)])
def test_which_versions_refuse(version: str, fits: bool) -> None:
    """0.18 and 0.19 made their graphs for fewer sequences; before, capturing 512 ended the start (vllm-project/vllm#34094)."""
    tight = {"model": "Qwen3.5-27B", "gpu": "H100-NVL-94", "gpu_memory_utilization": 0.75, "max_model_len": 8192}
    assert fits is asked(**tight, engine_version=version)["fits"]


def test_a_model_without_states_has_no_such_bound() -> None:
    """Windows share the pages of unlike layers too, but keep no state: 2,048 sequences start where fewer pages than that are left."""
    few = {"model": "gemma-3-27b-it", "gpu": "H100", "max_num_seqs": 2048, "max_model_len": 2048, "gpu_memory_utilization": 0.795}
    r = parse({"id": "x", "memory_only": True, **few}).replica
    assert r.kv.paging is not None
    assert r.kv.paging.pool(r.kv_bytes) < 2048
    assert asked(**few)["fits"] is True


@pytest.mark.parametrize("model", ["Qwen3.5-27B", "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"])
def test_a_plan_writes_fewer_sequences_than_pages(model: str) -> None:
    """The flags of a plan start by the plan's own sum."""
    request = Request(model=model, users=20, isl=4000, osl=500, gpu="H100", engine="vllm")
    made = plan(request, now=NOW)
    question: dict[str, Any] = dict(  # noqa: C408
        model=made.model.id, weight_quant=made.model.weight_quant, gpu=made.gpu, tp=made.layout.tp, ep=made.layout.ep,
        max_model_len=made.engine_flags["max-model-len"], max_num_seqs=made.engine_flags["max-num-seqs"],
        max_num_batched_tokens=made.engine_flags["max-num-batched-tokens"],
        gpu_memory_utilization=made.engine_flags["gpu-memory-utilization"], engine_version=made.engine_version,
    )  # fmt: skip
    r = parse({"id": "x", "memory_only": True, **question}).replica
    assert r.kv.paging is not None
    assert made.engine_flags["max-num-seqs"] <= r.kv.paging.pool(r.kv_bytes)
    assert asked(**question)["fits"] is True
    assert made.engine_flags["max-num-seqs"] >= 20


def test_a_plan_with_too_many_sequences_given_is_no_plan_for_that_type() -> None:
    """What the request fixes is not lowered behind its back: the type loses, and its reason says what starts."""
    request = Request(model="Qwen3.5-27B", users=4, isl=4000, osl=500, instance_types=("g6e.12xlarge", "p5.48xlarge"), engine="vllm", tp=4,
                      max_num_seqs=2000)  # fmt: skip
    made = plan(request, now=NOW)
    assert "max_num_seqs" in next(one.reason for one in made.rejected if one.instance_type == "g6e.12xlarge")


def test_an_explanation_lowers_the_sequences_and_says_so() -> None:
    """The model fits such a GPU, though not with the engine's default."""
    lines = computed("fit", model="Qwen3.5-27B", weight_quant=None, gpu="H100", gpus=1, tokens=8192)
    assert "max-num-seqs" in lines[-1]
    assert lines[-1].startswith("starts")


def test_sglang_tables_of_requests_are_held_against_what_the_pools_leave() -> None:
    """2,048 requests x 10,485,764 positions x 4 bytes are 80 GiB (sgl-project/sglang#5755)."""
    scout = {"model": "Llama-4-Scout-17B-16E-Instruct", "gpu": "H100", "tp": 8, "engine": "sglang"}
    found = asked(**scout)
    assert found["fits"] is False
    assert "80.0 GiB" in found["why_not"]
    assert asked(**scout, max_model_len=131_072)["fits"] is True
    assert asked(**scout, max_num_seqs=64)["fits"] is True


def test_sglang_before_0_5_4_sets_states_aside_for_512_requests() -> None:
    """512 states of 37 MiB a GPU are more than the static share leaves (sgl-project/sglang#10467)."""
    next_ = {"config": NEXT, "gpu": "H20-96", "tp": 2, "engine": "sglang"}
    assert asked(**next_, engine_version="0.5.2")["fits"] is False
    assert asked(**next_, engine_version="0.5.2", max_num_seqs=64)["fits"] is True


def test_sglang_from_0_5_4_gives_states_nine_tenths_of_what_the_tokens_get() -> None:
    """mamba_full_memory_ratio 0.9, and a third of the states may run at once."""
    later = asked(config=NEXT, gpu="H20-96", tp=4, engine="sglang", engine_version="0.5.10")
    attention = asked(config=NEXT, gpu="H20-96", tp=4, engine="sglang", engine_version="0.5.10", max_num_seqs=1)
    assert later["fits"] is True
    assert later["kv_cache_gib"] == attention["kv_cache_gib"]
    free = 1.9 * later["kv_cache_gib"]
    state = 36 * ((32 * 128 * 128 * 4) + (2 * 16 * 128 + 32 * 128) * 3 * 2) / 4
    assert later["max_concurrency"] * 262_144 == pytest.approx(later["kv_cache_tokens"], rel=0.01)
    assert free * 0.9 / 1.9 * 2**30 // state // 3 >= 1


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tensorrt-llm", "llama.cpp"])
def test_more_tokens_than_positions_do_not_fit(engine: str) -> None:
    """The batch interface refuses what a plan refuses, and names both numbers."""
    found = answer(
        {"id": "x", "model": "Llama-3.1-8B-Instruct", "gpu": "H200", "engine": engine, "isl": 131_000, "osl": 73, "concurrency": 1}
    )
    assert found["fits"] is False
    assert "131,073" in found["why_not"]
    assert "131,072 positions" in found["why_not"]


@pytest.mark.parametrize(("engine", "fits"), [("vllm", False), ("sglang", False), ("tensorrt-llm", True), ("llama.cpp", True)])
def test_a_length_beyond_the_positions_ends_the_start_of_engines_that_check_it(engine: str, fits: bool) -> None:
    """TensorRT-LLM started Falcon 40B, 2,048 positions, with 3,700 tokens; vLLM and SGLang raise."""
    found = asked(model="Llama-3.1-8B-Instruct", gpu="H200", engine=engine, max_model_len=131_073)
    assert fits is found["fits"]
    assert fits or "131,072 positions" in found["why_not"]


@pytest.mark.parametrize("sum_", ["cheapest", "long_context", "fit"])
def test_an_explanation_starts_no_context_beyond_the_positions(sum_: str) -> None:
    """Five million tokens of a model with 131,072 positions."""
    where = {} if sum_ == "cheapest" else {"gpu": "H100", "gpus": 8}
    lines = computed(sum_, model="Llama-3.1-8B-Instruct", weight_quant=None, tokens=5_000_000, **where)
    assert any("131,072 positions" in line for line in lines)
    assert not any("5,000,000" in line for line in lines if "positions" not in line)
