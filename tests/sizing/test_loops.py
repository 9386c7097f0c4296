"""sizing.speed.closed_loop: the wait of a prompt in a closed loop without end, and what a closed loop of many requests says."""

from __future__ import annotations

import heapq
import math
import random
from dataclasses import replace
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.records.request import Request
from sizing.batch.question import parse
from sizing.planning.demand import demand
from sizing.speed import closed_loop
from sizing.speed.closed_loop import Loop, in_flight
from sizing.speed.operating_point import ROUNDS, operating_point, together
from sizing.speed.replica import Replica
from sizing.speed.traffic import Traffic

LOOP = Loop(
    requests=16,
    step_s=0.01,
    token_s=0.014,
    prompt_s=0.08,
    another_s=0.08,
    chunks=1.0,
    share=0.5,
    beside=math.inf,
    after_s=0.05,
    varies_s=0.01,
)
shares = st.floats(0.05, 0.6)


@settings(deadline=None)
@given(shares, st.floats(1.05, 1.5), st.sampled_from([1.0, 2.6]))
def test_a_wait_grows_with_the_rate(busy: float, more: float, chunks: float) -> None:
    """Prompts of one step, and of several."""
    loop = replace(LOOP, chunks=chunks, share=chunks - 0.5)
    low, high = (closed_loop.wait(replace(loop, token_s=0.01 / (1 - used)), used / 0.08) for used in (busy, busy * more))
    assert high.mean_s > low.mean_s
    assert low.variance_s2 > 0


def test_one_request_waits_for_nobody() -> None:
    """Nor for a step in flight."""
    assert 0 == in_flight(1)
    assert closed_loop.wait(replace(LOOP, requests=1), 5.0).mean_s == pytest.approx(0.0, abs=1e-12)


def test_a_long_start_up_meets_prompts_as_an_arrival_at_any_time_does() -> None:
    """A short one meets fewer."""
    waits = [closed_loop.wait(replace(LOOP, after_s=after), 3.0).mean_s for after in (0.0, 0.02, 0.1, 1.0, 10.0)]
    assert waits[1] < waits[2] < waits[3]
    assert waits[3] == pytest.approx(waits[4], rel=0.15)


@pytest.mark.parametrize(("after", "varies"), [(0.3, 0.1), (0.3, 0.4), (2.7, 0.2), (5.0, 3.0), (3.0, 3.1), (200.0, 40.0)])
def test_what_is_left_of_a_step_is_as_drawn(after: float, varies: float) -> None:
    """After a start-up that is normally spread about its mean, none below 0: 100,000 draws, in steps."""
    rng = random.Random(1)
    drawn = [max(rng.gauss(after, varies), 0.0) for _ in range(100_000)]
    left = fmean(math.floor(one) + 1 - one for one in drawn)
    assert closed_loop._to_the_next(after, varies) == pytest.approx(left, rel=0.01)


@pytest.mark.parametrize(("beside", "others"), [(0.0, 0.4), (0.0, 2.0), (1.0, 0.5), (3.0, 1.0), (math.inf, 2.0)])
def test_whom_a_prompt_waits_for_is_as_drawn(beside: float, others: float) -> None:
    """A step takes as many besides one as it can, in their order: 20,000 draws of how many came together."""
    rng, waited = random.Random(1), 0.0
    for _ in range(20_000):
        together = 1 + _poisson(others, rng)
        at = rng.randrange(together)
        waited += together - 1 if beside == math.inf else min(at - at % (1 + beside) + 1 + beside, together) - 1
    assert closed_loop._waited_for(others, beside) == pytest.approx(waited / 20_000, rel=0.12)


@pytest.mark.parametrize("busy", [0.37, 0.45])
def test_a_loop_swings_after_a_long_start_up(busy: float) -> None:
    """Long steps give few answers in their time, so that few requests come a start-up later: such a loop, walked through. Prompts that came
    by chance would wait 18 and 19 % less."""
    loop = replace(LOOP, requests=96, prompt_s=0.024, another_s=0.024, after_s=0.06, varies_s=0.01)
    walked_s, rate = _walked(loop, tokens=round(96 * 2.4 * (1 - busy) / busy))
    found = closed_loop.wait(replace(loop, token_s=0.01 / (1 - rate * 0.024)), rate)
    assert found.mean_s == pytest.approx(walked_s, rel=0.12)


def _walked(loop: Loop, *, tokens: int) -> tuple[float, float]:
    """Return the mean of first tokens beyond the own step and half of one in flight, and the requests a second. Answers vary by a fifth."""
    rng, now, waits = random.Random(1), 0.0, []
    arrivals, ends = sorted(rng.uniform(0.0, 2 * tokens * loop.step_s) for _ in range(int(loop.requests))), dict[int, int]()
    for step in range(150_000):
        entered = []
        while arrivals and arrivals[0] <= now:
            entered.append(heapq.heappop(arrivals))
        now += loop.step_s + loop.prompt_s * len(entered)
        waits += [now - one - 1.5 * loop.step_s - loop.prompt_s for one in entered]
        for _ in entered:
            end = step + round(tokens * rng.uniform(0.8, 1.2))
            ends[end] = ends.get(end, 0) + 1
        for _ in range(ends.pop(step, 0)):
            heapq.heappush(arrivals, now + max(rng.gauss(loop.after_s, loop.varies_s), 0.0))
    return fmean(waits), len(waits) / now


def _poisson(mean: float, rng: random.Random) -> int:
    count, left = 0, rng.expovariate(1.0)
    while left < mean:
        count, left = count + 1, left + rng.expovariate(1.0)
    return count


def asked(**load: Any) -> tuple[Replica, Traffic]:
    found = parse({"model": "Llama-3.1-8B-Instruct", "gpu": "H100", "isl": 4096, "osl": 256, "max_model_len": 8192, **load})
    assert found.traffic is not None
    return found.replica, found.traffic


def test_a_run_of_ten_requests_for_each_in_flight_is_what_a_question_without_a_number_says() -> None:
    """To the digit: the closed loop was fitted to such runs."""
    plain, short, ten = (operating_point(*asked(concurrency=16, **more)) for more in ({}, {"num_requests": 16}, {"num_requests": 160}))
    assert plain == short == ten


def test_the_longer_a_run_the_less_its_requests_wait_for_one_another() -> None:
    """What the first rounds wait longer is spread over all; a run without end has none of it."""
    r, t = asked(concurrency=64)
    runs = [operating_point(r, replace(t, num_requests=64 * rounds)) for rounds in (ROUNDS, 20, 100, 10_000, math.inf)]
    first = [one.ttft_s for one in runs]
    assert sorted(first, reverse=True) == first
    assert first[3] == pytest.approx(first[4], rel=0.01)
    assert first[1] - first[4] == pytest.approx((first[0] - first[4]) / 2)
    assert runs[4].requests_per_s > runs[0].requests_per_s


@pytest.mark.parametrize("load", [{"users": 40}, {"request_rate": 4}])
def test_each_replica_of_a_plan_sees_its_share_of_a_run(load: dict[str, Any]) -> None:
    """Requests in all as those in flight, so that a run is as long for one replica as for all."""
    wanted = demand(Request(model="Llama-3.1-8B-Instruct", isl=1024, osl=256, num_requests=1200, **load))
    assert 300 == wanted.share(4).num_requests
    assert together(wanted.traffic) == together(wanted.share(4))
