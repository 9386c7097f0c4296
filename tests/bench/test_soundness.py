"""Whether a run measured what it says: prompts of the asked length, no cache, counts that hold, a client that kept up."""

from __future__ import annotations

from typing import Any

import pytest

from inferstack.bench.judge import judge
from inferstack.records.measurement import ClientLoad, JudgedFigure, UsageWitness
from tests.bench.plans import NOW, measurement, plan, same

ANSWERS, TOKENS = 256, 256 * 256


def found(figure: str, **changes: Any) -> JudgedFigure:
    verdict = judge(plan(), measurement(**changes), now=NOW)
    one = next(one for one in verdict.findings if one.figure == figure)
    assert verdict.passed is (one.passed is not False)
    return one


@pytest.mark.parametrize(
    ("cached", "passed"), [(0, True), (14 * ANSWERS, True), (14 * ANSWERS + 1, False), (ANSWERS * 1000, False), (None, None)]
)
def test_prompt_tokens_from_a_cache_fail_the_run_beyond_the_chat_template(cached: int | None, passed: bool | None) -> None:
    """The template of 14 tokens stands in every prompt of every user; anything more is a prompt that had been seen. Silence is not zero."""
    one = found("cached_prompt_tokens", cached_prompt_tokens=cached)
    assert (passed is not None, passed) == (one.judged, one.passed)


@pytest.mark.parametrize(("mean", "passed"), [(1024, True), (1034, True), (1035, False), (1013, False), (1101, False), (10_240, False)])
def test_prompts_have_the_asked_length_within_one_percent(mean: int, passed: bool) -> None:
    """Asked were 1,024: the time to the first token of 1,101 is another plan's."""
    assert passed is found("prompt_tokens", prompt_tokens=mean * ANSWERS).passed


@pytest.mark.parametrize(
    ("chunks", "witness", "passed"),
    [
        (TOKENS, None, True),
        (TOKENS - ANSWERS, None, True),
        (TOKENS // 2, None, False),
        (TOKENS * 2, None, False),
        (TOKENS // 2, UsageWitness(counted=128, usage=256, chunks=128), False),
        (TOKENS // 4, UsageWitness(counted=256, usage=256, chunks=64), True),
        (TOKENS // 2, UsageWitness(counted=256, usage=256, chunks=256), False),
    ],
)
def test_usage_is_held_against_the_chunks_and_a_counted_answer(chunks: int, witness: UsageWitness | None, passed: bool) -> None:
    """Twice the tokens that were sent halve the time between them. Several tokens per chunk are believed where an answer was counted so."""
    assert passed is found("usage", content_chunks=chunks, usage_witness=witness).passed


def test_tokens_that_share_a_chunk_are_borne_out_by_its_words() -> None:
    """Four words in each chunk are four tokens or more; one word in each is no reason to believe in two tokens."""
    assert found("usage", content_chunks=TOKENS // 4, content_words=TOKENS).passed is True
    assert found("usage", content_chunks=TOKENS // 2, content_words=TOKENS // 2).passed is False


@pytest.mark.parametrize(
    ("client", "passed"),
    [
        ({"cpu_share": 0.9}, True),
        ({"cpu_share": 0.91}, False),
        ({"lag_ms": same(1.5)}, True),
        ({"lag_ms": same(1.51)}, False),
        ({"first_token_lag_ms": 25.1}, False),
    ],
)
def test_a_client_that_does_not_keep_up_is_named(client: dict[str, Any], passed: bool) -> None:
    """Above 5 % of the 30 ms between tokens or of the 500 ms to the first one, or of a whole core: the figures are the client's."""
    known = {"cpu_share": 0.2, "lag_ms": same(0.1), "first_token_lag_ms": 0.1}
    one = found("client", client=ClientLoad(**{**known, **client}))
    assert passed is one.passed
    assert passed or "the load generator was the bottleneck" in one.message


def test_a_rehearsal_shows_its_client_and_does_not_judge_it() -> None:
    """Client, engine and hosts share two cores there."""
    busy = ClientLoad(cpu_share=1.0, lag_ms=same(50), first_token_lag_ms=50)
    assert (False, None) == ((one := found("client", client=busy, rehearsal=True)).judged, one.passed)
