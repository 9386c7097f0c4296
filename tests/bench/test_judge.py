"""The judge: what is judged, against what, and what is said."""

from __future__ import annotations

from typing import Any

import pytest

from inferstack.bench.judge import judge
from inferstack.bench.workload import of_plan
from inferstack.records.load import Load
from inferstack.records.measurement import JudgedFigure, Steady, Verdict, Workload
from inferstack.records.request import Request
from tests.bench.plans import NOW, measurement, plan, same, sent

FIGURES = {"output_tokens_per_s", "requests_per_s", "ttft_ms", "itl_ms", "e2e_ms"}


def judged(request: dict[str, Any] | None = None, **changes: Any) -> Verdict:
    return judge(plan(request=request), measurement(**changes), now=NOW)


def finding(verdict: Verdict, figure: str) -> JudgedFigure:
    return next(one for one in verdict.findings if one.figure == figure)


def test_a_measurement_equal_to_the_prediction_passes() -> None:
    """Every figure is judged, and each is inside its band."""
    verdict = judged()
    assert (True, "prediction") == (verdict.passed, verdict.kind)
    assert FIGURES <= {one.figure for one in verdict.findings if one.judged and one.passed}
    assert "passed: all 11 judged figures hold" == verdict.statement


@pytest.mark.parametrize(
    ("changes", "figure", "error_percent", "better"),
    [
        ({"output_tokens_per_s": 790.0}, "output_tokens_per_s", 100 * 210 / 790, False),
        ({"output_tokens_per_s": 1250.0}, "output_tokens_per_s", -20.0, True),
        ({"requests_per_s": 3.1}, "requests_per_s", 100 * 0.9 / 3.1, False),
        ({"requests_per_s": 5.0}, "requests_per_s", -20.0, True),
        ({"ttft_ms": same(601)}, "ttft_ms", 100 * -101 / 601, False),
        ({"ttft_ms": same(200)}, "ttft_ms", 150.0, True),
        ({"tpot_ms": same(23.9)}, "itl_ms", 100 * 6.1 / 23.9, True),
        ({"tpot_ms": same(37)}, "itl_ms", 100 * -7 / 37, False),
        ({"e2e_ms": same(10_000)}, "e2e_ms", -18.0, False),
        ({"e2e_ms": same(5000)}, "e2e_ms", 64.0, True),
    ],
)
def test_only_a_figure_worse_than_its_band_fails(changes: dict[str, Any], figure: str, error_percent: float, better: bool) -> None:
    """Whoever was promised less than he got has not been let down: it is said, with its error relative to what was measured."""
    verdict = judged(**changes)
    found = finding(verdict, figure)
    assert (better, better) == (verdict.passed, found.passed)
    assert error_percent == pytest.approx(found.error_percent)
    assert ("better than the band" if better else "worse than the band") in found.message
    assert better or figure in verdict.statement


@pytest.mark.parametrize(("measured", "passed"), [(800.0, True), (799.999, False)])
def test_the_band_includes_its_end(measured: float, passed: bool) -> None:
    """1000 with 20 % is from 800 on."""
    assert passed is finding(judged(output_tokens_per_s=measured), "output_tokens_per_s").passed


def test_a_rehearsal_judges_completeness_alone_and_says_why() -> None:
    """A CPU that answers at a hundredth of the speed fails nothing; both numbers are shown, none is compared."""
    verdict = judged(rehearsal=True, served_model="inferstack/tiny-llama", output_tokens_per_s=10.0)
    found = finding(verdict, "output_tokens_per_s")
    assert (True, "completeness", True) == (verdict.passed, verdict.kind, verdict.rehearsal)
    assert (False, None, None, 1000.0, 10.0) == (found.judged, found.passed, found.error_percent, found.predicted, found.measured)
    assert "the prediction is for other hardware (2 x g6.12xlarge with vllm)" in verdict.statement
    assert "a rehearsal host served inferstack/tiny-llama" in verdict.statement


@pytest.mark.parametrize("rehearsal", [True, False])
def test_a_failed_request_fails_the_run(rehearsal: bool) -> None:
    """In a rehearsal as on real hardware; the kinds are named."""
    verdict = judged(rehearsal=rehearsal, completed=255, failed=1, errors={"disconnected": 1}, completion_tokens=255 * 256)
    assert verdict.passed is False
    assert "255 of 256 requests answered completely; failed: 1 disconnected" in verdict.statement


def test_one_failure_in_a_thousand_is_borne() -> None:
    """0.1 % and no more."""
    workload = sent(num_requests=1000)
    for failed, passed in ((1, True), (2, False)):
        done = 1000 - failed
        verdict = judged(workload=workload, completed=done, failed=failed, errors={"timeout": failed}, completion_tokens=done * 256)
        assert passed is finding(verdict, "completed_requests").passed


@pytest.mark.parametrize("rehearsal", [True, False])
def test_tokens_that_are_missing_fail_the_run(rehearsal: bool) -> None:
    """With ignore_eos each answer has exactly the asked length: anything else measured another load."""
    verdict = judged(rehearsal=rehearsal, completion_tokens=256 * 256 - 1)
    assert (False, False) == (verdict.passed, finding(verdict, "completion_tokens").passed)


def test_answers_that_may_end_early_have_no_fixed_length() -> None:
    """Without ignore_eos the length is the model's own choice."""
    workload = measurement().workload.model_copy(update={"ignore_eos": False})
    assert not [one for one in judged(workload=workload, completion_tokens=100).findings if one.figure == "completion_tokens"]


def test_a_run_without_an_answer_fails() -> None:
    """Nothing measured is nothing passed."""
    nothing = {"completed": 0, "failed": 256, "errors": {"http_500": 256}, "prompt_tokens": 0, "completion_tokens": 0}
    verdict = judged(**nothing, output_tokens_per_s=0.0, requests_per_s=0.0, ttft_ms=None, itl_ms=None, e2e_ms=None)
    assert verdict.passed is False
    assert "nothing was measured" == finding(verdict, "ttft_ms").message


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"instance_type": "g6.48xlarge"}, "but 2 x g6.48xlarge with vllm was measured"),
        ({"instance_count": 1}, "but 1 x g6.12xlarge with vllm was measured"),
        ({"served_engine": "llama.cpp"}, "with llama.cpp"),
        (
            {"workload": sent(concurrency=8)},
            "another load (closed: 32 requests in flight, 1,024 tokens in, 256 out)",
        ),
        ({"workload": sent(num_requests=5)}, "requests in flight: 32 is not 5"),
        ({"served_model": "some-other/1B"}, "the prediction is for another model: m, but some-other/1B was measured"),
        ({"serving": None}, "what the nodes served is not recorded"),
    ],
)
def test_another_cluster_or_load_than_planned_is_not_compared(changes: dict[str, Any], why: str) -> None:
    """A verdict on a figure that was never predicted would be noise."""
    verdict = judged(**changes)
    assert "completeness" == verdict.kind
    assert not [one for one in verdict.findings if one.judged and (one.figure in FIGURES or one.figure.startswith("target_"))]
    assert why in verdict.statement


def test_every_way_in_which_a_server_can_differ_is_named() -> None:
    """Each field of what is served, changed by itself, ends the comparison by its name: the list is the record's own fields."""
    planned = measurement().serving
    assert planned is not None
    other: dict[str, Any] = {
        "layout": planned.layout.model_copy(update={"tp": 2}),
        "engine_flags": {"max-num-seqs": 8},
        **{name: "another" for name in type(planned).model_fields if name not in ("layout", "engine_flags")},
    }
    for name, value in other.items():
        verdict = judged(serving=planned.model_copy(update={name: value}))
        named = "max-num-seqs" if name == "engine_flags" else "tp2" if name == "layout" else "another instead of"
        assert "completeness" == verdict.kind, name
        assert named in verdict.statement, name


def test_a_load_beyond_what_the_generator_can_send_is_not_the_plans_load() -> None:
    """3,000 at a time are measured at 1,024 and compared with nothing: the plan's own load is the yardstick, not the one that was cut."""
    asked = plan(request={"concurrency": 3000})
    cut = of_plan(asked, rehearsal=False, seed=1)
    found = measurement(workload=cut, completed=cut.num_requests, prompt_tokens=1024 * cut.num_requests)
    verdict = judge(asked, found, now=NOW)
    assert "completeness" == verdict.kind
    assert "another load (closed: 3,000 requests in flight" in verdict.statement
    assert "requests in flight: 3,000 is not 1,024" in verdict.statement


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"prefix_hit_rate": 0.5}, "a prefix cache (0.5 of each prompt)"),
        ({"lora_slots": 2, "lora_rank": 16}, "adapters"),
        ({"speculative_method": "ngram"}, "accepted drafts (ngram)"),
    ],
)
def test_a_load_that_random_words_cannot_be_is_not_compared(request_: dict[str, Any], why: str) -> None:
    """New prompts share no prefix, ask for no adapter, and say nothing of drafts."""
    verdict = judged(request_)
    assert "completeness" == verdict.kind
    assert why in verdict.statement


def test_every_target_of_a_request_becomes_exactly_one_finding() -> None:
    """The list is the fields of Request: a target that is added and not judged fails here."""
    targets = {name for name in Request.model_fields if name.endswith("_ms")}
    assert {"ttft_ms", "itl_ms", "e2e_ms", "ttft_p99_ms", "itl_p99_ms", "e2e_p99_ms"} <= targets
    for name in targets:
        met, missed = judged({name: 1e6}), judged({name: 0.001})
        assert [f"target_{name}"] == [one.figure for one in met.findings if one.figure.startswith("target_")]
        assert (True, True) == (met.passed, finding(met, f"target_{name}").passed)
        assert (False, False) == (missed.passed, finding(missed, f"target_{name}").passed)


def test_a_p99_target_is_held_against_the_p99() -> None:
    """A mean of 500 hides a first token after 3,092 ms; a mean of 18 ms a token hides pauses of 820."""
    late = same(500).model_copy(update={"p99": 3092.0})
    pauses = same(30).model_copy(update={"p99": 820.0})
    verdict = judged({"ttft_p99_ms": 1500, "itl_p99_ms": 40, "itl_ms": 40}, ttft_ms=late, itl_ms=pauses)
    assert "p99 3092 ms; the target is 1500 ms" == finding(verdict, "target_ttft_p99_ms").message
    assert "p99 820 ms; the target is 40 ms" == finding(verdict, "target_itl_p99_ms").message
    assert (False, True) == (verdict.passed, finding(verdict, "target_itl_ms").passed)


def test_targets_of_the_request_are_judged_beside_the_prediction() -> None:
    """A prediction may hold and the wish still be missed."""
    verdict = judged({"ttft_ms": 450, "itl_ms": 40})
    assert (False, True) == (finding(verdict, "target_ttft_ms").passed, finding(verdict, "target_itl_ms").passed)
    assert (False, True) == (verdict.passed, finding(verdict, "ttft_ms").passed)


def test_targets_are_not_judged_in_a_rehearsal() -> None:
    """The wish was for the planned hardware."""
    assert (False, None) == (
        finding(judged({"ttft_ms": 1}, rehearsal=True), "target_ttft_ms").judged,
        finding(judged({"ttft_ms": 1}, rehearsal=True), "target_ttft_ms").passed,
    )


def test_images_of_the_plan_are_not_compared_with_a_run_of_text() -> None:
    """The load generator sends none."""
    verdict = judged({"images_per_request": 2, "image_tokens": 256})
    assert "completeness" == verdict.kind
    assert "2 images per request" in verdict.statement


OPEN = Load(kind="open", request_rate=4, burstiness=1, isl=1024, osl=256)
BY_RATE = {"concurrency": None, "request_rate": 4}


def steady(*, offered: float = 4.0, sustained: float = 4.0, **changes: Any) -> Steady:
    """The steady part of an open loop that is exactly what the plan predicts."""
    figures = {"ttft_ms": same(500), "tpot_ms": same(30), "e2e_ms": same(8200)} | changes
    return Steady(requests=320, offered_requests_per_s=offered, sustained_requests_per_s=sustained, **figures)


def judged_by_rate(workload: Workload | None = None, **changes: Any) -> Verdict:
    run = sent(kind="open", concurrency=None, request_rate=4, burstiness=1, num_requests=400) if workload is None else workload
    whole = {"completed": run.num_requests, "prompt_tokens": 1024 * run.num_requests, "completion_tokens": 256 * run.num_requests}
    found = measurement(workload=run, content_chunks=256 * run.num_requests, **whole, **changes)
    return judge(plan(request=BY_RATE, load=OPEN), found, now=NOW)


def test_a_plan_for_a_rate_is_judged_by_what_it_predicts_and_not_by_the_rate_that_was_asked() -> None:
    """Latencies, and whether the cluster kept up: the asked rate is no prediction."""
    verdict = judged_by_rate(steady=steady())
    assert (True, "prediction") == (verdict.passed, verdict.kind)
    compared = {one.figure for one in verdict.findings if one.judged and one.predicted is not None}
    assert {"sustained_requests_per_s", "ttft_ms", "itl_ms", "e2e_ms"} <= compared
    assert not compared & {"requests_per_s", "output_tokens_per_s"}


@pytest.mark.parametrize(
    ("offered", "sustained", "passed"),
    [(4.0, 4.0, True), (3.7, 3.7, True), (4.4, 4.4, True), (4.0, 3.1, False), (4.4, 3.5, False), (4.0, 5.5, True)],
)
def test_a_cluster_keeps_up_with_what_was_sent_in_the_same_stretch(offered: float, sustained: float, passed: bool) -> None:
    """Chance sends a tenth more or less than the rate for a while; the answers are held against that, 20 % being the band here."""
    verdict = judged_by_rate(steady=steady(offered=offered, sustained=sustained))
    assert passed is finding(verdict, "sustained_requests_per_s").passed is verdict.passed


def test_the_steady_part_is_judged_not_the_filling_of_an_empty_cluster() -> None:
    """First tokens are fast while nobody else is there; the prediction is for later."""
    verdict = judged_by_rate(steady=steady(ttft_ms=same(700)), ttft_ms=same(450))
    assert (False, 700.0) == (finding(verdict, "ttft_ms").passed, finding(verdict, "ttft_ms").measured)


def test_a_closed_loop_says_nothing_of_a_plan_for_a_rate_and_passes_against_one_for_its_concurrency() -> None:
    """A run 10 % below the centre of the closed loop's own prediction, inside its band, was reported as failed against the rate."""
    slower = {"output_tokens_per_s": 900.0, "requests_per_s": 3.6, "e2e_ms": same(9000)}
    by_rate = judge(plan(request=BY_RATE, load=OPEN), measurement(**slower), now=NOW)
    assert ("completeness", True) == (by_rate.kind, by_rate.passed)
    assert "open is not closed" in by_rate.statement
    assert (True, "prediction") == (judged(**slower).passed, judged(**slower).kind)


def test_a_verdict_names_both_loads() -> None:
    """What was planned and what was sent, as records."""
    verdict = judged_by_rate(sent())
    assert (OPEN, sent().load) == (verdict.planned_load, verdict.measured_load)
    assert "open: 4 requests/s, Poisson arrivals, 1,024 tokens in, 256 out" in verdict.statement
    assert "closed: 32 requests in flight, 1,024 tokens in, 256 out" in verdict.statement


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"request_rate": 3.9}, "requests/s: 4 is not 3.9"),
        ({"burstiness": 0.5}, "burstiness: 1 is not 0.5"),
        ({"isl": 512}, "tokens in: 1,024 is not 512"),
        ({"osl": 128}, "tokens out: 256 is not 128"),
        ({"num_requests": 40}, "the run never reached a steady state: its 40 requests came within 10.0 s, an answer took 8.2 s"),
    ],
)
def test_another_open_loop_is_another_load(changes: dict[str, Any], why: str) -> None:
    """Each thing that makes an open loop what it is, by name."""
    load = {"kind": "open", "concurrency": None, "request_rate": 4, "burstiness": 1, "num_requests": 400} | changes
    verdict = judged_by_rate(sent(**load), steady=steady())
    assert "completeness" == verdict.kind
    assert why in verdict.statement


@pytest.mark.parametrize(("late_ms", "passed"), [(25.0, True), (25.1, False)])
def test_a_client_that_sends_late_measures_another_load(late_ms: float, passed: bool) -> None:
    """5 % of the first token's time, as for the lag of what arrives."""
    verdict = judged_by_rate(steady=steady(), lateness_ms=same(late_ms))
    assert passed is finding(verdict, "lateness_ms").passed is verdict.passed
