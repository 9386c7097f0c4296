"""`python -m sizing.estimate`: JSON Lines of questions on stdin, one answer a line on stdout, in the same order. The batch interface."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from inferstack.records.errors import InputError
from sizing.batch.question import Question, parse
from sizing.models.weights import checkpoint_bytes
from sizing.speed import error_bands, percentiles
from sizing.speed.operating_point import Point, operating_point


def main(lines: Iterable[str] | None = None) -> int:
    """0 when every line got an answer or an `error`; 2 when a line is not a JSON object, named on stderr."""
    write = sys.stdout.write
    try:
        for line in answers(sys.stdin if lines is None else lines):
            write(line + "\n")
    except InputError as error:
        sys.stderr.write(error.message + "\n")
        return error.code
    return 0


def answers(lines: Iterable[str]) -> Iterator[str]:
    """Raises InputError at the first line that is not JSON."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield json.dumps(answer(_object(line, number)), allow_nan=False)


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """Everything about one question; `error` and `id` alone where it cannot be answered."""
    try:
        asked = parse(question)
    except InputError as error:
        return {"id": question.get("id"), "error": error.message}
    found = {"id": question.get("id"), **_memory(asked)}
    if asked.traffic is not None and found["fits"]:
        found |= _performance(asked, operating_point(asked.replica, asked.traffic))
    return found


def _object(line: str, number: int) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError as error:
        raise InputError(f"line {number} is not JSON: {str(error).splitlines()[0]}") from None
    if not isinstance(content, dict):
        raise InputError(f"line {number} is not a JSON object")
    return content


def _memory(asked: Question) -> dict[str, Any]:
    r, b = asked.replica, asked.replica.budget
    length = asked.memory_length if asked.traffic is None else asked.traffic.isl + asked.traffic.osl
    concurrency = r.concurrency(length)
    why = r.why_not or _beyond_positions(asked) or _too_long(asked)
    found: dict[str, Any] = {
        "fits": why is None,
        "checkpoint_bytes": checkpoint_bytes(r.shape, r.bits),
        "weights_gib": b.weights_gib,
        "activation_gib": b.activation_gib,
        "cuda_graph_gib": b.graph_gib,
        "non_torch_gib": b.non_torch_gib,
        "kv_cache_gib": max(b.kv_gib, 0.0),
        "kv_cache_tokens": r.kv_tokens,
        "max_concurrency": concurrency,
    }
    return found | ({"why_not": why} if why else {})


def _beyond_positions(asked: Question) -> str | None:
    """No model answers beyond its positions, whatever memory is left; vLLM and SGLang do not even start with such a length."""
    shape, t = asked.replica.shape, asked.traffic
    lengths = {"isl + osl": t.isl + t.osl if t else 0.0}
    if asked.replica.engine.facts["refuses_beyond_positions"]["value"]:
        lengths["max_model_len"] = float(asked.memory_length)
    what = max(lengths, key=lambda one: lengths[one])
    if lengths[what] <= shape.max_positions:
        return None
    return f"{what}: {lengths[what]:,.0f} tokens are more than the {shape.max_positions:,} positions of {shape.id}"


def _too_long(asked: Question) -> str | None:
    """The engine refuses to start where one sequence of max_model_len does not fit."""
    need, have = asked.replica.kv.sequence_bytes(asked.told_length) / 2**30, asked.replica.budget.kv_gib
    if need <= have:
        return None
    return f"one sequence of {asked.told_length:.0f} tokens needs {need:.1f} GiB of KV cache a GPU, {have:.1f} are left"


def _performance(asked: Question, point: Point) -> dict[str, Any]:
    traffic, replicas = asked.traffic, asked.replicas
    assert traffic is not None
    rate = point.requests_per_s * replicas
    found: dict[str, Any] = {
        "output_tokens_per_s": rate * traffic.osl,
        "requests_per_s": rate,
        "ttft_ms": point.ttft_s * 1e3,
        "itl_ms": point.itl_s * 1e3,
        "e2e_ms": point.e2e_s(traffic.osl) * 1e3,
    }
    found |= {f"{name}_p99_ms": value * 1e3 for name, value in percentiles.p99_s(asked.replica, traffic, point).items()}
    for metric, band in error_bands.every(asked.replica, t=traffic, point=point).items():
        found[f"{metric}_low"], found[f"{metric}_high"] = found[metric] * band.low, found[metric] * band.high
    if not traffic.writes_on:
        found |= {name: None for name in found if name.startswith(("itl_ms", "itl_p99_ms"))}
    return found | {"bound": point.bound, "saturated": point.saturated, "basis": error_bands.basis(asked.replica, traffic)}


if __name__ == "__main__":
    sys.exit(main())
