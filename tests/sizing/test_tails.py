"""sizing.speed.percentiles: a p99 is no less than the mean, grows with the load, and follows from what varies."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizing.batch.question import Question, parse
from sizing.speed.operating_point import capacity_per_s, open_loop, operating_point
from sizing.speed.percentiles import FIGURES, HALF_OVERLAP, gamma_p99, p99_s
from sizing.speed.traffic import Traffic

BASE: dict[str, Any] = {"gpu": "H100", "max_model_len": 16384}
MODELS = (
    {"model": "Llama-3.1-8B-Instruct"},
    {"model": "gpt-oss-20b"},
    {"model": "Mixtral-8x7B-Instruct-v0.1", "gpu": "A100-80", "tp": 2},
)
LOADS: tuple[dict[str, Any], ...] = ({}, {"concurrency": 1}, {"concurrency": 64}, {"concurrency": 5000}, {"request_rate": 1})
models = st.sampled_from(MODELS)
lengths = st.sampled_from([(128, 128), (1024, 256), (4096, 256), (1000, 1), (8192, 1024)])


def asked(model: dict[str, Any], isl: float, osl: float, **load: Any) -> tuple[Question, Traffic]:
    found = parse({**BASE, **model, "isl": isl, "osl": osl, **load})
    assert found.traffic is not None
    return found, found.traffic


@settings(deadline=None)
@given(
    models,
    lengths,
    st.sampled_from(LOADS),
    st.floats(0.05, 20),
)
def test_no_p99_is_below_its_mean(model: dict[str, Any], size: tuple[int, int], load: dict[str, Any], burstiness: float) -> None:
    """Any load, saturated ones too."""
    question, t = asked(model, *size, burstiness=burstiness, **load)
    point = operating_point(question.replica, t)
    late = p99_s(question.replica, t, point)
    means = {"ttft": point.ttft_s, "itl": point.itl_s, "e2e": point.e2e_s(t.osl)}
    assert all(late[name] >= means[name] > 0 for name in FIGURES)


@settings(deadline=None)
@given(models, lengths, st.floats(0.05, 0.84), st.floats(1.02, 1.5), st.sampled_from([1.0, 0.3]))
def test_a_p99_grows_with_utilisation(model: dict[str, Any], size: tuple[int, int], used: float, more: float, burstiness: float) -> None:
    """Of first token and answer under arrivals, up to 85 % of what can be served. By the formula: neighbours have views of each load."""
    question, t = asked(model, *size, request_rate=1, burstiness=burstiness)
    r = question.replica
    top = capacity_per_s(r, t)
    low, high = (replace(t, request_rate=top * one) for one in (used, min(used * more, 0.85)))
    before, after = (p99_s(r, one, open_loop(r, one, one.request_rate or 0)) for one in (low, high))
    assert all(after[name] >= before[name] * (1 - 1e-6) for name in FIGURES)


def test_bursts_and_unlike_lengths_lengthen_what_they_touch() -> None:
    """Bursts the first token, unlike answers the whole answer alone."""
    question, t = asked(MODELS[0], 1024, 256, request_rate=8)
    calm, bursty, unlike = (
        p99_s(question.replica, one, operating_point(question.replica, one))
        for one in (t, replace(t, burstiness=0.2), replace(t, length_spread=0.5))
    )
    assert bursty["ttft"] > 1.5 * calm["ttft"]
    assert unlike["e2e"] > 1.5 * calm["e2e"]
    assert unlike["ttft"] == pytest.approx(calm["ttft"], rel=0.02)


def test_of_requests_released_together_the_last_prompt_waits_for_all() -> None:
    """All at once: first tokens lie evenly, so the p99 is nearly twice the mean wait. In a loop without end it is not."""
    question, t = asked(MODELS[0], 4096, 256, concurrency=64)
    r = question.replica
    endless, once = (p99_s(r, one, operating_point(r, one)) for one in (t, replace(t, num_requests=64.0)))
    mean = operating_point(r, t).ttft_s
    assert 1.7 * mean < once["ttft"] < 2 * mean
    assert mean < endless["ttft"] < once["ttft"]


@pytest.mark.parametrize("shape", [0.3, 1.0, 4.0])
def test_the_cube_of_wilson_and_hilferty_is_a_gamma_distribution(shape: float) -> None:
    """p99 of 200,000 draws, to 3 %."""
    rng = random.Random(1)
    drawn = sorted(rng.gammavariate(shape, 2.0) for _ in range(200_000))
    assert gamma_p99(2 * shape, 4 * shape) == pytest.approx(drawn[198_000], rel=0.03)


def test_two_thirds_of_the_variance_of_the_batch_are_left_in_the_mean_over_an_answer() -> None:
    """Answers of one length that begin at random: those in flight at two moments have so much in common as the moments lie within one
    length of each other. The variance of the mean over a length is the mean of that over all pairs of moments."""
    moments = 400
    common = [1 - abs(one - other) / moments for one in range(moments) for other in range(moments)]
    assert sum(common) / moments**2 == pytest.approx(HALF_OVERLAP, rel=1e-4)
