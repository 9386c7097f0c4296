"""sizing.simulation.prefix_cache: what the prefix cache still holds of a request that was taken back, and that vLLM takes as many back as
simulated."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from sizing.batch.question import parse
from sizing.catalog import GIB
from sizing.simulation.prefix_cache import Kept
from sizing.simulation.sequence import Ask, Sequence
from sizing.simulation.simulator import Setup, simulate
from sizing.speed.start_up import start_up


def sequence(number: int) -> Sequence:
    return Sequence(number, 0.0, 100, 10, 0, 0.0)


def test_free_memory_is_taken_in_the_order_in_which_it_was_given() -> None:
    """What was free before, then the first that was taken back, what it had not computed before all else of its own."""
    kept, first, second = Kept(), sequence(0), sequence(1)
    kept.taken_back(first, 50, besides=5, free=10)
    kept.taken_back(second, 40, besides=0, free=65)
    kept.given(30)
    kept.taken(25)
    assert (40, 40) == (kept.left(first), kept.left(second))
    kept.taken(45)
    assert (0, 35) == (kept.left(first), kept.left(second))


def test_who_begins_anew_takes_its_own_first() -> None:
    """The rest from the front of what is free."""
    kept, first, second = Kept(), sequence(0), sequence(1)
    kept.taken_back(first, 50, besides=0, free=0)
    kept.taken_back(second, 40, besides=0, free=50)
    kept.claimed(second, 60)
    assert (30, 0) == (kept.left(first), kept.left(second))
    kept.claimed(first, 30)
    assert 0 == kept.left(first)


def test_nothing_is_counted_while_nobody_was_taken_back() -> None:
    kept = Kept()
    kept.given(10)
    kept.taken(10)
    assert 0 == kept.left(sequence(0))


def test_vllm_took_back_as_many_as_are_simulated() -> None:
    """Published with vLLM's watermark (github.com/vllm-project/vllm/pull/44594, its row "off"): Qwen2.5-7B, 299,584 tokens of KV, 450
    requests of about 1,000 + 5,000 tokens, 128 at a time: 1,065 taken back. Three samples of lengths, to a quarter."""
    asked = parse(
        {
            "model": "Qwen2.5-7B-Instruct",
            "gpu": "B200",
            "isl": 1000,
            "osl": 5000,
            "concurrency": 128,
            "max_model_len": 8192,
            "max_num_seqs": 256,
        }
    )
    assert asked.traffic is not None
    gib = asked.replica.kv.sequence_bytes(16) * (299_584 // 16) / GIB
    r = replace(asked.replica, budget=replace(asked.replica.budget, kv_gib=gib))
    for seed in (1, 2, 3):
        rng = random.Random(seed)
        asks = [Ask(0, rng.randint(800, 1200), rng.randint(4000, 6000)) for _ in range(450)]
        outcome = simulate(Setup(r, concurrency=128, startup=start_up(r, asked.traffic)), asks)
        assert 1065 == pytest.approx(sum(one.preemptions for one in outcome.requests), rel=0.25)
