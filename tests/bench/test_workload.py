"""The load that a plan is measured with."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferstack.bench.prompts import Prompts, words_for
from inferstack.bench.workload import MAX_CONCURRENCY, MAX_REQUESTS, load_of, moments_s, of_plan
from inferstack.records.errors import InputError
from inferstack.records.load import Load
from inferstack.records.measurement import Workload
from tests.bench.plans import plan, sent

BY_RATE = {"concurrency": None, "request_rate": 4}


def workload(request: dict[str, Any] | None = None, *, requests_per_s: float = 4.0, **options: Any) -> Workload:
    return of_plan(plan(request=request, requests_per_s=requests_per_s), **{"rehearsal": False, "seed": 1, **options})


def shape(request: dict[str, Any] | None = None, **options: Any) -> tuple[float | None, int, int, int]:
    found = workload(request, **options)
    return found.load.concurrency, found.num_requests, found.isl, found.osl


def test_a_plan_for_a_concurrency_is_measured_at_it() -> None:
    """Eight waves, so that the first one weighs little."""
    assert (32, 256, 1024, 256) == shape()


def test_a_plan_for_a_rate_is_measured_by_arrivals_at_that_rate() -> None:
    """4 requests/s of 8.2 s each: ten answers long, so that the filling of the empty cluster weighs little."""
    found = workload(BY_RATE)
    assert ("open", 4.0, 1.0, 328) == (found.load.kind, found.load.request_rate, found.load.burstiness, found.num_requests)


@pytest.mark.parametrize(
    ("request_", "rate"),
    [
        ({"request_rate": 4, "burstiness": 0.5}, 4.0),
        ({"tokens_per_s": 1024}, 4.0),
        ({"tokens_per_day": 1280 * 86400 / 3}, 1.0),
    ],
)
def test_every_load_of_arrivals_is_measured_by_arrivals(request_: dict[str, Any], rate: float) -> None:
    """By the rate that the plan was made for, the busiest hour of a day included, and by its burstiness."""
    found = workload({"concurrency": None} | request_)
    assert ("open", request_.get("burstiness", 1.0)) == (found.load.kind, found.load.burstiness)
    assert rate == pytest.approx(found.load.request_rate)


def test_a_plan_for_users_is_measured_closed() -> None:
    """Each of them has a request in flight all the time."""
    assert (7, 56, 1024, 256) == shape({"concurrency": None, "users": 7})


@pytest.mark.parametrize(("rate", "at_least", "at_most"), [(0.001, 1, 1), (0.5, 41, 41), (1000.0, MAX_REQUESTS, MAX_REQUESTS)])
def test_an_open_loop_lasts_long_enough_and_not_for_ever(rate: float, at_least: int, at_most: int) -> None:
    """A rate of one request in a quarter of an hour ends within the time limit, a large one by its count."""
    assert at_least <= workload(BY_RATE | {"request_rate": rate}).num_requests <= at_most


@given(rate=st.floats(0.01, 1e4), burstiness=st.floats(0.05, 50), count=st.integers(1, 300), seed=st.integers(0, 2**32 - 1))
def test_arrivals_are_scheduled_ahead_at_the_rate_and_by_the_seed(rate: float, burstiness: float, count: int, seed: int) -> None:
    """Ascending, the last at count / rate, the same for the same seed."""
    load = Load(kind="open", request_rate=rate, burstiness=burstiness, num_requests=count, isl=1, osl=1)
    moments = moments_s(Workload(load=load, seed=seed))
    assert moments is not None and moments == sorted(moments) and count == len(moments)
    assert count / rate == pytest.approx(moments[-1])
    assert moments == moments_s(Workload(load=load, seed=seed))


def test_a_closed_loop_has_no_scheduled_arrivals() -> None:
    """A request is sent when another one ends."""
    assert moments_s(workload()) is None


def test_a_rehearsal_of_a_plan_for_a_rate_has_its_arrivals_too() -> None:
    """At the plan's rate, few and small; a slow rate still ends within a minute or two."""
    found = workload(BY_RATE, rehearsal=True)
    assert ("open", 4.0, 16, 64, 32) == (found.load.kind, found.load.request_rate, found.num_requests, found.isl, found.osl)
    assert 1 == workload(BY_RATE | {"request_rate": 0.01}, rehearsal=True).num_requests


def test_a_person_may_ask_for_another_kind_of_load() -> None:
    """Then it is that load, and the verdict says that it is not the plan's."""
    assert ("closed", 2.0) == (workload(BY_RATE, concurrency=2).load.kind, workload(BY_RATE, concurrency=2).load.concurrency)
    assert ("open", 3.0) == (workload(request_rate=3.0).load.kind, workload(request_rate=3.0).load.request_rate)
    assert (4.0, 0.5) == (workload(BY_RATE, burstiness=0.5).load.request_rate, workload(BY_RATE, burstiness=0.5).load.burstiness)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"concurrency": 2, "request_rate": 3.0}, "--concurrency and --request-rate"),
        ({"concurrency": 2, "burstiness": 3.0}, "--concurrency and --burstiness"),
        ({"burstiness": 3.0}, "--burstiness: the plan's load is closed"),
    ],
)
def test_wishes_that_contradict_each_other_are_refused(options: dict[str, Any], why: str) -> None:
    """One line that names the flags."""
    with pytest.raises(InputError, match=why):
        workload(**options)


def test_a_plan_of_an_older_version_says_its_load_by_its_request() -> None:
    """plan.json had no load of its own."""
    assert load_of(plan(request=BY_RATE)) == Load(kind="open", request_rate=4, burstiness=1, isl=1024, osl=256)


def test_a_workload_of_an_older_version_is_a_closed_loop() -> None:
    """measurement.json held the closed loop's own keys."""
    old = {"concurrency": 32, "num_requests": 256, "isl": 1024, "osl": 256, "seed": 1, "ignore_eos": True}
    assert sent() == Workload.model_validate(old)


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
