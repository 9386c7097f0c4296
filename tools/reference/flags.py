"""docs/reference/engine-flags.md: the options that a plan gives each engine, from plans made here, against the frozen option tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from inferstack.records import engines
from tools.reference.markdown import code, page, table

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MODEL, LARGE = "meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.3-70B-Instruct"
LOAD = {"isl": 1024, "osl": 256, "concurrency": 16}
QUESTIONS: dict[str, list[dict[str, Any]]] = {
    "vllm": [
        {"model": MODEL},
        {"model": LARGE, "weight_quant": "fp8", "kv_quant": "fp8", "instance_types": ["p5.48xlarge"]},
        {"model": MODEL, "instance_types": ["g6.12xlarge"], "concurrency": 200},
        {"model": "mistralai/Mixtral-8x7B-Instruct-v0.1", "instance_types": ["p5.48xlarge"]},
    ],
    "tensorrt-llm": [{"model": MODEL}, {"model": LARGE, "weight_quant": "fp8", "kv_quant": "fp8", "instance_types": ["p5.48xlarge"]}],
    "llama.cpp": [{"model": MODEL, "weight_quant": "gguf-q4_k_m"}],
}
"""Of engines that show more than the first of them."""
INTRODUCTION = """
`plan.json` holds the options of the engine in `engine_flags`, and the playbooks start the engine with them. Each option is
checked against the frozen table of the pinned version (`sizing/facts/engines/flags/`): one that the version does not have is
refused when the plan is made. Below are the options of plans made for a few questions; the values are examples. What else an
engine needs (host, port, key, folder of the weights) is set by its role.
"""


def text() -> str:
    return page("Options of the engines", INTRODUCTION, *(part for engine in engines.deployed() for part in _engine(engine)))


def _engine(engine: str) -> Iterator[str]:
    from sizing.engines import flags

    plans = [_planned(engine, asked) for asked in QUESTIONS.get(engine, [{"model": MODEL}])]
    values: dict[str, list[str]] = {}
    for plan in plans:
        for name, value in plan.engine_flags.items():
            values.setdefault(name, []).append(str(value).lower() if isinstance(value, bool) else str(value))
    known = flags.options(engine)
    yield f"## {engine} {plans[0].engine_version}\n"
    yield f"The frozen table holds {len(known)} options.\n"
    yield table(
        ("option", "values in the examples"),
        [(code(f"--{name}"), ", ".join(map(code, dict.fromkeys(seen)))) for name, seen in values.items()],
    )


def _planned(engine: str, asked: dict[str, Any]) -> Any:
    from inferstack.records.request import Request
    from sizing.planning import planner

    return planner.plan(Request.model_validate({**LOAD, **asked, "engine": engine, "region": "us-east-1"}), now=NOW)
