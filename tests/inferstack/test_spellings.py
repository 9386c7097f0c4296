"""How people spell models, engines, formats, instances and quantities: understood, or refused with the way out."""

from __future__ import annotations

import pytest

from tests.inferstack.command_line import CommandLine

MODEL = ("--model", "Llama-3.1-8B-Instruct")
UNDERSTOOD = [
    (("--model", "Llama 3.3 70B"), "model.id", "meta-llama/Llama-3.3-70B-Instruct"),
    (("--model", "llama3.3:70b"), "model.id", "meta-llama/Llama-3.3-70B-Instruct"),
    (("--model", "llama-3.3-70b"), "model.id", "meta-llama/Llama-3.3-70B-Instruct"),
    (("--model", "LLAMA_3.3_70B_instruct"), "model.id", "meta-llama/Llama-3.3-70B-Instruct"),
    (("--model", "llama3-70b"), "model.id", "meta-llama/Meta-Llama-3-70B-Instruct"),
    (("--model", "llama 4 maverick"), "model.id", "meta-llama/Llama-4-Maverick-17B-128E-Instruct"),
    (("--model", "llama4:scout"), "model.id", "meta-llama/Llama-4-Scout-17B-16E-Instruct"),
    (("--model", "llama 3.1 405b"), "model.id", "meta-llama/Llama-3.1-405B-Instruct"),
    (("--model", "mistral-7b"), "model.id", "mistralai/Mistral-7B-Instruct-v0.3"),
    (("--model", "mistral 7b"), "model.id", "mistralai/Mistral-7B-Instruct-v0.3"),
    (("--model", "mixtral 8x7b"), "model.id", "mistralai/Mixtral-8x7B-Instruct-v0.1"),
    (("--model", "qwen3:32b"), "model.id", "Qwen/Qwen3-32B"),
    (("--model", "gemma3:27b"), "model.id", "google/gemma-3-27b-it"),
    (("--model", "deepseek-r1:70b"), "model.id", "deepseek-ai/DeepSeek-R1-Distill-Llama-70B"),
    (("--model", "gpt oss 120b"), "model.id", "openai/gpt-oss-120b"),
    ((*MODEL, "--weight-quant", "q4_k_m"), "model.weight_quant", "gguf-q4_k_m"),
    ((*MODEL, "--weight-quant", "Q8_0"), "model.weight_quant", "gguf-q8_0"),
    ((*MODEL, "--weight-quant", "awq"), "model.weight_quant", "int4-awq"),
    ((*MODEL, "--weight-quant", "FP8"), "model.weight_quant", "fp8"),
    ((*MODEL, "--engine", "trtllm"), "engine", "tensorrt-llm"),
    ((*MODEL, "--engine", "trt-llm"), "engine", "tensorrt-llm"),
    ((*MODEL, "--engine", "llamacpp"), "engine", "llama.cpp"),
    ((*MODEL, "--engine", "vLLM"), "engine", "vllm"),
    ((*MODEL, "--instance-type", "p5"), "instance_type", "p5.4xlarge"),
    ((*MODEL, "--instance-type", "p5*"), "instance_type", "p5.4xlarge"),
    ((*MODEL, "--instance-type", "g6.*"), "instance_type", "g6.xlarge"),
    ((*MODEL, "--gpu", "h100"), "gpu", "H100-SXM-80"),
    ((*MODEL, "--gpu", "H100 80GB"), "gpu", "H100-SXM-80"),
    ((*MODEL, "--gpu", "NVIDIA L40S"), "gpu", "L40S"),
    ((*MODEL, "--isl", "2k"), "request.isl", 2000),
    ((*MODEL, "--max-model-len", "8k"), "request.max_model_len", 8000),
    ((*MODEL, "--max-model-len", "8K"), "request.max_model_len", 8192),
    ((*MODEL, "--ttft-ms", "1s"), "request.ttft_ms", 1000),
    ((*MODEL, "--itl-ms", "40 ms"), "request.itl_ms", 40),
    ((*MODEL, "--request-rate", "20/s"), "request.request_rate", 20),
    ((*MODEL, "--request-rate", "120/min"), "request.request_rate", 2),
    ((*MODEL, "--tokens-per-day", "50M"), "request.tokens_per_day", 50_000_000),
    ((*MODEL, "--tokens-per-s", "2k/s"), "request.tokens_per_s", 2000),
    ((*MODEL, "--users", "1,000"), "request.users", 1000),
    ((*MODEL, "--max-usd-per-hour", "$55/h"), "request.max_usd_per_hour", 55),
]
REFUSED = [
    (("--model", "llama-guard"), "may be meta-llama/Llama-Guard-4-12B, ", "give the whole id"),
    (("--model", "llama 70b"), "may be meta-llama/Llama-3.3-70B-Instruct, meta-llama/Llama-3.1-70B-Instruct, ", "give the whole id"),
    (("--model", "gpt-4o"), "nearest: openai/gpt-oss-", "inferstack model add"),
    ((*MODEL, "--engine", "ollama"), "the engine under it is llama.cpp", "--engine llama.cpp"),
    ((*MODEL, "--engine", "tgi"), "maintenance mode", "--engine vllm"),
    ((*MODEL, "--engine", "transformers"), "not sized", "--engine vllm"),
    ((*MODEL, "--instance-type", "p7"), "no instance type 'p7'", "a family (p5) or a pattern (p5*)"),
    ((*MODEL, "--request-rate", "5min"), "--request-rate: must be a number", ""),
    ((*MODEL, "--ttft-ms", "2k"), "--ttft-ms: must be a number", ""),
    ((*MODEL, "--users", "1,00"), "--users: must be a whole number", ""),
    ((*MODEL, "--isl", "$5"), "--isl: must be a number", ""),
    ((*MODEL, "--isl", "9" * 400 + "k"), "--isl: must be a number", ""),
    ((*MODEL, "--request-rate", "2m"), "--request-rate: must be a number", ""),
    ((*MODEL, "--region", "us-east1"), "must be an AWS region like us-east-1", ""),
]


@pytest.mark.parametrize(("asked", "at", "value"), UNDERSTOOD, ids=lambda one: " ".join(one) if isinstance(one, tuple) else None)
def test_a_spelling_is_understood(command_line: CommandLine, asked: tuple[str, ...], at: str, value: object) -> None:
    """The record holds what was meant."""
    found = command_line.run("plan", *asked, "--json")
    assert 0 == found.code, found.err
    document = found.document
    for part in at.split("."):
        document = document[part]
    assert value == document


@pytest.mark.parametrize(("asked", "reason", "way_out"), REFUSED, ids=lambda one: " ".join(one) if isinstance(one, tuple) else None)
def test_a_spelling_is_refused_with_the_way_out(command_line: CommandLine, asked: tuple[str, ...], reason: str, way_out: str) -> None:
    """Exit code 2, one line and its hint; each name once."""
    found = command_line.run("plan", *asked)
    assert (2, "") == (found.code, found.out)
    assert reason in found.err.splitlines()[0] and way_out in found.err


def test_a_model_that_was_not_named_whole_is_named_in_the_answer(command_line: CommandLine) -> None:
    """The short name of a base means the model for chat, and the plan says so at the top."""
    said = command_line.run("plan", "--model", "mistral-7b").out
    assert "! The model 'mistral-7b' is read as mistralai/Mistral-7B-Instruct-v0.3" in said
    assert "is read as" not in command_line.run("plan", "--model", "mistralai/Mistral-7B-v0.1").out
    assert "mistralai/Mistral-7B-v0.1 in" in command_line.run("plan", "--model", "Mistral-7B-v0.1").out


def test_a_file_takes_the_same_spellings(command_line: CommandLine) -> None:
    """The keys of request.yaml are read by the same rules as the flags."""
    path = command_line.here / "request.yaml"
    path.write_text("model: llama3.1:8b\nrequest_rate: 120/min\nttft_ms: 1s\nisl: 2k\ninstance_types: [g6, g6e.xlarge]\n")
    found = command_line.run("plan", str(path), "--json").document
    assert ("meta-llama/Llama-3.1-8B-Instruct", 2, 1000, 2000) == (
        found["model"]["id"],
        *(found["request"][key] for key in ("request_rate", "ttft_ms", "isl")),
    )
    assert {"g6.xlarge", "g6.48xlarge", "g6e.xlarge"} <= set(found["request"]["instance_types"])
