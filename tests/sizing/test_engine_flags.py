"""sizing.engines.flags: nothing that the pinned engine's own parser does not know."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from inferstack.records.errors import InputError
from inferstack.records.request import Request
from sizing.engines import flags
from sizing.planning import planner

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("engine", "request_"),
    [
        ("vllm", {"model": "Llama-3.1-8B-Instruct"}),
        ("vllm", {"model": "Llama-3.1-8B-Instruct", "gpu": "T4", "weight_quant": "fp8", "kv_quant": "fp8"}),
        ("vllm", {"model": "gpt-oss-120b", "instance_type": "p5.48xlarge", "ep": 8}),
        ("tensorrt-llm", {"model": "Llama-3.1-8B-Instruct", "engine": "tensorrt-llm"}),
        ("llama.cpp", {"model": "Llama-3.1-8B-Instruct", "weight_quant": "gguf-q4_k_m"}),
    ],
)
def test_every_flag_of_a_plan_is_in_the_frozen_table(engine: str, request_: dict[str, Any]) -> None:
    """The tables were read out of the engines' own parsers."""
    plan = planner.plan(Request(**request_, concurrency=2, isl=256, osl=64), now=NOW)
    assert engine == plan.engine
    assert set(plan.engine_flags) <= set(flags.options(engine))


def test_an_option_that_does_not_exist_is_refused() -> None:
    """A misspelt flag would stop the engine at its start."""
    with pytest.raises(InputError, match="max-model-length"):
        flags.check("vllm", {"max-model-length": 4096})


def test_a_value_outside_the_choices_is_refused() -> None:
    """--dtype has choices in vLLM's parser."""
    with pytest.raises(InputError, match="bfloat16"):
        flags.check("vllm", {"dtype": "fp16"})


def test_a_turing_gpu_is_told_float16() -> None:
    """T4 has no bf16."""
    plan = planner.plan(Request(model="Llama-3.2-1B-Instruct", gpu="T4", concurrency=1, isl=128, osl=32), now=NOW)
    assert "float16" == plan.engine_flags["dtype"]


def test_the_flag_tables_are_whole() -> None:
    """As many options as the parsers had when they were read."""
    assert 321 <= len(flags.options("vllm"))
    assert "free_gpu_memory_fraction" in flags.options("tensorrt-llm")
    assert "kv_cache_dtype" not in flags.options("tensorrt-llm"), "newer than the pinned 1.2.1"
