"""sizing.planning.formats_and_engines and sizing.planning.variants: formats and engines that the request leaves open."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from inferstack.records.errors import Finding
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from sizing.catalog import find_model, models
from sizing.models.quantisation.formats import bits_of, nominal_bits, own_format
from sizing.models.weights import checkpoint_bytes
from sizing.planning import planner
from sizing.planning.checkpoint import requantised
from sizing.planning.replica_of_plan import replica_of
from sizing.planning.variants import Untried, Variant, variants

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MODELS = st.sampled_from(["Llama-3.1-8B-Instruct", "Qwen3-32B", "Qwen3-30B-A3B", "Llama-3.3-70B-Instruct"])


def planned(**request: Any) -> Plan:
    return planner.plan(Request(**{"isl": 1024, "osl": 256, **request}), now=NOW)


@settings(max_examples=12, deadline=None)
@given(model=MODELS, rate=st.floats(0.5, 20))
def test_no_format_below_the_checkpoints_own_is_chosen_unasked(model: str, rate: float) -> None:
    """A narrower format is computed and named, never taken."""
    found = planned(model=model, request_rate=rate)
    assert own_format(find_model(model)) == found.model.weight_quant
    assert all(own_format(find_model(model)) == one.weight_quant for one in found.candidates)
    assert any(not one.allowed for one in found.searched)


@settings(max_examples=8, deadline=None)
@given(model=MODELS, rate=st.floats(0.5, 20))
def test_a_wider_choice_is_never_dearer(model: str, rate: float) -> None:
    """Each step allows more: one engine, both, 8 bits, 4 bits."""
    steps: list[dict[str, Any]] = [{"engine": "vllm"}, {}, {"any_quant": 8}, {"any_quant": 4}]
    costs = [planned(model=model, request_rate=rate, **step).usd_per_hour for step in steps]
    assert sorted(costs, reverse=True) == costs


@settings(max_examples=8, deadline=None)
@given(model=MODELS, rate=st.floats(0.5, 20))
def test_the_search_over_engines_is_the_cheapest_of_each_alone(model: str, rate: float) -> None:
    """What is skipped for speed could not have won."""
    alone = min(planned(model=model, request_rate=rate, engine=one).usd_per_hour for one in ("vllm", "tensorrt-llm"))
    assert pytest.approx(alone) == planned(model=model, request_rate=rate).usd_per_hour


def test_what_a_narrower_format_would_save_is_true() -> None:
    """The plan that the sentence names comes out when it is allowed."""
    now = planned(model="Qwen3-235B-A22B", request_rate=2)
    said = next(one for one in now.what_would_change if one.startswith("cheaper with fp8"))
    then = planned(model="Qwen3-235B-A22B", request_rate=2, any_quant=8)
    assert f"{then.instance_count} x {then.instance_type}, ${then.usd_per_hour:.2f}/h instead of ${now.usd_per_hour:.2f}/h" in said
    assert then.usd_per_hour < now.usd_per_hour


def test_a_model_that_does_not_fit_is_told_the_format_that_does() -> None:
    """In the hint of the finding."""
    with pytest.raises(Finding, match="limited by memory") as raised:
        planned(model="Llama-3.1-405B-Instruct", instance_type="g6e.12xlarge", users=10)
    assert "possible with fp8" in raised.value.hint


def test_at_equal_cost_the_default_engine_and_the_own_format_stay() -> None:
    """A rehearsed, measured way is not left for nothing."""
    found = planned(model="Llama-3.1-8B-Instruct", request_rate=1, any_quant=8, instance_type="g6e.xlarge")
    assert ("vllm", "bf16") == (found.engine, found.model.weight_quant)


def test_a_file_of_others_is_named_and_is_what_the_plan_loads() -> None:
    """Model, bytes, flags and the replica behind the plan are of that file."""
    found = planned(model="Qwen3-235B-A22B", request_rate=2, any_quant=4, instance_type="g7e.12xlarge")
    assert "nvidia/Qwen3-235B-A22B-NVFP4" == found.model.id == found.engine_flags.get("served-model-name", found.model.id)
    shape = find_model(found.model.id)
    assert checkpoint_bytes(shape, bits_of(shape, None)) == found.model.checkpoint_bytes
    assert any("replaces Qwen/Qwen3-235B-A22B" in one for one in found.assumptions)
    assert pytest.approx(found.prediction.weights_gib, abs=0.01) == replica_of(found).budget.weights_gib


def test_a_fine_tune_is_no_other_format_of_its_base() -> None:
    """DeepSeek-R1-Distill-Llama-8B has the shape of Llama 3.1 8B, whose FP8 file holds other weights."""
    assert () == requantised(find_model("DeepSeek-R1-Distill-Llama-8B"))
    assert ("nvidia/Llama-3.1-8B-Instruct-FP8",) == tuple(one.id for one in requantised(find_model("Llama-3.1-8B-Instruct")))


def test_an_engine_that_cannot_read_the_file_is_not_tried_and_says_so() -> None:
    """TensorRT-LLM makes no FP8 at start, and does not read per-channel files."""
    request = Request(model="Llama-3.3-70B-Instruct", weight_quant="fp8")
    untried = [one for one in variants(request, find_model("Llama-3.3-70B-Instruct")) if isinstance(one, Untried)]
    assert ["tensorrt-llm"] == [one.engine.name for one in untried]
    assert "RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic" in untried[0].reason


def test_what_the_request_names_is_not_opened() -> None:
    """Engine and format fixed: one variant."""
    request = Request(model="Qwen3-32B", weight_quant="fp8", engine="vllm")
    assert 1 == len(list(variants(request, find_model("Qwen3-32B"))))


def test_every_variant_of_every_model_is_a_format_of_the_facts_and_none_is_wider() -> None:
    """Of the whole catalogue. Two files of one model are wider inside than the model: their publisher padded it."""
    padded = {"Qwen/Qwen2.5-72B-Instruct": ("Qwen/Qwen2.5-72B-Instruct-AWQ", "Qwen/Qwen2.5-72B-Instruct-GPTQ-Int4")}
    for shape in models():
        if not shape.generates:
            continue
        first, *others = variants(Request(model=shape.id), shape)
        assert isinstance(first, Variant)
        assert all(nominal_bits(one.bits.format) <= nominal_bits(first.bits.format) for one in others if isinstance(one, Variant))
        others_here = [one for one in others if isinstance(one, Variant)]
        assert all(one.shape.signature == shape.signature or one.shape.id in padded.get(shape.id, ()) for one in others_here)


def test_a_fixed_format_and_an_open_one_are_a_contradiction() -> None:
    """Neither wins in silence."""
    with pytest.raises(ValidationError, match="give one of weight_quant and any_quant"):
        Request(model="Qwen3-32B", weight_quant="fp8", any_quant=8)


def test_another_engine_than_the_default_says_so_and_what_the_default_costs() -> None:
    """An engine is no detail: its bands may be wider."""
    rates = [rate for rate in (2, 5, 10, 20) if planned(model="Qwen3-32B", request_rate=rate).engine == "tensorrt-llm"]
    found, default = (planned(model="Qwen3-32B", request_rate=rates[0], **one) for one in ({}, {"engine": "vllm"}))
    said = next(one for one in found.assumptions if one.startswith("engine tensorrt-llm"))
    assert f"{default.instance_count} x {default.instance_type} at ${default.usd_per_hour:.2f}/h" in said
