"""sizing.planning.planner: the cheapest way that holds, and why the others lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from inferstack.records.errors import Finding, InputError
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from sizing.catalog import instances
from sizing.planning import planner

NOW = datetime(2026, 11, 23, tzinfo=UTC)
CHAT_70B: dict[str, Any] = {
    "model": "meta-llama/Llama-3.3-70B-Instruct", "weight_quant": "fp8", "request_rate": 4, "isl": 1024, "osl": 256, "ttft_ms": 1000,
    "itl_ms": 40,
}  # fmt: skip
CHAT_8B: dict[str, Any] = {"model": "Llama-3.1-8B-Instruct", "request_rate": 2, "isl": 512, "osl": 128, "itl_ms": 60}


def planned(**request: Any) -> Plan:
    return planner.plan(Request(**request), now=NOW)


@pytest.fixture(scope="module")
def chat_70b() -> Plan:
    return planned(**CHAT_70B)


def test_every_instance_type_is_the_plan_or_rejected_with_a_reason(chat_70b: Plan) -> None:
    """Decision 8: nothing is silent."""
    lost = {one.instance_type for one in chat_70b.rejected}
    assert {one.instance_type for one in instances()} == lost | {chat_70b.instance_type}
    assert len(lost) >= 10
    assert all(one.reason and one.constraint for one in chat_70b.rejected)


def test_the_plan_is_the_cheapest_of_its_candidates(chat_70b: Plan) -> None:
    """Sorted by cost, the first one taken."""
    costs = [one.usd_per_hour for one in chat_70b.candidates]
    assert sorted(costs) == costs
    assert costs[0] == chat_70b.usd_per_hour
    assert chat_70b.instance_type == chat_70b.candidates[0].instance_type


def test_the_plan_keeps_its_targets(chat_70b: Plan) -> None:
    """TTFT, ITL and rate as predicted in the mean; not saturated."""
    figures = chat_70b.prediction
    assert figures.ttft_ms.value <= 1000
    assert figures.itl_ms.value <= 40
    assert 4 == figures.requests_per_s.value
    assert 1024 == figures.output_tokens_per_s.value
    assert figures.saturated is False


def test_the_plan_says_what_its_cost_is_made_of(chat_70b: Plan) -> None:
    """A dated price of a named source; dollars for a million output tokens at this load."""
    assert chat_70b.price_date.year >= 2026
    assert chat_70b.price_source
    assert chat_70b.usd_per_hour / (1024 * 3600) * 1e6 == pytest.approx(chat_70b.usd_per_mtok)


def test_a_16_bit_checkpoint_in_fp8_says_that_the_engine_narrows_it(chat_70b: Plan) -> None:
    """The disk holds 141 GB, the GPUs half of it; the flag is set and the quantised sibling is named."""
    assert "fp8" == chat_70b.engine_flags["quantization"]
    assert 141107412992 == chat_70b.model.checkpoint_bytes
    assert any("layer by layer" in one and "RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic" in one for one in chat_70b.assumptions)


def test_a_plan_must_start(chat_70b: Plan) -> None:
    """The engine is told a length that its KV cache holds, with 1 GiB a GPU kept back."""
    flags = chat_70b.engine_flags
    assert 8192 == flags["max-model-len"] <= chat_70b.prediction.kv_cache_tokens
    assert {"max-num-seqs", "max-num-batched-tokens", "gpu-memory-utilization", "tensor-parallel-size"} <= set(flags)
    assert any("held in reserve" in one for one in chat_70b.assumptions)


def test_the_binding_constraint_is_said_in_numbers(chat_70b: Plan) -> None:
    """A constraint's name, then figures."""
    name, _, reason = chat_70b.binding_constraint.partition(": ")
    assert name in ("itl", "ttft", "capacity", "memory", "context")
    assert any(letter.isdigit() for letter in reason)


def test_an_8b_model_for_a_small_load_takes_one_small_gpu() -> None:
    """Plausible to an engineer: a single 24 GB card, not a P5."""
    found = planned(**CHAT_8B)
    assert 1 == found.instance_count
    assert found.gpu in ("A10G", "L4", "L40S")
    assert found.usd_per_hour < 2.0


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"itl_ms": 1.0}, "itl"),
        ({"ttft_ms": 1.0}, "ttft"),
        ({"instance_types": ("g6.xlarge",), "weight_quant": "bf16"}, "memory"),
    ],
)
def test_what_cannot_be_served_names_the_binding_constraint(change: dict[str, Any], constraint: str) -> None:
    """Exit code 1, the best rejects, and a next step."""
    with pytest.raises(Finding, match=f"limited by {constraint}") as raised:
        planned(**{**CHAT_70B, **change})
    assert raised.value.hint


def test_scout_on_one_24_gb_card_is_refused_in_numbers() -> None:
    """A claim in circulation."""
    with pytest.raises(Finding, match="limited by memory"):
        planned(model="Llama-4-Scout-17B-16E-Instruct", weight_quant="int4", gpu="A10G", tp=1, pp=1, concurrency=1)


def test_tp5_is_refused_with_the_rule() -> None:
    """A claim in circulation: 8 KV heads decide."""
    with pytest.raises(Finding, match="8 KV heads and tp=5"):
        planned(model="Llama-4-Maverick-17B-128E-Instruct-FP8", tp=5, instance_type="p5.48xlarge", concurrency=1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": "meta-llama/Llama-3.4-70B"}, "Llama-3.3-70B-Instruct"),
        ({"instance_type": "p5.xlarge"}, "p5.4xlarge"),
        ({"instance_types": ("g6.xlarge", "g6.huge")}, "g6.xlarge"),
        ({"gpu": "H1000"}, "H100"),
        ({"weight_quant": "q4"}, "is not a known format"),
        ({"engine": "sglang"}, "not deployed"),
        ({"weight_quant": "gguf-q4_k_m", "engine": "vllm"}, "does not run in vllm"),
        ({"isl": 200000}, "more than the 131072 positions"),
        ({"max_model_len": 100}, "must lie between"),
    ],
)
def test_a_wrong_request_is_told_what_is_allowed(change: dict[str, Any], says: str) -> None:
    """Exit code 2, nearest real names."""
    with pytest.raises(InputError, match=says):
        planned(**{**CHAT_70B, **change})


def test_a_classifier_is_not_planned() -> None:
    """Prompt Guard generates no text."""
    with pytest.raises(Finding, match="classifier"):
        planned(model="meta-llama/Llama-Prompt-Guard-2-86M")


def test_a_load_in_users_or_tokens_a_day_says_its_assumption() -> None:
    """The sum is shown: 1 M tokens a day are few requests a second, bursts are not."""
    users = planned(**{**CHAT_8B, "request_rate": None, "users": 50})
    daily = planned(**{**CHAT_8B, "request_rate": None, "tokens_per_day": 1_000_000})
    assert any("50 users" in one for one in users.assumptions)
    assert any("tokens a day" in one and "busiest hour" in one for one in daily.assumptions)
    assert 1_000_000 / 640 / 86400 * 3 == pytest.approx(daily.prediction.requests_per_s.value, rel=1e-4)


def test_fixed_parts_of_the_layout_are_kept() -> None:
    """tp, pp, dp and instance_type of the request."""
    found = planned(**{**CHAT_8B, "instance_type": "g6.12xlarge", "tp": 2, "pp": 1, "dp": 2})
    assert (2, 1, 2) == (found.layout.tp, found.layout.pp, found.layout.dp)
    assert "g6.12xlarge" == found.instance_type


def test_a_fixed_dp_that_is_too_small_says_what_breaks() -> None:
    """More load than the replicas serve is a finding, not a silent enlargement."""
    with pytest.raises(Finding, match=r"limited by (capacity|itl)"):
        planned(**{**CHAT_8B, "request_rate": 200, "instance_type": "g6.xlarge", "dp": 1})


def test_a_gpu_without_fp8_units_says_how_it_computes() -> None:
    """FP8 compute only where the GPU has it."""
    found = planned(**{**CHAT_8B, "weight_quant": "fp8", "gpu": "A10G"})
    assert any("no FP8 arithmetic" in one for one in found.assumptions)


def test_a_region_without_prices_or_offers_is_said() -> None:
    """Unknown is unknown, never a guess."""
    with pytest.raises(Finding, match=r"limited by (price|region)"):
        planned(**{**CHAT_8B, "region": "mx-central-1"})


def test_replicas_of_experts_do_not_share_a_process() -> None:
    """vLLM's data parallelism would spread the experts over the replicas: a MoE replica takes its node alone."""
    found = planned(model="openai/gpt-oss-20b", request_rate=5, isl=1024, osl=256)
    assert 1 == found.replicas_per_node
    assert "data-parallel-size" not in found.engine_flags


@pytest.mark.parametrize(
    "asked",
    [
        {"model": "Mixtral-8x22B-Instruct-v0.1", "gpu": "H200", "tp": 4, "pp": 1},
        {"model": "Qwen3-235B-A22B-FP8", "gpu": "H200", "tp": 4, "pp": 1},
        {"model": "Mixtral-8x7B-Instruct-v0.1", "instance_type": "p5.48xlarge", "tp": 2, "pp": 1},
        {"model": "openai/gpt-oss-20b", "instance_type": "g6.12xlarge", "tp": 1, "pp": 1, "dp": 4},
    ],
    ids=lambda one: one["model"],
)
def test_a_fixed_layout_does_not_put_replicas_of_experts_into_one_process(asked: dict[str, Any]) -> None:
    """What was sized as several servers is started as several: one a node, the rest of its GPUs said to be idle."""
    found = planned(**asked, isl=1024, osl=256, concurrency=32, engine="vllm", max_model_len=8192)
    assert 1 == found.replicas_per_node
    assert "data-parallel-size" not in found.engine_flags
    assert found.instance_count == found.layout.dp
    assert any("stay idle" in one and "experts" in one for one in found.assumptions)


def test_dense_replicas_on_one_node_are_told_to_the_engine() -> None:
    """One engine process a node: --data-parallel-size is the number of replicas on it."""
    found = planned(**{**CHAT_8B, "instance_type": "g6.12xlarge", "request_rate": 10, "tp": 1, "pp": 1, "itl_ms": 80})
    assert found.replicas_per_node == found.engine_flags["data-parallel-size"] == 4


def test_the_plan_reads_back_from_its_json(chat_70b: Plan) -> None:
    """A frozen record."""
    assert chat_70b == Plan.model_validate_json(chat_70b.to_json())


def test_the_same_request_gives_the_same_plan(chat_70b: Plan) -> None:
    """No clock, no order of a set."""
    assert chat_70b.to_json() == planned(**CHAT_70B).to_json()


def test_a_target_throughput_is_a_load() -> None:
    """Output tokens a second over all replicas: the plan is that of so many requests a second, and says how it got there."""
    asked = {"model": "meta-llama/Llama-3.3-70B-Instruct", "weight_quant": "fp8", "instance_type": "p5.48xlarge", "isl": 1024, "osl": 256}
    found, same = planned(**asked, tokens_per_s=20_000), planned(**asked, request_rate=20_000 / 256)
    assert 20_000 == pytest.approx(found.prediction.output_tokens_per_s.value)
    assert (same.instance_count, same.layout, same.usd_per_hour) == (found.instance_count, found.layout, found.usd_per_hour)
    assert any("20000 output tokens a second are 78.12 requests/s" in one for one in found.assumptions)


def test_twice_the_target_throughput_needs_more() -> None:
    """It is a load of its own, with answers of whatever length."""
    counts = [planned(**{**CHAT_8B, "request_rate": None, "tokens_per_s": rate, "osl": 64}).usd_per_hour for rate in (2000, 20_000, 60_000)]
    assert counts == sorted(set(counts))


def test_a_plan_for_answers_of_one_token_says_no_time_between_tokens() -> None:
    """Classification by a generating model: a target between tokens is held by nothing, and nothing is said of it."""
    found = planned(**{**CHAT_8B, "request_rate": 5, "osl": 1, "itl_ms": 1})
    assert found.prediction.itl_ms is None
    assert {None} == {one.itl_ms for one in found.candidates}
    assert not any("itl_ms" in one or "ITL" in one for one in (*found.assumptions, *found.what_would_change))
    assert found.prediction.e2e_ms.value == found.prediction.ttft_ms.value


@pytest.mark.parametrize("lengths", [{"isl": 0.01}, {"osl": 0.01}, {"isl": 0.5, "osl": 0.5}])
@pytest.mark.parametrize("load", [{"concurrency": 4}, {"request_rate": 1.5}, {"users": 3}], ids=lambda load: next(iter(load)))
def test_means_below_one_token_are_planned(load: dict[str, Any], lengths: dict[str, Any]) -> None:
    """The least that a request may ask; the plan is read again from its own file, load and all."""
    planned = planner.plan(
        Request.model_validate({"model": "Llama-3.1-8B-Instruct", "instance_type": "g6.xlarge", **load, **lengths}), now=NOW
    )
    assert planned == Plan.model_validate_json(planned.to_json())
    assert 0 < planned.prediction.output_tokens_per_s.value


def test_sixteen_bits_of_kv_cache_have_two_names_and_one_flag() -> None:
    """What the engine is told is one that it knows."""
    asked = {"model": "Llama-3.1-8B-Instruct", "instance_type": "g6.xlarge", "users": 3}
    told = [planner.plan(Request(**asked, kv_quant=name), now=NOW).engine_flags for name in ("fp16", "bf16")]
    assert told[0] == told[1] and "bfloat16" == told[0]["kv-cache-dtype"]
