"""Plans of every kind that an export has to carry or to name, made by the planner."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Any

from inferstack.exports import table
from inferstack.exports.export import Exported, exported
from inferstack.records.plan import Plan, PlannedWeights
from inferstack.records.request import Request
from sizing.planning import planner

NOW = datetime(2026, 12, 1, tzinfo=UTC)
SOURCE = "plan.json (sha256 0123456789ab)"
SMALL = {"model": "Llama-3.1-8B-Instruct", "users": 20, "isl": 1000, "osl": 200}
LARGE = {"model": "Llama-3.3-70B-Instruct", "request_rate": 20, "isl": 2000, "osl": 400, "ttft_ms": 1000, "itl_ms": 33, "engine": "vllm"}
REQUESTS: dict[str, dict[str, Any]] = {
    "one GPU": {**SMALL, "engine": "vllm"},
    "replicas that share nodes": {**LARGE, "instance_types": ("p5en.48xlarge",), "max_usd_per_hour": 500},
    "a replica on two nodes": {"model": "DeepSeek-R1", "request_rate": 2, "isl": 2000, "osl": 400, "instance_types": ("p4de.24xlarge",)},
    "LoRA": {**SMALL, "engine": "vllm", "lora_slots": 4},
    "speculation": {
        "model": "Llama-3.3-70B-Instruct",
        "users": 8,
        "engine": "vllm",
        "speculative_method": "eagle3",
        "speculative_tokens": 3,
    },
    "made narrow at start": {"model": "Qwen3-235B-A22B", "weight_quant": "fp8", "users": 50, "engine": "vllm"},
    "TensorRT-LLM": {**SMALL, "engine": "tensorrt-llm"},
    "GGUF": {**SMALL, "weight_quant": "gguf-q4_k_m"},
    "a guard": {**SMALL, "engine": "vllm", "guards": ("meta-llama/Llama-Guard-3-8B",)},
}
PINNED = PlannedWeights(repository="someone/a-quantised-copy", revision="0123abc", format="fp8", bytes=9_000_000_000)
HOSTILE = "a b$HOME ${X} $$ ${{ secrets.x }} $(id) `id` 'q' \"d\" \\ # {{ .Values }} é %s\n- --evil: yes\nFROM x"
"""What each format, shell or template would read as something else."""
FREE_TEXT = {"vllm": "tokenizer", "tensorrt-llm": "tokenizer", "llama.cpp": "chat-template"}
"""An option of each engine that takes any text."""


@functools.cache
def plan(kind: str) -> Plan:
    """Return the plan of this kind; `pinned` is one of a copy of the weights at one revision, `hostile ENGINE` one with hostile text."""
    if kind == "pinned":
        return plan("one GPU").replaced(weights=PINNED)
    if kind == "pinned GGUF":
        return plan("GGUF").replaced(weights=PINNED.model_copy(update={"format": "gguf-q4_k_m"}))
    if kind == "replicas on two nodes each":
        whole = plan("a replica on two nodes")
        layout = whole.layout.model_copy(update={"dp": 2})
        return whole.replaced(instance_count=4, layout=layout)
    if kind.startswith("hostile "):
        engine = kind.removeprefix("hostile ")
        whole = plan({"vllm": "one GPU", "tensorrt-llm": "TensorRT-LLM", "llama.cpp": "GGUF"}[engine])
        return whole.replaced(engine_flags={**whole.engine_flags, FREE_TEXT[engine]: HOSTILE})
    return planner.plan(Request.model_validate(REQUESTS[kind]), now=NOW)


KINDS = (*REQUESTS, "pinned", "pinned GGUF", "replicas on two nodes each", *(f"hostile {engine}" for engine in FREE_TEXT))


def runs(to: str, kind: str) -> bool:
    """Whether the tool takes a plan of this kind."""
    found = plan(kind)
    return table.fits(table.target_named(to), found.engine, across_nodes=found.nodes_per_replica > 1)


PAIRS = [(to, kind) for to in table.NAMES for kind in KINDS]


def document(to: str, kind: str) -> Exported:
    return exported(plan(kind), to, source=SOURCE)
