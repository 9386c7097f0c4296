"""sizing.speed.start_up: what the closed form charges a first token beside the walked steps, and how it varies."""

from __future__ import annotations

import random
from statistics import fmean

import pytest

from sizing.batch.question import parse
from sizing.speed.constants import noise
from sizing.speed.open_loop import unhindered_s
from sizing.speed.operating_point import operating_point
from sizing.speed.residuals import by_neighbours
from sizing.speed.start_up import StartUp, start_up

BASE = {"model": "Llama-3.1-8B-Instruct", "gpu": "H100", "isl": 1024, "osl": 256}


def test_a_charge_varies_by_as_much_as_was_measured_with_one_request_in_flight() -> None:
    """Mean and p99 of 100,000 draws; what is walked does not vary."""
    made, rng = StartUp(charged_s=0.1, walked_s=0.02, varies=noise("ttft")), random.Random(1)
    drawn = sorted(made.drawn_s(0.0, rng) for _ in range(100_000))
    assert fmean(drawn) == pytest.approx(0.08, rel=0.005)
    assert drawn[99_000] - fmean(drawn) == pytest.approx(0.1 * noise("ttft"), rel=0.03)


def test_what_is_charged_and_not_walked_is_the_start_up() -> None:
    """Of an arrival, and of one request alone in a closed loop, whose step in flight is nobody's."""
    asked = parse({**BASE, "request_rate": 1})
    r, t = asked.replica, asked.traffic
    assert t is not None
    made, prompt = start_up(r, t), r.prefill_s(1024)
    charged = made.charged_s + made.charged_prompts * prompt
    assert charged == pytest.approx(unhindered_s(r, t, step_s=r.step_s(2, t.context)) * by_neighbours("ttft", r, t), rel=0.2)
    assert made.mean_s(prompt) == pytest.approx(charged - made.walked_s - r.efficiency.prefill_share * prompt)
    one = parse({**BASE, "concurrency": 1})
    assert one.traffic is not None
    lone = start_up(one.replica, one.traffic)
    hidden = one.replica.hidden_s(1024, 1, per_step=0)
    assert lone.walked_s == pytest.approx(one.replica.step_s(1, one.traffic.context) - hidden)
    whole = operating_point(one.replica, one.traffic).ttft_s
    assert lone.charged_s + lone.charged_prompts * prompt == pytest.approx(whole)


def test_who_sends_when_answered_cannot_be_taken_in_before() -> None:
    """Arrivals may: where a prompt is charged less than the steps take longer for it."""
    assert StartUp(walked_prompts=1.0).mean_s(0.3) == -0.3
    assert StartUp(walked_prompts=1.0, causal=True).mean_s(0.3) == 0.0
