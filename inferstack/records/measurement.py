"""Measurement and Verdict: what the cluster did under load, and how that compares with the prediction."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from inferstack.records.load import Load
from inferstack.records.record import Part, Record
from inferstack.records.serving import Serving


class Quantiles(Part):
    """Quantiles over the requests that completed, in the unit of the field's name."""

    mean: float
    min: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Quantiles | None:
        """Return the quantiles of the values that are known, linear between neighbours; None where there is none."""
        known = sorted(value for value in values if value is not None)
        if not known:
            return None
        # One value has no neighbour: Python before 3.13 asks for two points.
        cuts = statistics.quantiles(known if len(known) > 1 else known * 2, n=100, method="inclusive")
        return cls(mean=statistics.fmean(known), min=known[0], p50=cuts[49], p90=cuts[89], p95=cuts[94], p99=cuts[98], max=known[-1])


class Workload(Part):
    """The load that was sent, of whole tokens and a known number of requests. The same seed sends the same prompts at the same moments."""

    load: Load
    seed: int
    ignore_eos: bool = True

    @model_validator(mode="before")
    @classmethod
    def _of_older_versions(cls, given: object) -> object:
        """Measurements of versions before this one hold the closed loop's own keys, which was all that there was."""
        if not isinstance(given, dict) or "load" in given or "concurrency" not in given:
            return given
        shape = {name: given[name] for name in ("concurrency", "num_requests", "isl", "osl") if name in given}
        return {"load": {"kind": "closed", **shape}, **{name: value for name, value in given.items() if name not in shape}}

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        if self.load.num_requests is None:
            raise ValueError("a load that is sent needs a number of requests")
        if self.load.isl % 1 or self.load.osl % 1:
            raise ValueError("a load that is sent needs whole numbers of tokens")
        return self

    @property
    def num_requests(self) -> int:
        """Return how many requests are sent in all."""
        assert self.load.num_requests is not None
        return self.load.num_requests

    @property
    def isl(self) -> int:
        """Return the tokens of each prompt."""
        return int(self.load.isl)

    @property
    def osl(self) -> int:
        """Return the tokens of each answer."""
        return int(self.load.osl)


class Steady(Part):
    """The steady part of an open loop: the middle 80 % of its requests, in the order in which they were sent, without those that met an
    empty cluster and those behind which nobody came any more."""

    requests: int = Field(ge=2)
    offered_requests_per_s: float = Field(gt=0, description="by the time at which they were sent")
    sustained_requests_per_s: float = Field(gt=0, description="by the time at which they were answered")
    ttft_ms: Quantiles
    tpot_ms: Quantiles | None = Field(None, description="over requests: (last - first) / (tokens - 1)")
    e2e_ms: Quantiles


class PromptLength(Part):
    """How prompts were made to length: `usage` of trial prompts of two lengths says what a word and the chat template cost."""

    words: int = Field(ge=1, description="in each prompt")
    tokens_per_word: float = Field(gt=0)
    template_tokens: float = Field(ge=0, description="of the chat template, the same in every prompt")


class UsageWitness(Part):
    """One answer before the run whose tokens were counted by their log probabilities, beside what its `usage` said."""

    counted: int = Field(ge=0)
    usage: int = Field(ge=0)
    chunks: int = Field(ge=0)


class ClientLoad(Part):
    """What the load generator itself took. Lag is how late it came to what had arrived, its clock's own grain left out."""

    cpu_share: float = Field(ge=0, description="of one core, by this process over the run")
    lag_ms: Quantiles | None = Field(None, description="sampled evenly over the run")
    first_token_lag_ms: float | None = Field(None, ge=0, description="mean over the first tokens")


class Measurement(Record):
    """`measurement.json`. Token counts come from the `usage` of each answer, never from counting chunks."""

    file_name: ClassVar[str] = "measurement.json"

    started_at: datetime
    stack: str
    rehearsal: bool
    served_model: str
    served_engine: str
    instance_type: str
    instance_count: int
    workload: Workload
    duration_s: float = Field(gt=0)
    completed: int = Field(ge=0)
    failed: int = Field(ge=0)
    errors: dict[str, int] = Field(default_factory=dict, description="kind of error -> number of times")
    prompt_tokens: int
    completion_tokens: int
    output_tokens_per_s: float
    requests_per_s: float
    ttft_ms: Quantiles | None
    itl_ms: Quantiles | None = Field(description="over every gap between two chunks of an answer")
    tpot_ms: Quantiles | None = Field(None, description="over requests: (last - first) / (tokens - 1)")
    e2e_ms: Quantiles | None
    steady: Steady | None = Field(None, description="of an open loop; judged by its verdict")
    lateness_ms: Quantiles | None = Field(None, description="of an open loop: how much later than scheduled requests were sent")
    content_chunks: int | None = Field(None, ge=0, description="of the answers; one chunk may contain several tokens")
    content_words: int | None = Field(None, ge=0, description="of the answers: a word is at least one token, however many share a chunk")
    cached_prompt_tokens: int | None = Field(
        None, ge=0, description="prompt tokens from a prefix cache; null: the engine does not report it"
    )
    cached_by: Literal["metrics", "usage"] | None = None
    prompt_length: PromptLength | None = Field(None, description="null: prompts had no fixed length")
    usage_witness: UsageWitness | None = None
    client: ClientLoad | None = None
    serving: Serving | None = Field(None, description="absent if an older version configured the nodes")
    weights_manifest_sha256: str | None = None


class JudgedFigure(Part):
    """One figure. `judged` is false where prediction and measurement are of different hardware."""

    figure: str
    predicted: float | None = None
    low: float | None = None
    high: float | None = None
    measured: float | None = None
    error_percent: float | None = None
    judged: bool
    passed: bool | None
    message: str


class Verdict(Record):
    """`verdict.json`."""

    file_name: ClassVar[str] = "verdict.json"

    created_at: datetime
    stack: str
    rehearsal: bool
    passed: bool
    statement: str
    findings: tuple[JudgedFigure, ...]
    planned_load: Load | None = Field(None, description="the load that the prediction is for; absent in verdicts of older versions")
    measured_load: Load | None = None
    kind: Literal["prediction", "completeness"]
