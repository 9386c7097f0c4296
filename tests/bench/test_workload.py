"""The load that a plan is measured with."""

from __future__ import annotations

from typing import Any

import pytest

from inferstack.bench.prompts import Prompts, words_for
from inferstack.bench.workload import MAX_CONCURRENCY, MAX_REQUESTS, of_plan, planned_concurrency
from tests.bench.plans import plan


def shape(request: dict[str, Any] | None = None, *, requests_per_s: float = 4.0, **options: Any) -> tuple[int, int, int, int]:
    found = of_plan(plan(request=request, requests_per_s=requests_per_s), **{"rehearsal": False, "seed": 1, **options})
    return found.concurrency, found.num_requests, found.isl, found.osl


def test_a_plan_for_a_concurrency_is_measured_at_it() -> None:
    """Eight waves, so that the first one weighs little."""
    assert (32, 256, 1024, 256) == shape()


def test_a_plan_for_a_rate_is_measured_at_the_concurrency_that_it_comes_to() -> None:
    """Little's law: 4 requests/s x 8.2 s each are 33 in flight."""
    by_rate = {"concurrency": None, "request_rate": 4}
    assert 33 == planned_concurrency(plan(request=by_rate))
    assert (33, 264, 1024, 256) == shape(by_rate)
    assert 1 == planned_concurrency(plan(request=by_rate, requests_per_s=0.001))


def test_the_load_is_bounded() -> None:
    """A plan for a million users is not played out request by request."""
    assert (MAX_CONCURRENCY, MAX_REQUESTS) == shape({"concurrency": 1_000_000})[:2]
    assert (32, MAX_REQUESTS) == shape({"num_requests": 10**9})[:2]
    assert (MAX_CONCURRENCY, MAX_REQUESTS) == shape(concurrency=10**6, num_requests=10**6)[:2]


def test_a_rehearsal_is_small_whatever_the_plan() -> None:
    """16 requests, 4 at a time, 64 tokens in, 32 out: hosts without a GPU answer it in about a second."""
    assert (4, 16, 64, 32) == shape(rehearsal=True)


@pytest.mark.parametrize("rehearsal", [True, False])
def test_a_persons_wish_goes_before_the_plan(rehearsal: bool) -> None:
    """`bench --concurrency 2 --num-requests 5`."""
    assert (2, 5) == shape(rehearsal=rehearsal, concurrency=2, num_requests=5)[:2]


@pytest.mark.parametrize("tokens", [4, 12, 64, 1024])
def test_a_prompt_has_a_word_for_each_token_but_those_of_the_template(tokens: int) -> None:
    """Every space-led word of one or two letters is one token of the rehearsal model; its template adds three."""
    words = Prompts(1, words=words_for(tokens)).text(0).split(" ")
    assert "" == words.pop(0)
    assert tokens - 3 == len(words)
    assert all(1 <= len(word) <= 2 and word.isascii() and word.islower() for word in words)


def test_a_prompt_is_never_empty() -> None:
    """A length below the template's own is the shortest prompt there is."""
    assert 1 == len(Prompts(1, words=words_for(1)).text(0).split())
