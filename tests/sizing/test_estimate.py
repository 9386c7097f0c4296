"""sizing.estimate: the batch interface, line by line."""

from __future__ import annotations

import cProfile
import io
import json
import pstats
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.records.files import keys
from inferstack.records.files.facts import ROOT
from sizing.batch.keys import BEYOND, answer_keys
from sizing.batch.keys import QUESTION as KEYS
from sizing.estimate import answer, main

QUESTION: dict[str, Any] = {"id": "a", "model": "Llama-3.1-8B-Instruct", "gpu": "H100", "isl": 1024, "osl": 256, "concurrency": 16}
MEMORY = {
    "fits",
    "checkpoint_bytes",
    "weights_gib",
    "activation_gib",
    "cuda_graph_gib",
    "non_torch_gib",
    "kv_cache_gib",
    "kv_cache_tokens",
    "max_concurrency",
}
FIGURES = ("output_tokens_per_s", "requests_per_s", "ttft_ms", "itl_ms", "e2e_ms")


def test_an_answer_holds_every_key_of_the_interface() -> None:
    """interfaces: figures, p99 of the latencies, bands, bound, saturated, basis."""
    bands = {f"{name}_{edge}" for name in FIGURES for edge in ("low", "high")}
    expected = {"id", *MEMORY, *FIGURES, *bands, "ttft_p99_ms", "itl_p99_ms", "e2e_p99_ms", "bound", "saturated", "basis"}
    assert expected == set(answer(QUESTION))


def test_bands_hold_the_figure() -> None:
    """Low <= figure <= high, at least 5 % away."""
    found = answer(QUESTION)
    for name in FIGURES:
        assert found[f"{name}_low"] <= 0.95 * found[name] < 1.05 * found[name] <= found[f"{name}_high"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tensor_parallel": 2}, "tensor_parallel: unknown field"),
        ({"model": "Llama-3.4-70B"}, "never released"),
        ({"gpu": "Z100"}, "there is no GPU"),
        ({"tp": 0}, "tp: must be a whole number from 1 to 1,024 (given: 0)"),
        ({"tp": 1e308}, "tp: must be a whole number from 1 to 1,024 (given: 1e+308)"),
        ({"num_requests": 10**400}, "num_requests: must be a whole number from 1 to 1,000,000,000 (given: 1000"),
        ({"burstiness": 0}, "burstiness: must be a number from 0.001 to 1,000 (given: 0)"),
        ({"gpu_override": {"memory_gib": 1e-9}}, "gpu_override.memory_gib: "),
        ({"tp": True}, "tp: must be a whole number"),
        ({"isl": -5}, "isl: must be"),
        ({"isl": None}, "isl and osl are needed"),
        ({"weight_quant": "q4"}, "is not a known format"),
        ({"kv_quant": "int3"}, "kv_quant: must be 'auto', 'bf16', 'fp16' or 'fp8' (given: int3)"),
        ({"engine": "tgi"}, "engine: 'tgi': Text Generation Inference is not sized"),
        ({"request_rate": 1.0}, "give one load, not 2: concurrency, request_rate"),
        ({"gpu_override": {"memory": 1}}, "gpu_override.memory"),
        ({"instance_type": "p5.xlarge"}, "p5.4xlarge"),
        ({"prefix_hit_rate": 1.5}, "prefix_hit_rate: must be a number from 0 to 1 (given: 1.5)"),
    ],
)
def test_a_wrong_question_gets_an_error_on_its_line(change: dict[str, Any], says: str) -> None:
    """Nothing else but the id is present."""
    found = answer({**QUESTION, **change})
    assert {"id", "error"} == set(found)
    assert says in found["error"]


def test_answers_come_in_order_and_exit_0(capsys: pytest.CaptureFixture[str]) -> None:
    """A line that cannot be answered does not stop the others."""
    lines = [json.dumps(QUESTION), "", json.dumps({"id": "b", "nope": 1}), json.dumps({**QUESTION, "id": "c"})]
    assert 0 == main(lines)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ["a", "b", "c"] == [one["id"] for one in found]
    assert "error" in found[1]


@pytest.mark.parametrize("line", ["not json", "[1, 2]", '{"id": "a"'])
def test_what_is_not_json_lines_exits_2_and_names_the_line(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """interfaces: 2 when stdin is not JSON Lines at all."""
    assert 2 == main(io.StringIO(json.dumps(QUESTION) + "\n" + line + "\n"))
    assert "line 2 is not" in capsys.readouterr().err


def test_the_module_runs_as_a_program() -> None:
    """`python -m sizing.estimate`, without network or settings."""
    done = subprocess.run(
        [sys.executable, "-m", "sizing.estimate"], input=json.dumps(QUESTION), capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert "a" == json.loads(done.stdout)["id"]


def test_memory_only_needs_no_lengths_and_answers_at_the_model_length() -> None:
    """`max_concurrency` is then at `max_model_len`."""
    found = answer({"id": "a", "model": "Llama-3.1-8B-Instruct", "gpu": "H100", "memory_only": True, "max_model_len": 8192})
    assert {"id", *MEMORY} == set(found)
    assert found["kv_cache_tokens"] / 8192 == pytest.approx(found["max_concurrency"], rel=0.01)


def test_an_override_replaces_the_fact_of_the_gpu() -> None:
    """Twice the bandwidth, shorter steps; a smaller memory, less KV."""
    plain = answer(QUESTION)
    fast = answer({**QUESTION, "gpu_override": {"bandwidth_gb_s": 6700}})
    small = answer({**QUESTION, "gpu_override": {"memory_gib": 40}})
    assert fast["itl_ms"] < plain["itl_ms"]
    assert small["kv_cache_gib"] < plain["kv_cache_gib"]


def test_maverick_in_fp8_is_refused_on_five_gpus() -> None:
    """A claim in circulation: 400 GB do not fit 5 x 80 GB, and TP5 is illegal."""
    found = answer(
        {"id": "a", "model": "Llama-4-Maverick-17B-128E-Instruct-FP8", "gpu": "H100", "tp": 5, "isl": 100, "osl": 100, "concurrency": 1}
    )
    assert found["fits"] is False
    assert "8 KV heads and tp=5" in found["why_not"]


def test_past_the_capacity_it_says_saturated_and_quantifies_the_queue() -> None:
    """Open loop: served at the capacity, the wait grows with the run."""
    over = answer({**QUESTION, "concurrency": None, "request_rate": 1000.0, "num_requests": 1000})
    longer = answer({**QUESTION, "concurrency": None, "request_rate": 1000.0, "num_requests": 10000})
    assert over["saturated"] is True
    assert over["requests_per_s"] < 1000
    assert 5 * over["ttft_ms"] < longer["ttft_ms"]


def test_a_config_instead_of_a_model_is_answered() -> None:
    """The same shape gives the same answer but for the checkpoint's published size."""
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
        "max_position_embeddings": 131072,
    }  # fmt: skip
    named, configured = answer(QUESTION), answer({**{k: v for k, v in QUESTION.items() if k != "model"}, "config": config})
    assert named["itl_ms"] == pytest.approx(configured["itl_ms"], rel=1e-6)
    assert named["kv_cache_tokens"] == configured["kv_cache_tokens"]


def test_a_sweep_costs_few_calls_for_each_answer() -> None:
    """Counted, not timed: the goal of 5,000 a second on an idle core is measured by `make bench-sizing`; this catches a large loss."""
    questions = [{**QUESTION, "concurrency": 1 + n % 64, "isl": 100 + n} for n in range(100)]
    answer(questions[0])
    profile = cProfile.Profile()
    profile.enable()
    for question in questions:
        answer(question)
    profile.disable()
    assert pstats.Stats(profile).total_calls / len(questions) < 4000, "1,124 on 2026-12-01"


BOUNDS = {name: ends for name, key in KEYS.items() if (ends := keys.bounds(key))}
NAMES = {
    "model": ("Llama-3.1-8B-Instruct", "DeepSeek-R1-0528", "Llama-4-Scout-17B-16E-Instruct"),
    "gpu": ("H100", "L40S", "T4"),
    "engine": ("vllm", "tensorrt-llm", "sglang", "llama.cpp"),
}


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_the_least_and_the_most_of_every_number_get_a_finite_answer(data: Any) -> None:
    """Or an error: never an exception, never infinite, never below 0."""
    question: dict[str, Any] = {"id": "x", "isl": 1024, "osl": 128}
    question |= {name: data.draw(st.sampled_from(values)) for name, values in NAMES.items()}
    for key in data.draw(st.lists(st.sampled_from(sorted(BOUNDS)), max_size=5, unique=True)):
        question[key] = data.draw(st.sampled_from(BOUNDS[key]))
    found = json.loads(json.dumps(answer(question), allow_nan=False))
    assert all(value >= 0 for value in found.values() if isinstance(value, int | float)), found


def test_every_key_of_an_answer_is_written_down() -> None:
    """Of one that fits, one that does not and one that is wrong together: all that the reference lists, and no other."""
    answers = (QUESTION, {**QUESTION, "model": "Llama-3.1-70B-Instruct"}, {**QUESTION, "gpu": "Z100"})
    assert set(answer_keys()) == {key for question in answers for key in answer(question)}


@pytest.mark.parametrize("dp", [1, 3])
def test_a_target_throughput_is_so_many_requests_a_second(dp: int) -> None:
    """`tokens_per_s` is of all replicas, in output tokens: arrivals of tokens_per_s / osl."""
    asked = {"id": "a", "model": "Llama-3.1-8B-Instruct", "gpu": "L40S", "isl": 700, "osl": 140, "dp": dp}
    assert answer({**asked, "request_rate": 6}) == answer({**asked, "tokens_per_s": 840})


def test_two_loads_are_refused_by_name() -> None:
    """Of three that a question may hold."""
    asked = {"id": "a", "model": "Llama-3.1-8B-Instruct", "gpu": "L40S", "isl": 700, "osl": 140}
    found = answer({**asked, "tokens_per_s": 840, "concurrency": 2})
    assert {"id": "a", "error": "give one load, not 2: concurrency, tokens_per_s"} == found


@pytest.mark.parametrize("load", [{}, {"concurrency": 8}, {"request_rate": 0.5}], ids=["offline", "closed", "open"])
def test_one_token_of_answer_has_no_time_between_tokens(load: dict[str, Any]) -> None:
    """All of its figures are null, and the answer is there with its first token."""
    found = answer({"id": "a", "model": "Llama-3.1-8B-Instruct", "gpu": "L40S", "isl": 700, "osl": 1, **load})
    assert [None] * 4 == [found[name] for name in ("itl_ms", "itl_ms_low", "itl_ms_high", "itl_p99_ms")]
    assert found["ttft_ms"] == found["e2e_ms"] > 0


@pytest.mark.parametrize("name", sorted(BEYOND))
def test_what_no_question_can_say_is_answered_with_the_reason(name: str) -> None:
    """Never taken silently, and never a key that is known."""
    assert name not in KEYS
    told = answer({**QUESTION, name: 1})["error"]
    assert f"{name}: unknown field; beyond the estimate: " in told
