"""Speculation, adapters and images in a plan: what is refused, what the engine is told, what the figures rest on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.records import engines
from inferstack.records.errors import Finding, InputError
from inferstack.records.files.reading import validated
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from sizing.engines import flags as engine_flags
from sizing.engines.versions import engine_version
from sizing.estimate import answer
from sizing.explaining import breakdown
from sizing.options.replica import SpecialReplica
from sizing.options.request import NONE, known_draft, of_request
from sizing.planning import planner, replica_of_plan

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SMALL = {"model": "Llama-3.1-8B-Instruct", "concurrency": 8, "isl": 512, "osl": 128}
QUESTION = {"id": "x", "model": "Llama-3.1-8B-Instruct", "gpu": "H100", "isl": 512, "osl": 128, "concurrency": 8}


def _plan(**asked: Any) -> Plan:
    return planner.plan(Request(**{**SMALL, **asked}), now=NOW)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"speculative_tokens": 3}, "speculative_tokens has no effect without speculative_method"),
        ({"acceptance_rate": 0.5}, "acceptance_rate has no effect without speculative_method"),
        ({"lora_rank": 8}, "lora_rank has no effect without lora_slots"),
        ({"image_pixels": "10x10"}, "image_pixels has no effect without images_per_request"),
        ({"images_per_request": 1}, "exactly one of image_pixels and image_tokens"),
        ({"images_per_request": 1, "image_pixels": "10x10", "image_tokens": 5}, "exactly one of image_pixels and image_tokens"),
        ({"images_per_request": 1, "image_pixels": "0x10"}, "image_pixels: must be width x height like 1024x768"),
        ({"speculative_method": "ngram", "speculative_model": "a"}, "ngram uses no draft model"),
    ],
)
def test_half_a_special_load_is_refused_by_key(asked: dict[str, Any], said: str) -> None:
    """In a request and in the batch interface alike, in one line."""
    with pytest.raises(InputError, match=said):
        validated({**SMALL, **asked}, Request, where="command line")
    error = answer({**QUESTION, **asked})["error"]
    assert said in error
    assert "\n" not in error


def test_nothing_asked_leaves_the_plain_replica() -> None:
    """The very same object, so that nothing is computed twice and no figure moves."""
    shape = replica_of_plan.shape_of(_plan())
    assert of_request(Request(**SMALL), shape, engine_version("vllm", None)) is NONE


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"speculative_method": "mtp"}, "mtp needs multi-token-prediction layers, and meta-llama/Llama-3.1-8B-Instruct has none"),
        ({"images_per_request": 1, "image_tokens": 9}, "has no vision tower"),
        ({"engine": "tensorrt-llm", "lora_slots": 2}, "tensorrt-llm cannot serve this: adapters: .*options file"),
        ({"engine": "tensorrt-llm", "speculative_method": "ngram"}, "tensorrt-llm cannot serve this: speculation: .*options file"),
        ({"speculative_method": "draft", "speculative_model": "Qwen3-8B"}, "they must match"),
        ({"speculative_method": "draft", "speculative_model": "Llama-3.3-70B-Instruct"}, "is not smaller than"),
    ],
)
def test_what_the_model_or_the_engine_cannot_do_is_refused(asked: dict[str, Any], said: str) -> None:
    """Before anything is searched, in one line."""
    with pytest.raises(InputError, match=said) as caught:
        _plan(**asked)
    assert "\n" not in caught.value.message


def test_gguf_with_images_is_refused_for_the_file_that_is_missing() -> None:
    """llama-server loads the vision tower with --mmproj."""
    with pytest.raises(InputError, match="mmproj"):
        _plan(model="gemma-3-12b-it", weight_quant="gguf-q4_k_m", images_per_request=1, image_pixels="800x600")


def test_a_model_whose_class_the_default_engine_gave_up_is_planned_on_another() -> None:
    """Text alone would not start either: the class is gone, not its images."""
    asked = {"model": "Llama-3.2-90B-Vision-Instruct"}
    assert "tensorrt-llm" == _plan(**asked).engine
    assert "vllm" == _plan(**asked, engine="vllm", engine_version="0.10.2").engine


def test_an_engine_that_dropped_the_class_leaves_its_images_to_another() -> None:
    """vLLM ran Llama 3.2 Vision up to 0.10.2: with images TensorRT-LLM is planned, and vLLM by name is refused."""
    asked = {"model": "Llama-3.2-11B-Vision-Instruct", "images_per_request": 1, "image_pixels": "800x600"}
    assert "tensorrt-llm" == _plan(**asked).engine
    with pytest.raises(InputError, match=r"no longer has MllamaForConditionalGeneration; the last version with it is 0\.10\.2"):
        _plan(**asked, engine="vllm")


@pytest.mark.parametrize(
    ("asked", "flags"),
    [
        (
            {"speculative_method": "eagle3", "speculative_tokens": 2},
            {"method": "eagle3", "model": "yuhuili/EAGLE3-LLaMA3.1-Instruct-8B", "num_speculative_tokens": 2},
        ),
        ({"speculative_method": "ngram"}, {"method": "ngram", "num_speculative_tokens": 3, "prompt_lookup_min": 2, "prompt_lookup_max": 4}),
        (
            {"speculative_method": "draft", "speculative_model": "Llama-3.2-1B-Instruct"},
            {"method": "draft_model", "model": "meta-llama/Llama-3.2-1B-Instruct", "num_speculative_tokens": 3},
        ),
        ({"model": "DeepSeek-V3", "speculative_method": "mtp"}, {"method": "mtp", "num_speculative_tokens": 1}),
    ],
)
def test_vllm_is_told_how_to_speculate(asked: dict[str, Any], flags: dict[str, Any]) -> None:
    """One JSON object, whose method is one of the choices of the frozen --spec-method."""
    plan = _plan(**asked)
    told = json.loads(str(plan.engine_flags["speculative-config"]))
    assert flags == told
    assert told["method"] in engine_flags.options("vllm")["spec-method"]["choices"].split("|")


def test_vllm_is_told_of_adapters() -> None:
    """Slots, the rank that it holds, and modules only where they are limited; its role writes each module as a word of its own."""
    from playbooks import flags

    plan = _plan(lora_slots=4, lora_rank=20)
    assert (True, 4, 32) == tuple(plan.engine_flags[name] for name in ("enable-lora", "max-loras", "max-lora-rank"))
    assert "lora-target-modules" not in plan.engine_flags
    limited = _plan(lora_slots=4, lora_modules=("q_proj", "v_proj"))
    assert ["--lora-target-modules", "q_proj", "v_proj"] == flags.argv(
        "vllm", {"lora-target-modules": limited.engine_flags["lora-target-modules"]}
    )


def test_llama_cpp_is_told_in_its_own_options() -> None:
    """--spec-type with its choices; adapters are named at its start, so the plan says that."""
    plan = _plan(weight_quant="gguf-q4_k_m", speculative_method="draft", speculative_model="/models/draft.gguf", lora_slots=2)
    told = ("draft-simple", "/models/draft.gguf", 3)
    assert told == tuple(plan.engine_flags[name] for name in ("spec-type", "spec-draft-model", "spec-draft-n-max"))
    assert told[0] in engine_flags.options("llama.cpp")["spec-type"]["argument"].split(",")
    assert any("--lora" in one for one in plan.assumptions)


def test_every_method_of_the_facts_is_an_option_value_of_its_engine() -> None:
    """vLLM's and llama.cpp's names against the frozen tables; every engine says what it carries."""
    choices = {
        "vllm": engine_flags.options("vllm")["spec-method"]["choices"].split("|"),
        "llama.cpp": engine_flags.options("llama.cpp")["spec-type"]["argument"].split(","),
    }
    for engine, known in choices.items():
        assert set(engine_version(engine, None).facts["special"]["speculative_methods"].values()) <= set(known)
    assert all(facts["special"]["source"] for facts in engines.table().values())


def test_a_draft_that_nobody_names_is_assumed_and_said() -> None:
    """No head of this model is in the facts: the times count one, the flags leave it out, a line says both."""
    plan = _plan(model="Mistral-Small-3.2-24B-Instruct-2506", speculative_method="eagle3")
    assert "speculative-config" not in plan.engine_flags
    assert any("no EAGLE-3 head of mistralai/Mistral-Small-3.2-24B-Instruct-2506" in one and "assumed" in one for one in plan.assumptions)


def test_a_head_is_found_whatever_the_weight_format_and_for_no_other_model() -> None:
    """RedHatAI's FP8 file has the head of its base; Qwen3-4B's head is not that of Qwen3-4B-Instruct-2507."""
    from dataclasses import replace

    from sizing.catalog import find_model

    base = find_model("Llama-3.3-70B-Instruct")
    assert "yuhuili/EAGLE3-LLaMA3.3-Instruct-70B" == known_draft(replace(base, id="RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic"))
    assert known_draft(replace(base, id="Qwen/Qwen3-4B-Instruct-2507")) is None
    assert known_draft(replace(base, id="Qwen/Qwen3-4B")) is not None


def test_speculation_widens_the_bands_and_says_that_they_are_assumed() -> None:
    """No run was measured with it; the asked rate of an open loop stays what it is."""
    plain, fast = (answer({**QUESTION, **one}) for one in ({}, {"speculative_method": "eagle3"}))
    for name in ("itl_ms", "ttft_ms"):
        assert fast[f"{name}_high"] / fast[name] == pytest.approx(1.5 * plain[f"{name}_high"] / plain[name])
        assert fast[f"{name}_low"] / fast[name] == pytest.approx(plain[f"{name}_low"] / plain[name] / 1.5)
    assert fast["itl_ms"] < plain["itl_ms"]
    assert "no band was measured" in fast["basis"] and "no band" not in plain["basis"]
    assert "assumed 1.5 times as wide" in _plan(speculative_method="eagle3").prediction.itl_ms.band


@settings(max_examples=40, deadline=None)
@given(
    method=st.sampled_from(["eagle3", "ngram", "draft"]), k=st.integers(1, 8), n=st.sampled_from([1, 16, 256]), isl=st.integers(32, 4096),
    gpu=st.sampled_from(["L4", "H100", "B200"]),
)  # fmt: skip
def test_nothing_accepted_never_beats_no_speculation(method: str, k: int, n: int, isl: int, gpu: str) -> None:
    """Neither faster, nor roomier; and more accepted is never slower."""
    asked = {**QUESTION, "gpu": gpu, "isl": isl, "concurrency": n}
    plain = answer(asked)
    none, all_ = (answer({**asked, "speculative_method": method, "speculative_tokens": k, "acceptance_rate": a}) for a in (0, 1))
    # Just beyond the KV, where a draft takes some of it, the closed form counts waiting requests as if they ran (the queue guard).
    if none["fits"] and none["max_concurrency"] >= n:
        assert none["output_tokens_per_s"] <= plain["output_tokens_per_s"] * (1 + 1e-9)
        assert none["max_concurrency"] <= plain["max_concurrency"]
        assert none["output_tokens_per_s"] <= all_["output_tokens_per_s"]


@settings(max_examples=12, deadline=None)
@given(rate=st.floats(0.5, 30), itl=st.integers(20, 80))
def test_a_plan_with_nothing_accepted_is_never_cheaper(rate: float, itl: int) -> None:
    """The whole search: what no speculation serves for less stays the better plan."""

    def usd(**asked: Any) -> float:
        request = {"model": "Llama-3.1-8B-Instruct", "request_rate": rate, "isl": 1024, "osl": 256, "itl_ms": itl, "engine": "vllm"}
        try:
            return planner.plan(Request(**request, **asked), now=NOW).usd_per_hour
        except Finding:
            return float("inf")

    assert usd() <= usd(speculative_method="ngram", acceptance_rate=0)


def test_speculation_leaves_out_pipeline_stages_that_its_method_does_not_run_over() -> None:
    """EAGLE-3 does, others do not: a request that fixes the stages is refused with the reason."""
    with pytest.raises(Finding, match="ngram does not run over pipeline stages"):
        _plan(speculative_method="ngram", pp=2, instance_type="g6.12xlarge")
    assert 2 == _plan(speculative_method="eagle3", pp=2, instance_type="g6.12xlarge").layout.pp


def test_images_are_part_of_the_prompt() -> None:
    """Of the context that a plan gives the engine, of the first token, of the room; a prompt that no longer fits is refused with them."""
    asked = {"model": "Qwen3.5-27B", "instance_type": "p5.48xlarge"}
    plain, seen = _plan(**asked), _plan(**asked, images_per_request=4, image_pixels="2048x2048")
    assert seen.engine_flags["max-model-len"] > plain.engine_flags["max-model-len"]
    assert seen.prediction.ttft_ms.value > plain.prediction.ttft_ms.value
    assert seen.prediction.max_concurrency < plain.prediction.max_concurrency
    with pytest.raises(InputError, match=r"isl: .* of images"):
        _plan(**asked, images_per_request=100, image_pixels="4096x4096")


def test_a_plan_gives_its_special_replica_back() -> None:
    """What `simulate` and `explain` compute with is what was planned with, part by part."""
    plan = _plan(speculative_method="eagle3", lora_slots=2)
    r, found = replica_of_plan.replica_of(plan), breakdown.of_plan(plan)
    assert isinstance(r, SpecialReplica)
    assert plan.prediction.kv_cache_gib == pytest.approx(r.budget.kv_gib, abs=1e-3)
    assert () == found.doubts
    assert {"draft", "KV of the draft", "LoRA adapters"} <= {part.name for part in found.memory}
    assert r.gpu.total_gib * 2**30 == pytest.approx(sum(part.bytes for part in found.memory))


def test_explain_shows_the_terms_of_a_speculative_step() -> None:
    """Draft and verification add up to the step; the step over the tokens expected of it is the replica's time of a token."""
    plan = _plan(speculative_method="eagle3", speculative_tokens=4, acceptance_rate=0.6)
    found, r = breakdown.of_plan(plan), replica_of_plan.replica_of(plan)
    s = found.speculation
    assert s is not None
    assert sum(0.6**i for i in range(5)) == pytest.approx(s.tokens_a_step)
    assert found.iteration_s == pytest.approx(s.draft_s + s.verify_s)
    assert r.decode_s(found.batch, found.context_tokens) == pytest.approx(found.iteration_s / s.tokens_a_step)
    assert all(point.flops_per_s <= point.roof_flops_per_s for point in found.roofline.points)


def test_explain_names_the_images_of_a_prompt() -> None:
    """Their tokens, and the encoder as a term of the prompt that adds up."""
    plan = _plan(model="gemma-3-12b-it", images_per_request=2, image_pixels="800x600")
    found, r = breakdown.of_plan(plan), replica_of_plan.replica_of(plan)
    assert 520 == found.image_tokens
    assert "2 images per request, each 260" in found.images
    assert "vision encoder" in {term.name for term in found.prompt}
    assert r.prefill_s(found.prompt_tokens) * r.features.stages == pytest.approx(found.prompt_s)


def test_a_first_token_waits_for_a_whole_speculative_step() -> None:
    """Which is longer than the time of a token that it gives; the prompt takes what it took."""
    asked = {**QUESTION, "concurrency": 1, "speculative_method": "draft", "speculative_tokens": 8}
    plain, slow = answer({**QUESTION, "concurrency": 1}), answer({**asked, "acceptance_rate": 1})
    assert slow["itl_ms"] < plain["itl_ms"]
    assert slow["ttft_ms"] > plain["ttft_ms"]


def test_in_a_fleet_a_special_replica_has_its_gpus_to_itself() -> None:
    """A share of a GPU is sized for plain replicas: with adapters no column has one."""
    from inferstack.records.fleet import FleetModel, FleetRequest
    from sizing.fleet.columns import UNITS, choices

    def units(**asked: Any) -> list[int]:
        member = FleetModel(name="one", request=Request(**{**SMALL, **asked}))
        return [one.units for one in choices(member, FleetRequest(models=(member,), colocate=True)).columns]

    assert min(units()) < UNITS <= min(units(lora_slots=2))
