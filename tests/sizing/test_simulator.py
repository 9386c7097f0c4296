"""sizing.simulation.simulator: jumps are exact, nothing is lost, memory is never exceeded, requests come first come first served."""

from __future__ import annotations

import functools
import itertools
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizing.batch.question import parse
from sizing.catalog import GIB
from sizing.simulation.sequence import Ask, Sequence, policy
from sizing.simulation.simulator import Outcome, Router, Setup, simulate
from sizing.speed.replica import Replica
from sizing.speed.start_up import StartUp
from tests.sizing import naive_batching

SMALL = {"model": "Llama-3.1-8B-Instruct", "gpu": "L40S", "max_model_len": 2048, "max_num_batched_tokens": 512, "max_num_seqs": 24}
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "vllm with little KV": (SMALL, 4096),
    "vllm with much KV": (SMALL, 65536),
    "sliding window": ({**SMALL, "model": "gpt-oss-20b"}, 4096),
    "latent attention": ({**SMALL, "model": "DeepSeek-R1-0528", "gpu": "H200", "tp": 8}, 4096),
    "pipeline stages": ({**SMALL, "pp": 2}, 4096),
    "tensorrt-llm": ({**SMALL, "engine": "tensorrt-llm"}, 4096),
}
"""A question, and the KV memory that its replica is given: as much as one sequence of so many tokens takes."""


@functools.cache
def replica(name: str) -> Replica:
    question, tokens = CASES[name]
    found = parse({**question, "isl": 100, "osl": 100, "request_rate": 1}).replica
    gib = (found.kv.sequence_bytes(tokens) + 1) / found.features.attention_dp / GIB
    return replace(found, budget=replace(found.budget, kv_gib=gib))


def asks(seed: int, count: int, *, rate: float = 8.0, longest: int = 600) -> list[Ask]:
    rng, now, made = random.Random(seed), 0.0, []
    for _ in range(count):
        now += rng.expovariate(rate) * rng.choice((0, 1, 2))
        prompt = rng.randint(1, longest)
        made.append(Ask(now, prompt, rng.randint(1, 250), rng.choice((0, 0, prompt // 3))))
    return made


@pytest.mark.parametrize("name", CASES)
def test_jumping_is_stepping(name: str) -> None:
    """Every time of every request is the same to nine digits, and every count exactly."""
    later = StartUp(charged_s=0.01)
    jumped, stepped = (simulate(Setup(replica(name), 2, startup=later, jump=jump), asks(1, 120)) for jump in (True, False))
    assert stepped.steps == jumped.steps
    assert len(stepped.samples[0]) > 1.5 * len(jumped.samples[0])
    assert [counts(one) for one in stepped.requests] == [counts(one) for one in jumped.requests]
    for one, other in zip(stepped.requests, jumped.requests, strict=True):
        assert moments_of(one) == pytest.approx(moments_of(other), rel=1e-9, abs=1e-12)
    assert stepped.highest_bytes == jumped.highest_bytes


@pytest.mark.parametrize("name", [name for name in CASES if name != "tensorrt-llm"])
@pytest.mark.parametrize("seed", [1, 2])
def test_an_engine_does_what_one_written_from_the_rules_alone_does(name: str, seed: int) -> None:
    """Token by token, memory recounted at each step: same times, same preemptions."""
    r, wanted = replica(name), asks(seed, 60)
    found, naive = simulate(Setup(r), wanted), naive_batching.run(r, wanted, reserves=False)
    assert [one.preemptions for one in naive] == [one.preemptions for one in found.requests]
    for one, other in zip(naive, found.requests, strict=True):
        assert (one.first_s, one.finished_s) == pytest.approx((other.first_s, other.finished_s), rel=1e-9)
        pauses = [after - before for before, after in itertools.pairwise(one.token_s)]
        assert max(pauses, default=0.0) == pytest.approx(other.longest_gap_s, rel=1e-6, abs=1e-12)


def test_the_little_kv_of_these_cases_is_little() -> None:
    """Else the tests of preemption would show nothing."""
    preempted = {name: sum(one.preemptions for one in simulate(Setup(replica(name)), asks(1, 120)).requests) for name in CASES}
    assert all(preempted[name] > 0 for name in ("vllm with little KV", "sliding window", "latent attention", "pipeline stages"))
    assert 0 == preempted["vllm with much KV"] == preempted["tensorrt-llm"]


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(list(CASES)), seed=st.integers(0, 10**6), count=st.integers(1, 60), longest=st.integers(1, 2100),
    replicas=st.integers(1, 3), router=st.sampled_from(["round-robin", "least-in-flight"]), clients=st.none() | st.integers(1, 40),
)  # fmt: skip
def test_nothing_is_lost(name: str, seed: int, count: int, longest: int, replicas: int, router: Router, clients: int | None) -> None:
    """Every request finishes or says why not; tokens add up; KV stays within capacity; Little's law holds to rounding."""
    outcome = simulate(
        Setup(replica(name), replicas, router, concurrency=clients, startup=StartUp(charged_s=0.02)), asks(seed, count, longest=longest)
    )
    assert all((one.finished_s >= 0) != bool(one.rejected) for one in outcome.requests)
    assert sum(one.output for one in outcome.finished) == sum(one.made for one in outcome.requests)
    assert outcome.highest_bytes <= outcome.capacity_bytes
    assert all(sample.kv_share <= 1 and sample.running <= outcome.policy.max_sequences for one in outcome.samples for sample in one)
    assert outcome.request_seconds == pytest.approx(sum(one.finished_s - one.entered_s for one in outcome.finished), rel=1e-9)
    for one in outcome.finished:
        assert one.sent_s + 0.02 <= one.entered_s + 1e-9 <= one.admitted_s + 2e-9 < one.first_s <= one.finished_s
        assert 0 == one.held


def test_steps_of_one_replica_never_overlap() -> None:
    """Each begins where the one before ended, or later."""
    samples = simulate(Setup(replica("vllm with little KV")), asks(3, 120)).samples[0]
    assert all(before.end_s <= after.begin_s + 1e-12 for before, after in itertools.pairwise(samples))


def test_requests_are_first_admitted_in_the_order_in_which_they_came() -> None:
    found = simulate(Setup(replica("vllm with little KV")), asks(4, 120)).finished
    by_arrival = sorted(found, key=lambda one: (one.entered_s, one.number))
    assert [one.admitted_s for one in by_arrival] == sorted(one.admitted_s for one in by_arrival)


def test_a_request_that_never_fits_is_rejected_with_the_reason() -> None:
    """Longer than max_model_len; the others go on."""
    outcome = simulate(Setup(replica("vllm with much KV")), [Ask(0, 2000, 49), Ask(0, 2000, 48), Ask(1, 10, 10)])
    assert ["longer than max_model_len 2048", "", ""] == [one.rejected for one in outcome.requests]
    assert 2 == len(outcome.finished)


def test_tensorrt_llm_reserves_and_vllm_does_not() -> None:
    """GUARANTEED_NO_EVICT takes the answer's blocks before it begins: fewer at once, none taken back."""
    r = replica("tensorrt-llm")
    block = r.kv.sequence_bytes(r.kv.block_tokens)
    outcome = simulate(Setup(r), [Ask(0, 32, 225)])
    assert policy(r).reserves and not policy(replica("vllm with much KV")).reserves
    assert 8 * block == outcome.highest_bytes
    vllm = replica("vllm with much KV")
    assert 16 * vllm.kv.sequence_bytes(vllm.kv.block_tokens) == simulate(Setup(vllm), [Ask(0, 32, 225)]).highest_bytes


def test_the_prefix_cache_saves_prefill_and_no_memory() -> None:
    """As in the closed form: a hit shortens the prompt's computation alone."""
    r = replica("vllm with much KV")
    cold, warm = (simulate(Setup(r), [Ask(0, 500, 2, cached)]) for cached in (0, 400))
    saved = cold.requests[0].first_s - warm.requests[0].first_s
    cost = [r.beside_s(tokens, 1, per_step=0) for tokens in (500, 100)]
    assert cost[0] - cost[1] == pytest.approx(saved)
    assert cold.highest_bytes == warm.highest_bytes


def test_least_in_flight_waits_less_than_taking_turns_under_mixed_lengths() -> None:
    """Long answers fill a replica; turns go on feeding it."""
    wanted = [Ask(0.5 * n, 400, 1000 if n % 2 else 20) for n in range(300)]
    turns, least = (simulate(Setup(replica("vllm with much KV"), 2, router), wanted) for router in ("round-robin", "least-in-flight"))
    assert mean_e2e_s(least) < 0.95 * mean_e2e_s(turns)


def test_a_closed_loop_never_has_more_in_flight_than_clients() -> None:
    """And as many nearly always."""
    outcome = simulate(Setup(replica("vllm with much KV"), concurrency=7), asks(5, 200))
    assert 7 == max(sample.running + sample.waiting for sample in outcome.samples[0])
    assert 6.5 < outcome.request_seconds / outcome.samples[0][-1].end_s <= 7


def counts(one: Sequence) -> tuple[object, ...]:
    return (one.made, one.preemptions, one.rejected)


def moments_of(one: Sequence) -> list[float]:
    return [one.entered_s, one.admitted_s, one.first_s, one.finished_s, one.longest_gap_s]


def mean_e2e_s(outcome: Outcome) -> float:
    return sum(one.e2e_s for one in outcome.finished) / len(outcome.finished)
