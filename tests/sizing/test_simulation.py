"""sizing.simulation.run: a plan's load as a record: deterministic, complete, beside the closed form."""

from __future__ import annotations

import functools
import itertools
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from inferstack.records.simulation import Simulation
from sizing.planning import planner
from sizing.planning.replica_of_plan import replica_of
from sizing.simulation import run
from sizing.simulation.arrivals import parse
from sizing.simulation.run import Choices, simulation
from sizing.simulation.sequence import Ask

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@functools.cache
def plan(**changes: Any) -> Plan:
    return planner.plan(Request(model="Llama-3.1-8B-Instruct", isl=1024, osl=256, **changes), now=NOW)


def test_the_replica_of_a_plan_is_the_one_that_was_planned() -> None:
    """Memory and room as the prediction says, for each engine that a plan starts."""
    for changes in ({"engine": "vllm"}, {"engine": "tensorrt-llm"}, {"weight_quant": "gguf-q8_0"}, {"tp": 2}):
        made = plan(users=20, **changes)
        r, said = replica_of(made), made.prediction
        assert said.kv_cache_tokens == r.kv_tokens
        assert said.max_concurrency == pytest.approx(r.max_batch(1024 + 256) * made.layout.dp, abs=0.1)


def test_the_same_seed_gives_the_same_record_and_another_seed_another() -> None:
    once, again, other = (simulation(plan(request_rate=4), Choices(spread=0.5, count=300, seed=seed)) for seed in (1, 1, 2))
    assert once.to_json() == again.to_json() != other.to_json()


def test_a_record_comes_back_from_its_file(tmp_path: Any) -> None:
    made = simulation(plan(request_rate=4), Choices(count=200))
    assert made == Simulation.read(made.write(tmp_path))


def test_bursts_lengthen_the_tail_of_the_first_token_and_the_record_says_beside_what() -> None:
    """The closed form's p99 stands beside the simulated one."""
    calm, bursts = (simulation(plan(request_rate=4), Choices(parse(kind), count=2000)) for kind in ("poisson", "gamma:0.05"))
    tails = [next(one for one in made.closed_form if one.figure == "ttft_p99_ms") for made in (calm, bursts)]
    assert tails[1].simulated > 3 * tails[0].simulated
    assert tails[1].ratio == pytest.approx(tails[1].simulated / tails[1].closed_form, rel=1e-4)


def test_a_plan_for_requests_in_flight_is_a_closed_loop() -> None:
    """And its throughput, ITL, E2E and TTFT are those of the closed form for so long a run, to 5 %."""
    made = simulation(plan(users=40), Choices(count=2000, spread=0.2))
    ratios = {one.figure: one.ratio for one in made.closed_form}
    assert "a closed loop" == made.arrivals
    assert all(1 == pytest.approx(ratios[name], abs=0.05) for name in ("output_tokens_per_s", "itl_ms", "e2e_ms", "ttft_ms"))


def test_a_rate_is_no_closed_loop() -> None:
    with pytest.raises(InputError, match="--arrivals closed: the plan's load is 4 requests/s"):
        simulation(plan(request_rate=4), Choices(parse("closed")))


def test_requests_of_a_file_are_taken_as_they_are_and_those_too_long_are_rejected() -> None:
    """Seed and lengths are not made up."""
    asks = (Ask(0, 100, 10), Ask(0.1, 10**6, 10), Ask(0.2, 300, 30, 200))
    made = simulation(plan(request_rate=4), Choices(asks=asks, source="requests.jsonl"))
    assert (3, 2, 40, None) == (made.requests, made.completed, made.output_tokens, made.seed)
    assert 1 == sum(made.rejected.values()) and "longer than max_model_len" in next(iter(made.rejected))


@pytest.mark.parametrize("count", [1, 2, 50])
def test_requests_that_come_at_one_moment_have_no_rate(count: int) -> None:
    """One request, or all at once: the record is whole, and the closed form is that of requests released together."""
    made = simulation(plan(request_rate=4), Choices(asks=tuple(Ask(3.0, 100, 10) for _ in range(count)), source="x"))
    assert (count, None) == (made.completed, made.offered_requests_per_s)
    assert 0 < made.duration_s < 5 and made.kv_high_water > 0


def test_a_trace_may_count_from_any_moment() -> None:
    """Seconds since 1970 as well as since the first request."""
    asks = tuple(Ask(0.25 * n, 300, 30) for n in range(100))
    late = tuple(one._replace(sent_s=one.sent_s + 1.75e9) for one in asks)
    assert simulation(plan(request_rate=4), Choices(asks=asks, source="x")) == simulation(
        plan(request_rate=4), Choices(asks=late, source="x")
    )


def test_goodput_counts_requests_within_every_target() -> None:
    """All of them under wide targets, few under narrow ones, unknown without any."""
    shares = [
        simulation(plan(request_rate=4, **targets), Choices(parse("gamma:0.05"), count=500)).goodput_share
        for targets in ({"ttft_ms": 60_000, "itl_ms": 1000}, {"ttft_ms": 150}, {})
    ]
    assert 1.0 == shares[0]
    assert shares[1] is not None and 0.02 < shares[1] < 0.98
    assert shares[2] is None


def test_the_moments_cover_the_whole_time_and_hold_what_ran() -> None:
    """Their mean batch is that of the record; no moment shows more KV than the high-water mark."""
    made = simulation(plan(request_rate=4), Choices(parse("gamma:0.2"), count=500))
    assert made.moments[0].begin_s == 0
    assert all(before.end_s == after.begin_s for before, after in itertools.pairwise(made.moments))
    area = sum(one.running * (one.end_s - one.begin_s) for one in made.moments)
    busy = made.utilisation * made.duration_s * made.replicas
    assert made.running_mean * busy == pytest.approx(area, rel=1e-3)
    assert made.kv_high_water >= max(one.kv_share for one in made.moments)


def test_a_saturated_load_is_said() -> None:
    """The queue never ends; the note says by how much the load is too large."""
    wanted = plan(request_rate=4)
    asks = tuple(Ask(0.001 * n, 1024, 256) for n in range(600))
    assert any("the queue grows" in note for note in simulation(wanted, Choices(asks=asks, source="x")).notes)


def test_several_replicas_share_the_load() -> None:
    """Fewer requests in each batch than one replica would hold, and every request once."""
    made = simulation(plan(request_rate=60), Choices(count=1500, router="least-in-flight"))
    assert made.replicas > 1
    assert 1500 == made.completed == json.loads(made.to_json())["completed"]


def test_requests_that_all_begin_at_one_moment_are_an_offline_load() -> None:
    """The record says what was sent; the closed form beside it is that of a loop that releases them together, as before."""
    asks = [Ask(0.0, 100, 10, 0)] * 12
    load = run._load(asks, None)
    assert ("offline", 12, None) == (load.kind, load.num_requests, load.concurrency)
    assert 12.0 == run._traffic(load, replicas=1, in_turn=False).concurrency
    assert "closed" == run._load(asks, 4).kind
