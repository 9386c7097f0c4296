"""Ids whose shape is known under another one, short names of several records, and quantised files with a shape of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from inferstack.records.request import Request
from sizing.catalog import find_model, models
from sizing.estimate import answer
from sizing.explaining.parse_question import model_in
from sizing.models.quantisation.formats import own_format
from sizing.models.user_models import AddedModel
from sizing.planning.planner import plan

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def twins() -> list[dict[str, Any]]:
    return [one for group in load("sizing")["twins"].values() for one in group["records"]]


@pytest.mark.parametrize(
    ("name", "id_", "positions", "format_"),
    [
        ("DeepSeek-V3.1", "deepseek-ai/DeepSeek-V3.1", 163840, "fp8"),
        ("MiniMax-M2.7", "MiniMaxAI/MiniMax-M2.7", 196608, "fp8"),
        ("GLM-4.7", "zai-org/GLM-4.7", 202752, "bf16"),
        ("Kimi-K2-Thinking", "moonshotai/Kimi-K2-Thinking", 262144, "int4-gptq"),
        ("Kimi-K2.6", "moonshotai/Kimi-K2.6", 262144, "int4-gptq"),
        ("QwQ-32B", "Qwen/QwQ-32B", 40960, "bf16"),
        ("Qwen3.6-27B", "Qwen/Qwen3.6-27B", 262144, "bf16"),
        ("Qwen2.5-Coder-7B-Instruct", "Qwen/Qwen2.5-Coder-7B-Instruct", 32768, "bf16"),
        ("Llama-2-7b-chat-hf", "meta-llama/Llama-2-7b-chat-hf", 4096, "fp16"),
        ("Llama-3.1-Nemotron-70B-Instruct-HF", "nvidia/Llama-3.1-Nemotron-70B-Instruct-HF", 131072, "bf16"),
        ("Mistral-7B-Instruct-v0.2", "mistralai/Mistral-7B-Instruct-v0.2", 32768, "bf16"),
        ("Qwen3-8B-AWQ", "Qwen/Qwen3-8B-AWQ", 40960, "int4-awq"),
        ("Qwen2.5-72B-Instruct-AWQ", "Qwen/Qwen2.5-72B-Instruct-AWQ", 32768, "int4-awq"),
    ],
)
def test_an_id_whose_shape_is_known_is_itself(name: str, id_: str, positions: int, format_: str) -> None:
    """Its own id, never that of its twin: the weights are others."""
    shape = find_model(name)
    assert (id_, positions, format_) == (shape.id, shape.max_positions, own_format(shape))
    assert id_ == model_in(f"does {name} fit on one H100?")


def test_every_twin_says_whose_shape_it_has_and_where_that_is_from() -> None:
    """A source, a date and a kind; the model it takes its shape from is a record."""
    known = {one["id"] for group in load("sizing")["models"].values() for one in group["records"]}
    for one in twins():
        assert one["same_shape_as"] in known, one["id"]
        assert one["id"] not in known
        assert one["sources"]
        assert one["as_of"]
        assert one["kind"] in ("vendor", "derived"), one["id"]
    assert {one["id"] for one in twins()} <= {shape.id for shape in models()}


def test_a_twin_has_neither_the_licence_nor_the_published_bytes_of_its_twin() -> None:
    """Unless it says so itself."""
    assert find_model("Llama-3.1-Nemotron-70B-Instruct-HF").license == "llama3.1"
    assert find_model("QwQ-32B").license == "apache-2.0"
    assert find_model("Qwen3.6-27B").checkpoint_bytes is None


def test_a_short_name_of_two_records_is_that_of_the_publisher_of_the_base_or_both_are_named() -> None:
    """meta-llama publishes the base of its own FP8 file; nvidia's has 8 bits everywhere."""
    found = answer({"id": "x", "model": "Llama-3.1-405B-Instruct-FP8", "gpu": "H100", "tp": 8, "memory_only": True})
    assert found["weights_gib"] == pytest.approx(56.75, rel=0.02)
    assert "nvidia/Llama-3.1-405B-Instruct-FP8" == find_model("nvidia/Llama-3.1-405B-Instruct-FP8").id


def test_a_name_that_no_publisher_of_a_base_has_is_refused_with_all_that_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two quantisers, neither of them the publisher of the model."""
    from sizing import catalog

    one = dict(
        next(record for group in load("sizing")["models"].values() for record in group["records"] if record["id"] == "Qwen/Qwen3-8B")
    )
    two = [{**one, "id": f"{who}/Thing-8B-FP8", "aliases": []} for who in ("acme", "zenith")]
    monkeypatch.setattr(catalog, "records", lambda: tuple(two))
    catalog._model_names.cache_clear()
    try:
        with pytest.raises(InputError, match=r"acme/Thing-8B-FP8.*zenith/Thing-8B-FP8"):
            find_model("thing-8b-fp8")
        assert find_model("zenith/Thing-8B-FP8").id == "zenith/Thing-8B-FP8"
    finally:
        catalog._model_names.cache_clear()
        catalog._shape.cache_clear()


@pytest.mark.parametrize("quant", ["int4-awq", "int4-gptq"])
def test_a_format_whose_published_file_has_a_shape_of_its_own_is_that_file(quant: str) -> None:
    """Qwen2.5-72B is padded from 29,568 to 29,696 for groups of 128 over four cards (QwenLM/Qwen3#698)."""
    question = {"id": "x", "model": "Qwen2.5-72B-Instruct", "weight_quant": quant, "instance_type": "g5.12xlarge", "tp": 4,
                "max_model_len": 16000, "memory_only": True}  # fmt: skip
    found = answer(question)
    assert found["fits"] is True
    assert found["checkpoint_bytes"] == pytest.approx(41.6e9, rel=0.01)


def test_a_plan_takes_the_published_file_too() -> None:
    """The file that the plan names is the one that is served."""
    request = Request(model="Qwen2.5-72B-Instruct", weight_quant="int4-awq", isl=1000, osl=200, concurrency=2, gpu="A10G", engine="vllm")
    made = plan(request, now=NOW)
    assert made.model.id == "Qwen/Qwen2.5-72B-Instruct-AWQ"
    assert made.layout.tp in (4, 8)


def test_a_short_name_of_two_added_models_is_refused_with_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`inferstack model add` stored both; the first by the alphabet was taken."""
    monkeypatch.setattr("inferstack.records.files.places.added_models", lambda environment=None: tmp_path)
    config = {"architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1,
              "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 256, "max_position_embeddings": 512}  # fmt: skip
    for who in ("acme", "zenith"):
        id_ = f"{who}/Thing-9B"
        added = AddedModel(id=id_, as_of="2026-11-30", source="here", revision="0", config={**config, "inferstack": {"id": id_}})
        (tmp_path / f"{who}--Thing-9B.yaml").write_text(added.to_json())
    with pytest.raises(InputError, match="acme/Thing-9B and zenith/Thing-9B"):
        find_model("thing-9b")
    assert find_model("zenith/Thing-9B").id == "zenith/Thing-9B"
