"""The argument list of an engine, held against the frozen option tables."""

from __future__ import annotations

from typing import Any

import pytest

from inferstack.records.errors import InputError
from playbooks.flags import argv, options


@pytest.mark.parametrize(
    ("engine", "given", "expected"),
    [
        ("vllm", {"tensor-parallel-size": 8, "max-model-len": "auto"}, ["--tensor-parallel-size", "8", "--max-model-len", "auto"]),
        ("vllm", {"gpu-memory-utilization": 0.92, "max-num-seqs": 8}, ["--gpu-memory-utilization", "0.92", "--max-num-seqs", "8"]),
        ("vllm", {"enable-lora": True, "enable-expert-parallel": False}, ["--enable-lora", "--disable-expert-parallel"]),
        ("tensorrt-llm", {"tp_size": 4, "enable_chunked_prefill": True}, ["--tp_size", "4", "--enable_chunked_prefill"]),
        ("llama.cpp", {"ctx-size": 8192, "flash-attn": "auto"}, ["--ctx-size", "8192", "--flash-attn", "auto"]),
    ],
)  # fmt: skip
def test_flags_become_words_in_their_order(engine: str, given: dict[str, Any], expected: list[str]) -> None:
    """A value follows its option; true is the bare option, false its negative spelling."""
    assert expected == argv(engine, given)


@pytest.mark.parametrize(
    ("engine", "given", "message"),
    [
        ("vllm", {"swap-space": 4}, "engine flag --swap-space: vllm has no such option"),
        ("vllm", {"num-scheduler-steps": 4}, "engine flag --num-scheduler-steps: vllm has no such option"),
        ("vllm", {"kv-cache-dtype": "fp9"}, "engine flag --kv-cache-dtype: 'fp9' is not allowed"),
        ("vllm", {"dtype": "int3"}, "engine flag --dtype: 'int3' is not allowed"),
        ("vllm", {"max-num-seqs": "many"}, "engine flag --max-num-seqs: must be int (given: 'many')"),
        ("vllm", {"max-num-seqs": True}, "engine flag --max-num-seqs: takes a value, not true"),
        ("vllm", {"enable-expert-parallel": "yes"}, "engine flag --enable-expert-parallel: takes no value (given: 'yes')"),
        (
            "vllm",
            {"served-model-name": "x --middleware m"},
            "engine flag --served-model-name: 'x --middleware m' holds a word that would be read as another option",
        ),
        ("vllm", {"host": "0.0.0.0"}, "engine flag --host: is set by the role, not by the plan"),
        ("vllm", {"api-key": "x"}, "engine flag --api-key: is set by the role, not by the plan"),
        ("tensorrt-llm", {"tensor-parallel-size": 8}, "engine flag --tensor-parallel-size: tensorrt-llm has no such option"),
        (
            "tensorrt-llm",
            {"kv_cache_dtype": "fp8"},
            "engine flag --kv_cache_dtype: not known in the versions around the pinned tensorrt-llm",
        ),
        ("sglang", {}, "engine sglang: no role deploys it"),
    ],
)
def test_a_wrong_flag_is_refused_by_name(engine: str, given: dict[str, Any], message: str) -> None:
    """vLLM itself accepts some wrong values and dies only at start; the table refuses them before a host is touched."""
    with pytest.raises(InputError) as refused:
        argv(engine, given)
    assert message == refused.value.message


def test_the_nearest_option_is_named() -> None:
    """The hint of an unknown option is the closest one that exists."""
    with pytest.raises(InputError) as refused:
        argv("vllm", {"tensor-parallel-sizes": 8})
    assert "did you mean --tensor-parallel-size?" == refused.value.hint


@pytest.mark.parametrize(("engine", "least"), [("vllm", 321), ("tensorrt-llm", 50), ("llama.cpp", 258)])
def test_the_tables_are_read_whole(engine: str, least: int) -> None:
    """Each table has as many options as its head says, or more spellings."""
    assert least <= len(options(engine))
