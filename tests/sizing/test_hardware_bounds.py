"""What no software outruns, by sums of this file: datasheet arithmetic over every prompt, whatever the engine, the GPU and the load.

And what one request on an idle server sees, however the question is put.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from inferstack.records.files.facts import ROOT
from inferstack.records.request import Request
from sizing.catalog import find_gpu, find_model
from sizing.estimate import answer
from sizing.models.parameters import count
from sizing.models.quantisation.formats import bits_of, peak_flops
from sizing.planning import planner
from sizing.simulation.run import Choices, simulation

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
MODELS = (
    "Llama-3.1-8B-Instruct",
    "Llama-3.2-1B-Instruct",
    "Qwen3-14B",
    "Llama-3.3-70B-Instruct",
    "Mixtral-8x7B-Instruct-v0.1",
    "gpt-oss-20b",
)
GPUS = ("H100", "H200", "A100-80", "L40S", "L4", "A10G", "B200", "RTX4090", "RTX-PRO-6000")
ENGINES = ("vllm", "tensorrt-llm", "sglang", "llama.cpp")
LOADS = st.one_of(
    st.builds(lambda n: {"concurrency": n}, st.integers(1, 2000)),
    st.builds(lambda n, rounds: {"concurrency": n, "num_requests": n * rounds}, st.integers(1, 400), st.integers(1, 60)),
    st.builds(lambda rate: {"request_rate": rate}, st.floats(0.001, 500)),
    st.just({}),
)
ASKED = st.fixed_dictionaries(
    {
        "model": st.sampled_from(MODELS), "gpu": st.sampled_from(GPUS), "engine": st.sampled_from(ENGINES),
        "tp": st.sampled_from((1, 2, 4, 8)),
        "isl": st.sampled_from((64, 500, 2000, 4000, 12000)), "osl": st.sampled_from((1, 2, 8, 64, 1000)),
    }
)  # fmt: skip


def prompt_s(asked: dict[str, Any]) -> float:
    """All GPUs of the replica at the peak of the datasheet, on the weights that every token passes; attention and head left out."""
    shape, gpu = find_model(asked["model"]), find_gpu(asked["gpu"])
    bits = bits_of(shape, asked.get("weight_quant"))
    weights = count(shape).active - 2 * shape.vocab * shape.hidden
    peak = max(peak_flops(gpu, part, bits.compute) for part in (bits.attn, bits.ffn, bits.experts))
    return 2 * weights * asked["isl"] / (peak * asked.get("tp", 1) * asked.get("pp", 1))


@given(asked=ASKED, load=LOADS)
@settings(max_examples=400, deadline=None)
def test_no_load_is_served_faster_than_the_work_of_its_prompts(asked: dict[str, Any], load: dict[str, Any]) -> None:
    """Requests a second times the arithmetic of a prompt is at most one, and a first token takes at least that long."""
    found = answer({"id": "a", **asked, **load, "max_model_len": 16384})
    assume(found.get("fits"))
    least = prompt_s(asked)
    assert found["requests_per_s"] * least <= 1
    assert found["ttft_ms"] >= least * 1e3
    assert (found["itl_ms"] is None) == (asked["osl"] == 1)


@given(asked=ASKED, clients=st.integers(2, 1500))
@settings(max_examples=200, deadline=None)
def test_a_closed_loop_keeps_littles_law(asked: dict[str, Any], clients: int) -> None:
    """Clients over the rate are the time that a request takes, and that is its first token and the others after it."""
    found = answer({"id": "a", **asked, "concurrency": clients, "max_model_len": 16384})
    assume(found.get("fits"))
    assert clients / found["requests_per_s"] == pytest.approx(found["e2e_ms"] / 1e3, rel=1e-6)
    assert found["e2e_ms"] >= clients * prompt_s(asked) * 1e3


@pytest.mark.parametrize("line", (ROOT / "tests/field/sizing/A1.jsonl").read_text().splitlines())
def test_cases_of_the_field_on_closed_loops(line: str) -> None:
    """Own sums of others over public threads; the cases with `osl` 1."""
    case = json.loads(line)
    found = answer({"id": case["id"], **case["ask"]})
    for check in case["truth"]:
        value = found[check["key"]]
        assert check["at_least"] <= value if "at_least" in check else True
        assert value <= check["at_most"] if "at_most" in check else True
        assert value is None or "is" not in check


@pytest.mark.parametrize(
    ("model", "gpu", "tp", "isl", "osl", "clients", "engine"),
    [
        ("Llama-3.1-8B-Instruct", "H100", 1, 4000, 1, 64, "vllm"),
        ("Llama-3.1-8B-Instruct", "L40S", 1, 2000, 4, 32, "vllm"),
        ("Llama-3.3-70B-Instruct", "H200", 4, 8000, 2, 24, "vllm"),
        ("Qwen3-14B", "A100-80", 2, 3000, 1, 100, "tensorrt-llm"),
        ("Mixtral-8x7B-Instruct-v0.1", "H100", 8, 6000, 8, 48, "vllm"),
    ],
)  # fmt: skip
def test_prompts_with_hardly_an_answer_are_simulated_alike(
    model: str, gpu: str, tp: int, isl: int, osl: int, clients: int, engine: str
) -> None:
    """A plan beside its simulation: requests a second and first token to 15 %."""
    asked = {"model": model, "gpu": gpu, "tp": tp, "pp": 1, "dp": 1, "isl": isl, "osl": osl, "concurrency": clients, "engine": engine}
    made = planner.plan(Request.model_validate({**asked, "headroom": 1.0}), now=NOW)
    told = simulation(made, Choices(count=40 * clients))
    assert told.ttft_ms
    assert made.prediction.requests_per_s.value == pytest.approx(told.requests_per_s, rel=0.15)
    assert made.prediction.ttft_ms.value == pytest.approx(told.ttft_ms.mean, rel=0.15)


@pytest.mark.parametrize("engine", ["vllm", "llama.cpp", "sglang", "tensorrt-llm"])
@pytest.mark.parametrize(
    ("model", "gpu", "tp"), [("Llama-3.1-8B-Instruct", "L40S", 1), ("Qwen3-14B", "A100-80", 1), ("Llama-3.3-70B-Instruct", "H200", 4)]
)
@pytest.mark.parametrize("isl", [128, 2000, 16000])
def test_the_time_between_tokens_of_one_request_does_not_hang_on_its_answers_length(
    model: str, gpu: str, tp: int, isl: int, engine: str
) -> None:
    """But for the KV that it reads: its own prompt is over before its first token. Nor on how many requests the run has."""
    tp = 1 if engine == "llama.cpp" else tp
    quant = {"weight_quant": "gguf-q4_k_m"} if engine == "llama.cpp" else {}
    asked = {
        "id": "a",
        "model": model,
        "gpu": gpu,
        "tp": tp,
        "engine": engine,
        "isl": isl,
        "concurrency": 1,
        "max_model_len": 20000,
        **quant,
    }
    short, long_, run = (answer({**asked, **more}) for more in ({"osl": 20}, {"osl": 2000}, {"osl": 20, "num_requests": 1000}))
    assert short["fits"]
    assert 0.9 < short["itl_ms"] / long_["itl_ms"] < 1.12
    assert short["itl_ms"] == pytest.approx(run["itl_ms"], rel=0.02)


@pytest.mark.parametrize("engine", ["vllm", "llama.cpp", "sglang", "tensorrt-llm"])
@pytest.mark.parametrize(
    ("model", "gpu", "tp"),
    [("Llama-3.1-8B-Instruct", "L40S", 1), ("Qwen3-14B", "H100", 1), ("Llama-3.3-70B-Instruct", "H100", 4), ("gpt-oss-20b", "A100-80", 1)],
)
@pytest.mark.parametrize("isl", [300, 3000, 16000])
def test_one_request_on_an_idle_server_has_one_first_token(model: str, gpu: str, tp: int, isl: int, engine: str) -> None:
    """Asked as hardly any arrivals, as one in flight, or as a run of a thousand one after the other."""
    tp = 1 if engine == "llama.cpp" else tp
    quant = {"weight_quant": "gguf-q4_k_m"} if engine == "llama.cpp" and model != "gpt-oss-20b" else {}
    asked = {"id": "a", "model": model, "gpu": gpu, "tp": tp, "engine": engine, "isl": isl, "osl": 300, "max_model_len": 20000, **quant}
    found = [answer({**asked, **load}) for load in ({"request_rate": 0.001}, {"concurrency": 1}, {"concurrency": 1, "num_requests": 1000})]
    if not found[0].get("fits"):
        pytest.skip(str(found[0].get("why_not") or found[0].get("error")))
    rate, one, run = (answer["ttft_ms"] for answer in found)
    assert one == pytest.approx(rate, rel=0.08)
    assert one == pytest.approx(run, rel=0.08)
    assert rate >= prompt_s(asked) * 1e3
