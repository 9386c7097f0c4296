"""Measurement and Verdict: what the cluster did under load, and how that compares with the prediction."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from records.record import Part, Record


class Quantiles(Part):
    """Over the requests that completed, in the unit of the field's name."""

    mean: float
    min: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float


class Workload(Part):
    """Closed loop: `concurrency` requests in flight until `num_requests` are done."""

    concurrency: int = Field(ge=1)
    num_requests: int = Field(ge=1)
    isl: int = Field(ge=1)
    osl: int = Field(ge=1)
    seed: int
    ignore_eos: bool = True


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
    errors: dict[str, int] = Field(default_factory=dict, description="kind of error -> how often")
    prompt_tokens: int
    completion_tokens: int
    output_tokens_per_s: float
    requests_per_s: float
    ttft_ms: Quantiles | None
    itl_ms: Quantiles | None
    e2e_ms: Quantiles | None


class Finding(Part):
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
    findings: tuple[Finding, ...]
    kind: Literal["prediction", "completeness"]
