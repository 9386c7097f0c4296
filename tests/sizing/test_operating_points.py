"""sizing.speed.operating_point and sizing.speed.step_time against published points that no constant was fitted to, and in their limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sizing.batch.question import parse
from sizing.estimate import answer
from sizing.speed.operating_point import filled, operating_point

BASE: dict[str, Any] = {"id": "x", "model": "Llama-3.1-8B-Instruct", "gpu": "H100", "isl": 128, "osl": 128}


@pytest.mark.parametrize(
    ("gpu", "version", "itl_ms", "within"),
    [("H100", "0.21.0", 6.5, 0.1), ("A100-80", "0.20.1", 10.8, 0.15), ("L4", "0.20.1", 61.2, 0.15), ("A10G", "0.20.1", 34.0, 0.15)],
)
def test_batch_one_decoding_is_as_published(gpu: str, version: str, itl_ms: float, within: float) -> None:
    """8B in 16 bit, figures quoted in the notes of the measurement collection, none of them fitted."""
    found = answer({**BASE, "gpu": gpu, "engine_version": version, "concurrency": 1})
    assert found["itl_ms"] / itl_ms == pytest.approx(1, abs=within)


@pytest.mark.parametrize(("rate", "ttft_ms", "itl_ms"), [(8, 19.95, 4.9), (20, 21.7, 5.8)])
def test_arrivals_on_vllm_wait_as_measured(rate: float, ttft_ms: float, itl_ms: float) -> None:
    """Llama 3.1 8B, TP2 H100, vLLM 0.15.1 (inference-sim/sim-to-real-accuracy-validation): TTFT within 15 %, ITL within 15 %."""
    found = answer({**BASE, "tp": 2, "engine_version": "0.15.1", "isl": 547, "osl": 248, "request_rate": rate})
    assert ttft_ms == pytest.approx(found["ttft_ms"], rel=0.15)
    assert itl_ms == pytest.approx(found["itl_ms"], rel=0.2)


def test_small_all_reduces_over_pcie_are_not_charged_as_large_ones() -> None:
    """Llama 3 70B bf16 on 8 x RTX 4090, one request, vLLM 0.7.3: 29.8 ms a token (AccelMark suite B)."""
    found = answer(
        {
            "id": "x",
            "model": "Meta-Llama-3-70B-Instruct",
            "gpu": "RTX4090",
            "tp": 8,
            "engine_version": "0.7.3",
            "isl": 257,
            "osl": 343,
            "concurrency": 1,
            "max_model_len": 4096,
        }
    )
    assert 29.79 == pytest.approx(found["itl_ms"], rel=0.2)


def test_published_offline_throughput_is_met() -> None:
    """TensorRT-LLM 1.0 overview: Llama 3.3 70B FP8, H200 TP2, 1000 in and out: inside the band."""
    found = answer(
        {
            "id": "x",
            "model": "Llama-3.3-70B-Instruct",
            "weight_quant": "fp8",
            "gpu": "L40S",
            "tp": 4,
            "engine": "tensorrt-llm",
            "engine_version": "0.13",
            "isl": 1000,
            "osl": 1000,
            "num_requests": 3000,
        }
    )
    assert found["output_tokens_per_s_low"] < 1113.18 < found["output_tokens_per_s_high"]


@pytest.mark.parametrize("loads", [(1, 8, 64, 512)])
def test_more_requests_in_flight_are_slower_each_and_faster_together(loads: tuple[int, ...]) -> None:
    """Batching."""
    found = [answer({**BASE, "concurrency": load}) for load in loads]
    itl, tokens = [one["itl_ms"] for one in found], [one["output_tokens_per_s"] for one in found]
    assert sorted(itl) == itl
    assert sorted(tokens) == tokens


def test_a_prefix_hit_shortens_the_first_token() -> None:
    """Cached prompt tokens are not computed again."""
    plain = answer({**BASE, "isl": 8000, "concurrency": 4})
    hit = answer({**BASE, "isl": 8000, "concurrency": 4, "prefix_hit_rate": 0.9})
    assert hit["ttft_ms"] < 0.5 * plain["ttft_ms"]


def test_burstier_arrivals_wait_longer() -> None:
    """A burstiness below 1 is a gamma process with longer queues."""
    smooth = answer({**BASE, "isl": 4096, "request_rate": 5.0})
    bursty = answer({**BASE, "isl": 4096, "request_rate": 5.0, "burstiness": 0.2})
    assert smooth["ttft_ms"] < bursty["ttft_ms"]


def test_two_replicas_do_twice_the_work_at_the_latency_of_one() -> None:
    """dp shares the load evenly."""
    one, two = answer({**BASE, "concurrency": 16}), answer({**BASE, "concurrency": 32, "dp": 2})
    assert one["itl_ms"] == pytest.approx(two["itl_ms"])
    assert 2 * one["output_tokens_per_s"] == pytest.approx(two["output_tokens_per_s"])


def test_vllm_fills_its_memory_with_answers_half_written_and_others_reserve() -> None:
    """Offline: the batch of vLLM from 0.8 is that of prompts and half the answers; 0.7 stays as it was fitted. What is computed anew is
    at most what the answers grow by."""
    load = {**BASE, "gpu": "L40S", "isl": 1024, "osl": 1024, "max_model_len": 4096}
    for engine, version, length in (("vllm", "0.20.1", 1536), ("vllm", "0.7.3", 2048), ("tensorrt-llm", None, 2048)):
        asked = parse({**load, "engine": engine, **({"engine_version": version} if version else {})})
        assert asked.traffic is not None
        batch, again = filled(asked.replica, asked.traffic)
        assert batch == pytest.approx(asked.replica.max_batch(length))
        assert (0 < again < 1) if length == 1536 else again == 0


def test_where_the_engine_admits_fewer_than_the_memory_holds_nothing_is_computed_anew() -> None:
    """Seats run out before memory."""
    asked = parse({**BASE, "gpu": "L40S", "isl": 1024, "osl": 1024, "max_model_len": 4096, "max_num_seqs": 100})
    assert asked.traffic is not None
    assert (100, 0) == filled(asked.replica, asked.traffic)


def test_answers_of_unlike_length_leave_the_last_batch_half_empty() -> None:
    """One wave lasts as long as its longest answer."""
    asked = parse({**BASE, "engine": "tensorrt-llm", "num_requests": 100})
    r, t = asked.replica, asked.traffic
    assert t is not None
    alike, unlike = operating_point(r, t), operating_point(r, replace(t, length_spread=0.3))
    assert unlike.requests_per_s < 0.9 * alike.requests_per_s
