"""sizing.models.remote_code: models whose repository's Python code must run are asked about, and the flag is written with consent alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from inferstack.records.errors import InputError
from inferstack.records.request import Request
from sizing.catalog import find_model
from sizing.models import local_files
from sizing.models.hf_config import from_config
from sizing.models.remote_code import needed
from sizing.planning.planner import plan

NOW = datetime(2026, 11, 30, tzinfo=UTC)
KIMI: dict[str, Any] = {"gpu": "H200", "isl": 2048, "osl": 1024, "concurrency": 16, "max_model_len": 32768}
SMALL: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 1,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 256, "max_position_embeddings": 512,
}  # fmt: skip


@pytest.mark.parametrize("model", ["Kimi-K2-Instruct", "Kimi-K2.5", "Kimi-K2-Thinking", "nvidia/Kimi-K2.5-NVFP4"])
def test_a_tokenizer_that_is_code_is_refused_before_a_cent(model: str) -> None:
    """vLLM asks for the flag when it loads the tokenizer, on nodes that are paid for (vllm-project/recipes#116)."""
    with pytest.raises(InputError, match=r"tokenizer.*remote code: Python") as raised:
        plan(Request(model=model, engine="vllm", **KIMI), now=NOW)
    assert "--trust-remote-code" in str(raised.value.hint)


def test_with_consent_the_plan_writes_the_flag() -> None:
    """In the spelling of the engine, and the consent stays in the request."""
    made = plan(Request(model="Kimi-K2.5", engine="vllm", trust_remote_code=True, **KIMI), now=NOW)
    assert made.engine_flags["trust-remote-code"] is True
    assert made.request.trust_remote_code is True


def test_without_need_and_consent_no_flag_is_written() -> None:
    """Llama runs no code of its repository."""
    made = plan(Request(model="Llama-3.1-8B-Instruct", isl=500, osl=100, concurrency=2), now=NOW)
    assert not [name for name in made.engine_flags if "trust" in name]


@pytest.mark.parametrize("model", ["DeepSeek-V3", "MiniMax-M2.5", "GLM-4.6", "Qwen3-8B", "gpt-oss-20b", "Llama-3.1-8B-Instruct"])
def test_models_that_engines_have_classes_for_need_no_consent(model: str) -> None:
    """Recipes set the flag for some of them out of habit."""
    assert needed(find_model(model)) is None


@pytest.mark.parametrize("type_", ["kimi_k2", "internlm2", "baichuan"])
def test_a_config_of_such_a_type_needs_it(type_: str) -> None:
    """By the model's type, whatever the class in its config is called."""
    classes = {"kimi_k2": "LlamaForCausalLM", "internlm2": "InternLM2ForCausalLM", "baichuan": "BaichuanForCausalLM"}
    assert needed(from_config({**SMALL, "architectures": [classes[type_]], "model_type": type_}))


@pytest.mark.parametrize(
    ("tokenizer", "expected"),
    [
        ({"tokenizer_class": "AcmeTokenizer", "auto_map": {"AutoTokenizer": ["tokenization_acme.AcmeTokenizer", None]}}, "tokenizer"),
        ({"tokenizer_class": "LlamaTokenizerFast", "auto_map": {"AutoTokenizer": ["tokenization_acme.AcmeTokenizer", None]}}, None),
        ({"tokenizer_class": "AcmeTokenizer"}, None),
        ({}, None),
    ],
)
def test_a_folder_tells_by_its_tokenizer(tokenizer: dict[str, Any], expected: str | None, tmp_path: Path) -> None:
    """`auto_map` with a class that transformers does not have itself; a model's type that it has a tokenizer for needs none."""
    (tmp_path / "config.json").write_text(json.dumps({**SMALL, "model_type": "acme"}))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    assert expected == needed(from_config(local_files.config_of(tmp_path)))


def test_llama_cpp_runs_no_code_of_a_repository() -> None:
    """A GGUF file carries its tokenizer."""
    made = plan(Request(model="Kimi-K2-Instruct", engine="llama.cpp", weight_quant="gguf-q2_k", **KIMI), now=NOW)
    assert made.engine == "llama.cpp"
