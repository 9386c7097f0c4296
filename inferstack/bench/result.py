"""What one request did, and what all of them did together. Times of a request are in ms from the moment its head began to leave."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from inferstack.records.measurement import ClientLoad, PromptLength, UsageWitness, Workload

Stopped = Literal["cancelled", "deadline"]


@dataclass(frozen=True)
class RequestResult:
    """`error` is None for a request that was answered whole; else its kind, and `detail` without prompt and key.

    `late_ms` is of an open loop: how long after its scheduled moment the request left. `tpot_ms` is the request's mean time a token;
    `gaps_ms` is every gap between two chunks, the longest of which is `itl_max_ms`. `silent_chunks` are content chunks without text: a
    token whose text comes with the next one. `counted_tokens` are log probabilities.
    """

    index: int
    started_s: float
    late_ms: float | None = None
    connect_ms: float | None = None
    ttft_ms: float | None = None
    tpot_ms: float | None = None
    itl_max_ms: float | None = None
    e2e_ms: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    chunks: int = 0
    words: int = 0
    silent_chunks: int = 0
    counted_tokens: int = 0
    first_token_lag_ms: float | None = None
    finish_reason: str | None = None
    error: str | None = None
    detail: str = ""
    gaps_ms: array[float] = field(default_factory=lambda: array("f"), compare=False, repr=False)


@dataclass(frozen=True)
class LoadResult:
    """Every request of the workload is in `requests` once: answered, failed, cut off by the end, or never started.

    `cache_hits` are prompt tokens by the engines' own counters; None where an engine does not say.
    """

    workload: Workload
    started_at: datetime
    duration_s: float
    requests: tuple[RequestResult, ...]
    stopped: Stopped | None = None
    closed_connections: bool = True
    prompt_length: PromptLength | None = None
    usage_witness: UsageWitness | None = None
    cache_hits: int | None = None
    client: ClientLoad | None = None

    @property
    def completed(self) -> tuple[RequestResult, ...]:
        return tuple(one for one in self.requests if one.error is None)

    @property
    def errors(self) -> dict[str, int]:
        """Kind of error -> how often, commonest first."""
        return dict(Counter(one.error for one in self.requests if one.error is not None).most_common())


@dataclass(frozen=True)
class LoadProgress:
    """`tokens_per_s` is live: content chunks of all requests so far over the time so far."""

    done: int
    failed: int
    total: int
    in_flight: int
    elapsed_s: float
    tokens_per_s: float
