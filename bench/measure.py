"""From the requests of a run to its Measurement, and to `requests.jsonl`: one line a request, without prompts, answers and keys."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from bench.result import LoadResult
from bench.stats import quantiles
from records.measurement import Measurement
from records.record import write_text

REQUESTS_FILE = "requests.jsonl"


def measurement(
    result: LoadResult, *, stack: str, rehearsal: bool, served_model: str, served_engine: str, instance_type: str, instance_count: int
) -> Measurement:
    """Figures over the requests that were answered whole; every other one is counted by the kind of its error."""
    done = result.completed
    tokens = sum(one.completion_tokens or 0 for one in done)
    return Measurement(
        started_at=result.started_at,
        stack=stack,
        rehearsal=rehearsal,
        served_model=served_model,
        served_engine=served_engine,
        instance_type=instance_type,
        instance_count=instance_count,
        workload=result.workload,
        duration_s=result.duration_s,
        completed=len(done),
        failed=len(result.requests) - len(done),
        errors=result.errors,
        prompt_tokens=sum(one.prompt_tokens or 0 for one in done),
        completion_tokens=tokens,
        output_tokens_per_s=tokens / result.duration_s,
        requests_per_s=len(done) / result.duration_s,
        ttft_ms=quantiles(one.ttft_ms for one in done),
        itl_ms=quantiles(one.itl_ms for one in done),
        e2e_ms=quantiles(one.e2e_ms for one in done),
    )


def write_requests(result: LoadResult, folder: Path) -> Path:
    lines = (json.dumps({name: _short(value) for name, value in asdict(one).items()}) for one in result.requests)
    return write_text(folder / REQUESTS_FILE, "".join(f"{line}\n" for line in lines))


def _short(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value
