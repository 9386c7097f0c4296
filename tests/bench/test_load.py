"""The load generator against a real socket: what it sends, what it times, what it counts, and how it ends."""

from __future__ import annotations

import json
import string
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from inferstack.bench import load
from inferstack.bench.load import Limits, LoadProgress, LoadResult, Target, run
from inferstack.bench.measure import measurement, steady, write_requests
from inferstack.bench.prompts import Prompts
from inferstack.bench.result import RequestResult
from inferstack.bench.trials import length_by
from inferstack.bench.workload import fresh_seed, moments_s
from inferstack.records.errors import CloudRefused, InputError
from inferstack.records.load import Load
from inferstack.records.measurement import Workload
from tests.bench.plans import NOW
from tests.bench.sse_server import KEY, Behaviour, serving

MODEL = "inferstack/tiny-llama"
HOSTNAME = "demo.inferstack.internal"


def workload(**changes: Any) -> Workload:
    return Workload(**{"concurrency": 3, "num_requests": 7, "isl": 12, "osl": 5, "seed": 1, **changes})


def target(url: str, **changes: Any) -> Target:
    return Target(**{"base_url": url, "hostname": HOSTNAME, "model": MODEL, "api_key": SecretStr(KEY), **changes})


def loaded(behaviour: Behaviour, asked: Workload | None = None, *, engine: str = "vllm", **limits: Any) -> LoadResult:
    with serving(behaviour) as url:
        return run(target(url, engine=engine), asked or workload(), limits=Limits(**{"warmup_requests": 0, "trials": False, **limits}))


def test_all_requests_are_answered_with_the_tokens_that_usage_says() -> None:
    """7 requests of 12 tokens in and 5 out, 3 at a time, none left out."""
    behaviour = Behaviour(between_tokens_s=0.002)
    result = loaded(behaviour)
    assert [(12, 5, 5, None)] * 7 == [(one.prompt_tokens, one.completion_tokens, one.chunks, one.error) for one in result.requests]
    assert ({}, None, 7, 3) == (result.errors, result.stopped, len(behaviour.seen), behaviour.most_in_flight)


def test_a_request_is_greedy_streamed_of_fixed_length_and_asks_for_its_usage() -> None:
    """The body is what an OpenAI client would send, and nothing that an engine may refuse."""
    behaviour = Behaviour()
    loaded(behaviour, workload(num_requests=1))
    seen = behaviour.seen[0]
    content = seen["body"]["messages"][0].pop("content")
    assert "/v1/chat/completions" == seen["path"]
    assert {
        "model": MODEL,
        "messages": [{"role": "user"}],
        "max_tokens": 5,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
        "ignore_eos": True,
    } == seen["body"]
    assert content.startswith(" ") and 9 == len(content.split())
    assert (f"Bearer {KEY}", "close", "identity") == tuple(
        seen["headers"][name] for name in ("Authorization", "Connection", "Accept-Encoding")
    )
    assert seen["headers"]["Host"].startswith(f"{HOSTNAME}:")


def test_only_llamacpp_is_told_not_to_cache_the_prompt() -> None:
    """Other engines refuse the field, or need it not: prompts never repeat."""
    vllm, llamacpp = Behaviour(), Behaviour()
    loaded(vllm, workload(num_requests=1))
    loaded(llamacpp, workload(num_requests=1), engine="llama.cpp")
    assert (None, False) == tuple(one.seen[0]["body"].get("cache_prompt") for one in (vllm, llamacpp))


def test_prompts_are_fixed_by_the_seed_and_differ_from_each_other() -> None:
    """Two runs send the same bytes; no two requests of a run, warm-up included, share a prompt."""
    sent = []
    for seed in (1, 1, 2):
        behaviour = Behaviour()
        loaded(behaviour, workload(seed=seed), warmup_requests=3)
        sent.append(sorted(seen["body"]["messages"][0]["content"] for seen in behaviour.seen))
    assert sent[0] == sent[1] != sent[2]
    assert 10 == len(set(sent[0]))


def test_warm_up_requests_are_asked_and_not_counted() -> None:
    """The first requests of an engine compile and allocate; they are no part of the figures."""
    behaviour = Behaviour()
    result = loaded(behaviour, warmup_requests=2)
    assert (9, 7, list(range(7))) == (len(behaviour.seen), len(result.requests), [one.index for one in result.requests])


def test_the_first_token_is_the_first_chunk_with_content() -> None:
    """The role chunk before it, which is empty, is no token: TTFT holds the 20 ms that the engine takes."""
    result = loaded(Behaviour(first_token_s=0.02), workload(num_requests=1))
    one = result.requests[0]
    assert one.ttft_ms is not None and one.tpot_ms is not None and one.e2e_ms is not None and one.connect_ms is not None
    assert one.e2e_ms >= one.ttft_ms >= 20


def test_time_between_tokens_counts_tokens_not_chunks() -> None:
    """4 tokens in 2 chunks have 3 gaps, not 1: (last - first) / (tokens - 1). Chunks that share a packet would say 0."""
    result = loaded(Behaviour(between_tokens_s=0.005, tokens_per_chunk=2), workload(num_requests=1, osl=4))
    one = result.requests[0]
    assert one.ttft_ms is not None and one.tpot_ms is not None and one.e2e_ms is not None
    assert 2 == one.chunks
    assert (one.e2e_ms - one.ttft_ms) / 3 == pytest.approx(one.tpot_ms)
    assert one.ttft_ms < one.e2e_ms


def test_one_token_has_no_time_between_tokens() -> None:
    """A figure that does not exist is None, not zero."""
    assert [None] == [one.tpot_ms for one in loaded(Behaviour(), workload(num_requests=1, osl=1)).requests]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("disconnect", "disconnected"),
        ("half", "disconnected"),
        ("503", "http_503"),
        ("no_usage", "no_usage"),
        ("no_done", "truncated"),
        ("no_content", "no_content"),
        ("engine_error", "engine_error"),
        ("garbage", "bad_event"),
    ],
)
def test_each_kind_of_failure_is_counted_under_its_name(fault: str, kind: str) -> None:
    """2 of 7 fail and 5 count; nothing is asked again in secret, and the failed ones are in no figure."""
    behaviour = Behaviour(faults={1: fault, 4: fault})
    result = loaded(behaviour)
    found = measured(result)
    assert ({kind: 2}, 5, 2, 7) == (found.errors, found.completed, found.failed, len(behaviour.seen))
    assert 5 * 5 == found.completion_tokens


def test_an_endpoint_that_never_says_its_usage_measures_nothing() -> None:
    """Counting chunks instead would be a guess: there are no figures, and a judge sees why."""
    found = measured(loaded(Behaviour(usage=False)))
    assert ({"no_usage": 7}, 0, None, None, None) == (found.errors, found.completion_tokens, found.ttft_ms, found.itl_ms, found.e2e_ms)


def test_the_nodes_of_a_cluster_share_the_load() -> None:
    """4 in flight on 2 nodes are 2 on each, and both are warmed up."""
    first, second = Behaviour(between_tokens_s=0.002), Behaviour(between_tokens_s=0.002)
    with serving(first) as one, serving(second) as other:
        result = run([target(one), target(other)], workload(concurrency=4, num_requests=20), limits=Limits(warmup_requests=1, trials=False))
    assert ({}, 20 + 2) == (result.errors, len(first.seen) + len(second.seen))
    assert (2, 2) == (first.most_in_flight, second.most_in_flight)


@pytest.mark.parametrize(("close", "connections"), [(True, 6), (False, 1)])
def test_connections_are_closed_or_kept_as_asked(close: bool, connections: int) -> None:
    """Closed by default: some engines close a kept connection unanswered."""
    behaviour = Behaviour()
    assert {} == loaded(behaviour, workload(concurrency=1, num_requests=6), close_connections=close).errors
    assert connections == behaviour.connections


def test_a_wrong_key_refuses_at_once_and_does_not_say_the_key() -> None:
    """One line with the next step instead of a thousand 401s; the server's echo of the key goes nowhere."""
    behaviour = Behaviour()
    with serving(behaviour) as url, pytest.raises(CloudRefused) as refused:
        run(target(url, api_key=SecretStr("canary-wrong")), workload(num_requests=500))
    assert ("permission", 2) == (refused.value.kind, len(behaviour.seen))
    assert "inferstack configure" in refused.value.hint
    assert "canary" not in f"{refused.value} {refused.value.hint}"


def test_without_warm_up_a_wrong_key_is_counted(tmp_path: Path) -> None:
    """Every request fails as http_401, and neither the results nor the file of requests hold the key that the server echoed."""
    with serving(Behaviour()) as url:
        wrong = target(url, api_key=SecretStr("canary-wrong"))
        result = run(wrong, workload(), limits=Limits(warmup_requests=0, trials=False))
    written = write_requests(result, tmp_path).read_text(encoding="utf-8")
    assert {"http_401": 7} == result.errors
    assert "no such key: Bearer ***" in written
    assert "canary" not in f"{result!r}{wrong!r}{written}"


def test_an_engine_error_that_holds_the_key_is_redacted() -> None:
    """Whatever a server puts into its answer, the key of this stack leaves it before it is kept."""
    result = loaded(Behaviour(always="engine_error"))
    assert {"engine_error": 7} == result.errors
    assert KEY not in repr(result)


def test_nothing_behind_the_port_is_said_in_one_line() -> None:
    """The forwarded port is gone: not a traceback."""
    with serving(Behaviour()) as url:
        pass
    with pytest.raises(CloudRefused, match="nothing listens") as refused:
        run(target(url), workload())
    assert "host" == refused.value.kind


def test_a_server_that_answers_too_slowly_is_a_timeout() -> None:
    """A request has a time limit of its own."""
    assert {"timeout": 3} == loaded(Behaviour(hang_after=0), workload(num_requests=3), request_timeout_s=0.05).errors


def test_the_time_limit_ends_the_run_and_counts_what_it_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """3 hang when the time is over: they are failures by that name, and the one that never started is too.

    The limit passes when the server holds the three, however slow the machine is: a limit of real time cut the run
    before its first answer on a busy machine.
    """
    behaviour = Behaviour(hang_after=3)
    monkeypatch.setattr(load.time, "perf_counter", lambda: time.monotonic() + (1000 if len(behaviour.seen) >= 6 else 0))
    result = loaded(behaviour, deadline_s=500)
    assert ("deadline", {"deadline": 3, "not_started": 1}) == (result.stopped, result.errors)
    assert 3 == len(result.completed)


def test_a_stop_ends_the_run_and_keeps_what_was_measured() -> None:
    """Ctrl-C sets a flag; requests in flight are dropped and counted, the finished ones stay."""
    behaviour = Behaviour(hang_after=4)
    told = threading.Event()

    def note(progress: LoadProgress) -> None:
        if 4 == progress.done:
            told.set()

    with serving(behaviour) as url:
        result = run(target(url), workload(), on_progress=note, cancelled=told.is_set, limits=Limits(warmup_requests=0, trials=False))
    assert ("cancelled", 4) == (result.stopped, len(result.completed))
    assert {"cancelled": 3} == result.errors


def test_a_stop_during_warm_up_measures_nothing() -> None:
    """Every request of the workload is then one that never started."""
    with serving(Behaviour(hang_after=0)) as url:
        result = run(target(url), workload(), cancelled=lambda: True)
    assert ("cancelled", {"not_started": 7}) == (result.stopped, result.errors)


def test_progress_is_told_while_it_happens() -> None:
    """Done and in flight never exceed the workload, tokens/s are live, and the last word is the whole."""
    told: list[LoadProgress] = []
    with serving(Behaviour(between_tokens_s=0.002)) as url:
        run(target(url), workload(), on_progress=told.append, limits=Limits(warmup_requests=1, trials=False))
    assert (7, 0, 7, 0) == (told[-1].done, told[-1].failed, told[-1].total, told[-1].in_flight)
    assert all(one.done + one.failed + one.in_flight <= 7 and one.in_flight <= 3 for one in told)
    assert told[-1].tokens_per_s > 0
    assert [one.done for one in told] == sorted(one.done for one in told)


def test_a_ca_file_that_is_none_is_wrong_input(tmp_path: Path) -> None:
    """Missing, or not PEM: one line that names the file."""
    (tmp_path / "bad.pem").write_text("no certificate")
    for path in (tmp_path / "absent.pem", tmp_path / "bad.pem"):
        with pytest.raises(InputError, match=path.name):
            run(target("https://127.0.0.1:9", ca_file=path), workload())


def test_the_file_of_requests_has_a_line_for_each_and_no_prompt(tmp_path: Path) -> None:
    """What a later judge needs of each request, and nothing that was said."""
    behaviour = Behaviour(faults={2: "503"})
    result = loaded(behaviour)
    lines = [json.loads(line) for line in write_requests(result, tmp_path).read_text(encoding="utf-8").splitlines()]
    assert list(range(7)) == [line["index"] for line in lines]
    assert 1 == sum(1 for line in lines if line["error"] == "http_503")
    prompts = [seen["body"]["messages"][0]["content"] for seen in behaviour.seen]
    assert not any(prompt.strip() in (tmp_path / "requests.jsonl").read_text(encoding="utf-8") for prompt in prompts)


def measured(result: LoadResult) -> Any:
    return measurement(
        result, stack="demo", rehearsal=True, served_model=MODEL, served_engine="llama.cpp", instance_type="g6.xlarge", instance_count=1
    )


def sound(behaviour: Behaviour, asked: Workload | None = None) -> Any:
    """A run as `bench` makes it, trials included, and what comes of it."""
    with serving(behaviour) as url:
        return measured(run(target(url), asked or workload(), limits=Limits(warmup_requests=1)))


@pytest.mark.parametrize(
    ("split", "template", "isl"), [("", 3, 40), ("aeiou", 3, 200), ("abcdefghijklm", 57, 512), (string.ascii_lowercase, 11, 90)]
)
def test_prompts_have_the_asked_length_by_the_served_tokenizer(split: str, template: int, isl: int) -> None:
    """A tokenizer that takes two tokens for some words, and a chat template of its own: the mean length is within 1 %, or one token."""
    found = sound(Behaviour(split_words=frozenset(split), template_tokens=template), workload(isl=isl))
    assert found.prompt_tokens / found.completed == pytest.approx(isl, abs=max(1.0, 0.01 * isl))
    assert found.prompt_length.template_tokens == pytest.approx(template, abs=3)


def test_all_prompts_of_a_run_have_one_length() -> None:
    """They hold the same words in orders of their own, so that a tokenizer counts the same in each."""
    with serving(Behaviour(split_words=frozenset("aeiou"))) as url:
        result = run(target(url), workload(isl=100, num_requests=40), limits=Limits(warmup_requests=0))
    assert 1 == len({one.prompt_tokens for one in result.requests})


def test_a_length_that_no_tokenizer_can_say_is_not_believed() -> None:
    """Ten tokens for a word of two letters: prompts stay as long as asked, and the judge sees ten times that."""
    assert length_by(((24, 243), (1021, 10_213)), isl=1024) is None


@pytest.mark.parametrize("counters", [None, "vllm:prefix_cache_hits_total", "sglang:cached_tokens_total"])
def test_a_seed_repeats_its_prompts_and_what_the_cache_gave_is_measured(counters: str | None) -> None:
    """By the engine's counters, all ranks together, or by the usage of each answer: none in the first run, nearly all in the second."""
    behaviour = Behaviour(caches=True, counters=counters)
    first, again, fresh = sound(behaviour), sound(behaviour), sound(behaviour, workload(seed=fresh_seed()))
    assert (0, 7 * 11, 0) == tuple(one.cached_prompt_tokens for one in (first, again, fresh))
    assert {"metrics" if counters else "usage"} == {one.cached_by for one in (first, again, fresh)}


def test_an_engine_that_says_nothing_of_its_cache_leaves_it_open() -> None:
    """Unknown is not zero."""
    found = sound(Behaviour())
    assert (None, None) == (found.cached_prompt_tokens, found.cached_by)


@pytest.mark.parametrize(
    ("behaviour", "counted"),
    [(Behaviour(), 5), (Behaviour(usage_times=2.0), 5), (Behaviour(tokens_per_chunk=5), 5), (Behaviour(logprobs=False), None)],
)
def test_one_answer_before_the_run_is_counted_token_by_token(behaviour: Behaviour, counted: int | None) -> None:
    """Whatever its usage says; an engine without log probabilities has no such witness, and its run goes on."""
    found = sound(behaviour)
    assert counted == (found.usage_witness.counted if found.usage_witness else None)
    assert 7 == found.completed


def test_percentiles_between_tokens_are_of_the_gaps() -> None:
    """A pause of 60 ms every 10 tokens is in the p99 of the gaps; a mean over each request hides it."""
    found = sound(Behaviour(between_tokens_s=0.001, stall_every=10, stall_s=0.06), workload(concurrency=1, num_requests=3, osl=40))
    assert found.itl_ms.p99 >= 60 > 20 > found.tpot_ms.max
    assert found.itl_ms.mean == pytest.approx(found.tpot_ms.mean, rel=0.01)


def test_a_loop_that_is_held_up_shows_in_the_clients_own_lag() -> None:
    """The load generator's own work of 30 ms at a time: its lag says so, and its share of a core."""

    def busy(progress: LoadProgress) -> None:
        end = time.perf_counter() + 0.03
        while time.perf_counter() < end:
            pass

    with serving(Behaviour(between_tokens_s=0.005)) as url:
        result = run(target(url), workload(num_requests=12), on_progress=busy, limits=Limits(warmup_requests=0, trials=False))
    assert result.client is not None and result.client.lag_ms is not None
    assert result.client.lag_ms.mean > 2 and result.client.lag_ms.max > 20
    assert result.client.cpu_share > 0.05


def test_no_prompt_is_made_while_the_clock_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing the words of a prompt holds all streams up: it is done before the first request."""
    drawn: list[int] = []
    start = Prompts._start
    monkeypatch.setattr(Prompts, "_start", lambda self, index: drawn.append(index) or start(self, index))
    seen_at_first: list[int] = []
    with serving(Behaviour()) as url:
        run(target(url), workload(), on_progress=lambda progress: seen_at_first.append(len(drawn)), limits=Limits(warmup_requests=1))
    assert set(range(7)) <= set(drawn) and {len(drawn)} == set(seen_at_first)


def arrivals(**changes: Any) -> Workload:
    load = {"kind": "open", "request_rate": 100.0, "burstiness": 1.0, "num_requests": 40, "isl": 12, "osl": 3} | changes
    return Workload(load=Load(**load), seed=7)


def test_an_open_loop_sends_at_its_scheduled_moments_whatever_the_answers_do() -> None:
    """Nobody is answered before all have been sent: a closed loop would have waited for ever."""
    behaviour = Behaviour(hold_until=40)
    asked = arrivals()
    result = loaded(behaviour, asked)
    due_s = moments_s(asked)
    assert due_s is not None
    assert ({}, 40) == (result.errors, behaviour.most_in_flight)
    for one in result.requests:
        assert one.late_ms is not None
        assert one.started_s - due_s[one.index] == pytest.approx(one.late_ms / 1000, abs=1e-6)


def test_an_open_loop_tells_its_lateness_and_its_steady_part() -> None:
    """The middle 80 % of the requests; a closed loop has neither."""
    found = measured(loaded(Behaviour(), arrivals(num_requests=60)))
    assert found.lateness_ms is not None and found.steady is not None
    assert 48 == found.steady.requests
    closed = measured(loaded(Behaviour()))
    assert (None, None) == (closed.lateness_ms, closed.steady)


def test_the_steady_part_is_by_the_moments_of_sending_and_of_answering() -> None:
    """10 a second, answered after 1 s each: the first and last two of 20 are left out, and the answers come as fast as the requests."""
    requests = tuple(RequestResult(n, n / 10, connect_ms=0.0, ttft_ms=100.0 + n, tpot_ms=5.0, e2e_ms=1000.0) for n in range(20))
    result = LoadResult(arrivals(num_requests=20), NOW, 3.0, requests, None)
    found = steady(result)
    assert found is not None
    assert (16, pytest.approx(10.0), pytest.approx(10.0)) == (found.requests, found.offered_requests_per_s, found.sustained_requests_per_s)
    assert (102.0, 117.0, 5.0) == (found.ttft_ms.min, found.ttft_ms.max, found.tpot_ms and found.tpot_ms.mean)
    slower = tuple(replace(one, e2e_ms=1000.0 + 100 * one.index) for one in requests)
    behind = steady(replace(result, requests=slower))
    assert behind is not None and 5.0 == pytest.approx(behind.sustained_requests_per_s)


def test_a_server_that_falls_behind_sustains_less_than_it_is_offered() -> None:
    """One answer at a time, 50 ms each, is 20 a second at most; 200 a second come."""
    found = measured(loaded(Behaviour(one_at_a_time_s=0.05), arrivals(request_rate=200.0, num_requests=40)))
    assert found.steady is not None
    assert found.steady.sustained_requests_per_s < 20.5 < found.steady.offered_requests_per_s


def test_arrivals_beyond_what_one_client_holds_wait_and_are_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is no silent cut: what it holds back is late, and the verdict judges lateness."""
    monkeypatch.setattr(load, "MAX_CONCURRENCY", 2)
    behaviour = Behaviour(first_token_s=0.05)
    result = loaded(behaviour, arrivals(request_rate=1000.0, num_requests=10))
    assert 2 == behaviour.most_in_flight
    assert max(one.late_ms or 0.0 for one in result.requests) > 100


def test_an_offline_load_is_all_sent_at_once() -> None:
    """Every request is in flight before the first is answered."""
    behaviour = Behaviour(hold_until=12)
    result = loaded(behaviour, arrivals(kind="offline", request_rate=None, burstiness=None, num_requests=12))
    assert ({}, 12, None) == (result.errors, behaviour.most_in_flight, measured(result).steady)


def test_the_time_limit_ends_an_open_loop_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those in flight are cut off, those that never came are counted by that name."""
    behaviour = Behaviour(hang_after=0)
    monkeypatch.setattr(load.time, "perf_counter", lambda: time.monotonic() + (1000 if len(behaviour.seen) >= 2 else 0))
    result = loaded(behaviour, arrivals(request_rate=20.0, num_requests=10), deadline_s=500)
    assert "deadline" == result.stopped
    assert 10 == sum(result.errors.values()) and {"deadline", "not_started"} >= set(result.errors)
