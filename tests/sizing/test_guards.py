"""sizing.planning.guards.guards: safety models beside a plan, placed, timed and priced by the same formulas."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from inferstack.records.errors import Finding, InputError
from inferstack.records.files.facts import load
from inferstack.records.plan import Guard, Plan
from inferstack.records.request import Request
from sizing.catalog import find_model
from sizing.planning import planner
from sizing.planning.guards import guards

NOW = datetime(2026, 11, 27, tzinfo=UTC)
ROOMY: dict[str, Any] = {"model": "Llama-3.1-8B-Instruct", "gpu": "H100", "request_rate": 4}
TIGHT: dict[str, Any] = {"model": "Llama-3.3-70B-Instruct", "weight_quant": "fp8", "request_rate": 4}


def planned(*ids: str, **request: Any) -> Plan:
    return planner.plan(Request.model_validate({**request, "guards": ids or None}), now=NOW)


def guard(id_: str, **request: Any) -> Guard:
    return planned(id_, **request).guards[0]


def test_every_guard_of_the_facts_is_a_model_of_the_facts_with_a_source() -> None:
    """And is either a generator with its prompt, or a classifier with its window."""
    for id_, record in guards.known().items():
        assert id_ == find_model(id_).id
        assert record["source"]
        assert ("policy_tokens" in record) == (record["way"] == "generator")
        assert ("window_tokens" in record) == (record["way"] == "classifier")
    assert all("source" in one for one in load("sizing")["guards"]["known"]["cpu"].values())


def test_a_guard_shares_the_gpus_where_memory_and_time_are_spare() -> None:
    """Nothing more is paid an hour; its share of the time has a price."""
    found = guard("Llama-Guard-3-8B", **ROOMY)
    assert "gpu-share" == found.placement
    assert 0 == found.usd_per_hour
    assert 0 < found.usd_per_1k_requests
    assert found.memory_gib > 8.03e9 * 2 / 2**30  # the parameters alone, in 16 bit
    assert found.latency_ms is not None
    assert found.latency_ms.low < found.latency_ms.value < found.latency_ms.high


def test_a_guard_without_room_gets_nodes_of_its_own_and_says_why() -> None:
    """Planned as any model for its checks; the price is that of its own plan. The reason is want of memory or of time."""
    found = guard("Llama-Guard-3-8B", **TIGHT)
    assert "own-gpu" == found.placement
    assert "of the KV cache are free" in found.basis or "above 80% in total" in found.basis
    assert found.usd_per_hour > 0
    assert found.usd_per_hour / (4 * 3600) * 1000 == pytest.approx(found.usd_per_1k_requests, rel=1e-4)


def test_guards_that_share_take_room_from_each_other() -> None:
    """Many large ones do not all fit the GPU that one of them fits."""
    placements = [one.placement for one in planned(*["Llama-Guard-4-12B"] * 4, **ROOMY).guards]
    assert "gpu-share" == placements[0]
    assert "own-gpu" == placements[-1]


def test_a_classifier_runs_on_the_cpu_while_the_cpu_has_time_for_it() -> None:
    """Beyond, on a GPU: the reason stays."""
    few, many = (guard("Llama-Prompt-Guard-2-22M", **{**ROOMY, "request_rate": rate}) for rate in (0.1, 8))
    assert ("cpu", "gpu-share") == (few.placement, many.placement)
    assert "not on the CPU" in many.basis
    assert "assumed" in (few.latency_ms.band if few.latency_ms else "")


def test_a_longer_prompt_never_makes_a_check_faster_or_cheaper() -> None:
    """Windows of a classifier, tokens of a generator."""
    for id_ in ("Llama-Guard-3-1B", "Llama-Prompt-Guard-2-86M"):
        short, long = (guard(id_, **{**ROOMY, "isl": isl}) for isl in (256, 6000))
        assert short.latency_ms is not None
        assert long.latency_ms is not None
        assert short.latency_ms.value < long.latency_ms.value
        assert short.usd_per_1k_requests <= long.usd_per_1k_requests or "cpu" in (short.placement, long.placement)


def test_a_guard_that_fits_nowhere_says_why_not() -> None:
    """In a region without prices nothing can be bought; the plan stands all the same."""
    from sizing.planning.guards import classifiers
    from sizing.planning.guards.work import GuardWork

    shape = find_model("Llama-Prompt-Guard-2-86M")
    work = GuardWork(shape, guards.known()[shape.id], isl=512, osl=0, requests_per_s=1)
    assert "has a price in mx-central-1" in str(classifiers.on_own_gpu(work, region="mx-central-1"))


def test_what_is_no_guard_is_refused_by_name() -> None:
    """With those that are known."""
    with pytest.raises(InputError, match="is not a known guard; known: meta-llama/Llama-Guard-3-1B"):
        planned("Qwen3-8B", **ROOMY)


def test_a_plan_without_guards_is_as_before() -> None:
    """Additive: same choice, same figures."""
    without, beside = planned(**ROOMY), planned("Llama-Guard-3-1B", **ROOMY)
    assert () == without.guards
    assert (without.instance_type, without.usd_per_hour, without.prediction) == (
        beside.instance_type,
        beside.usd_per_hour,
        beside.prediction,
    )


def test_a_guard_with_nodes_of_its_own_is_in_the_total() -> None:
    """Dollars an hour and a million tokens are of both; the candidate is the model alone."""
    without, beside = planned(**TIGHT), planned("Llama-Guard-3-8B", **TIGHT)
    own = beside.guards[0].usd_per_hour
    assert own > 0
    mine = next(one for one in beside.candidates if one.instance_type == beside.instance_type)
    assert mine.usd_per_hour + own == pytest.approx(beside.usd_per_hour)
    assert beside.usd_per_hour > without.usd_per_hour
    tokens = beside.prediction.output_tokens_per_s.value
    assert beside.usd_per_hour / tokens / 3600 * 1e6 == pytest.approx(beside.usd_per_mtok)
    assert any(one.startswith("guards are in the total") for one in beside.assumptions)


@pytest.mark.parametrize(
    ("model", "load"), [("Llama-3.1-8B-Instruct", {"users": 8}), ("Qwen3-14B", {"request_rate": 2}), ("gpt-oss-20b", {"users": 20})]
)
def test_the_limit_holds_with_the_guards(model: str, load: dict[str, Any]) -> None:
    """Just above the cheapest total there is a plan, just below it there is none, though the model alone would fit."""
    asked = {"model": model, **load}
    total, alone = planned("Llama-Guard-3-8B", **asked).usd_per_hour, planned(**asked).usd_per_hour
    assert total == planned("Llama-Guard-3-8B", **asked, max_usd_per_hour=total + 0.01).usd_per_hour
    assert total > alone
    with pytest.raises(Finding, match="limited by budget"):
        planned("Llama-Guard-3-8B", **asked, max_usd_per_hour=(total + alone) / 2)


def test_the_wait_for_checks_of_the_prompt_counts_in_the_first_token() -> None:
    """And all checks in the answer: targets that the model alone keeps are refused, or kept by another instance type."""
    asked = {"model": "Llama-3.3-70B-Instruct", "request_rate": 4, "isl": 2000, "osl": 400}
    alone = planned(**asked)
    first = alone.prediction.ttft_ms.value * 1.1
    for name, limit in (("ttft_ms", first), ("e2e_ms", alone.prediction.e2e_ms.value * 1.01)):
        try:
            found = planned("Llama-Guard-3-8B", **asked, **{name: limit})
        except Finding as refused:
            assert "of its guards, above" in refused.message
            continue
        added = sum(one.latency_ms.value * (one.sides.count("input") / len(one.sides) if name == "ttft_ms" else 1) for one in found.guards)
        assert getattr(found.prediction, name).value + added <= limit


def test_the_cheapest_total_wins_and_not_the_cheapest_model() -> None:
    """Larger instances whose spare memory takes the guard cost less than small ones and a node for it."""
    found = planned("Llama-Guard-3-8B", model="Llama-3.1-8B-Instruct", request_rate=2)
    alone = planned(model="Llama-3.1-8B-Instruct", request_rate=2)
    assert found.usd_per_hour <= alone.usd_per_hour + guard("Llama-Guard-3-8B", model="Llama-3.1-8B-Instruct", request_rate=2).usd_per_hour
    assert found.instance_type != alone.instance_type or found.guards[0].placement != "own-gpu"
