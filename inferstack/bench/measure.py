"""From the requests of a run to its Measurement, and to `requests.jsonl`: one line a request, without prompts, answers and keys."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Literal

from inferstack.bench.result import LoadResult, RequestResult
from inferstack.records.measurement import Measurement, Quantiles, Steady
from inferstack.records.record import write_text
from inferstack.records.serving import Serving

REQUESTS_FILE = "requests.jsonl"
STEADY = (0.1, 0.9)
"""Shares of the requests, in the order in which they were sent, between which an open loop counts as steady; as in `simulate`."""
COLUMNS = tuple(one.name for one in fields(RequestResult) if one.name != "gaps_ms")


def measurement(
    result: LoadResult,
    *,
    stack: str,
    rehearsal: bool,
    served_model: str,
    served_engine: str,
    instance_type: str,
    instance_count: int,
    serving: Serving | None = None,
    weights_manifest_sha256: str | None = None,
) -> Measurement:
    """Figures over the requests that were answered whole; every other one is counted by the kind of its error."""
    done = result.completed
    tokens = sum(one.completion_tokens or 0 for one in done)
    cached, cached_by = _cached(result)
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
        ttft_ms=Quantiles.of(one.ttft_ms for one in done),
        itl_ms=Quantiles.of(gap for one in done for gap in one.gaps_ms),
        tpot_ms=Quantiles.of(one.tpot_ms for one in done),
        e2e_ms=Quantiles.of(one.e2e_ms for one in done),
        steady=steady(result),
        lateness_ms=Quantiles.of(one.late_ms for one in result.requests),
        content_chunks=sum(one.chunks + one.silent_chunks for one in done),
        content_words=sum(one.words for one in done),
        cached_prompt_tokens=cached,
        cached_by=cached_by,
        prompt_length=result.prompt_length,
        usage_witness=result.usage_witness,
        client=result.client,
        serving=serving,
        weights_manifest_sha256=weights_manifest_sha256,
    )


def steady(result: LoadResult) -> Steady | None:
    """Return the steady part of an open loop; None for another kind of load, and where too few requests were answered."""
    if result.workload.load.kind != "open":
        return None
    sent = sorted(result.completed, key=lambda one: one.started_s)
    low, high = (int(share * len(sent)) for share in STEADY)
    kept = sent[low:high]
    ends_s = sorted(_end_s(one) for one in kept)
    ttft_ms, e2e_ms = Quantiles.of(one.ttft_ms for one in kept), Quantiles.of(one.e2e_ms for one in kept)
    if len(kept) < 2 or ttft_ms is None or e2e_ms is None or kept[0].started_s == kept[-1].started_s:
        return None
    gaps = len(kept) - 1
    return Steady(
        requests=len(kept),
        offered_requests_per_s=gaps / (kept[-1].started_s - kept[0].started_s),
        sustained_requests_per_s=gaps / max(ends_s[-1] - ends_s[0], 1e-9),
        ttft_ms=ttft_ms,
        tpot_ms=Quantiles.of(one.tpot_ms for one in kept),
        e2e_ms=e2e_ms,
    )


def _end_s(request: RequestResult) -> float:
    return request.started_s + ((request.connect_ms or 0.0) + (request.e2e_ms or 0.0)) / 1000


def write_requests(result: LoadResult, folder: Path) -> Path:
    """Write `requests.jsonl`; the gaps of each request are in the Measurement, all together."""
    lines = (json.dumps({name: _short(getattr(one, name)) for name in COLUMNS}) for one in result.requests)
    return write_text(folder / REQUESTS_FILE, "".join(f"{line}\n" for line in lines))


def _cached(result: LoadResult) -> tuple[int | None, Literal["metrics", "usage"] | None]:
    """Return the larger of what the engines' counters and the answers say, and which of them said it."""
    said = [one.cached_tokens for one in result.completed if one.cached_tokens is not None]
    by_usage = sum(said) if said else None
    if result.cache_hits is not None and result.cache_hits >= (by_usage or 0):
        return result.cache_hits, "metrics"
    return by_usage, None if by_usage is None else "usage"


def _short(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value
