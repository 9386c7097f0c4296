"""Simulation: what a plan does under simulated arrivals, beside what the closed forms say of it."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from inferstack.records.load import Load
from inferstack.records.measurement import Quantiles
from inferstack.records.record import Part, Record


class Beside(Part):
    """One figure by both ways; `ratio` is simulated over closed form."""

    figure: str
    simulated: float
    closed_form: float
    ratio: float | None


class Moment(Part):
    """A stretch of the simulated time: most waiting, mean running, highest KV use of any replica, mean TTFT of first tokens in it."""

    begin_s: float
    end_s: float
    waiting: int
    running: float
    kv_share: float
    ttft_ms: float | None


class Simulation(Record):
    """`simulation.json`. Of all replicas; the same seed gives the same file. Times of requests are seen by the client."""

    file_name: ClassVar[str] = "simulation.json"

    model: str
    engine: str
    engine_version: str
    instance_type: str
    gpu: str
    replicas: int = Field(ge=1)
    router: Literal["round-robin", "least-in-flight"]
    policy: str
    load: Load | None = Field(default=None, description="means of the load sent; absent in simulations of older versions")
    arrivals: str
    lengths: str
    seed: int | None = Field(description="null if arrivals and lengths were read from a file")
    requests: int = Field(ge=1)
    completed: int = Field(ge=0)
    rejected: dict[str, int] = Field(default_factory=dict, description="reason -> number of requests")
    preemptions: int = Field(ge=0)
    duration_s: float = Field(ge=0, description="from the first request sent to the last token")
    offered_requests_per_s: float | None = Field(description="null in a closed loop")
    requests_per_s: float
    output_tokens: int
    output_tokens_per_s: float
    goodput_requests_per_s: float | None = Field(description="share of requests within every target of the plan; null if it has none")
    goodput_share: float | None
    startup_ms: float = Field(description="mean time between client and scheduler, by formula; part of every TTFT")
    ttft_ms: Quantiles | None
    itl_ms: Quantiles | None = Field(description="mean per request")
    itl_max_ms: Quantiles | None = Field(description="longest gap between two tokens of each request")
    e2e_ms: Quantiles | None
    queue_ms: Quantiles | None = Field(description="time in the scheduler's queue until the first admission")
    kv_high_water: float = Field(ge=0, le=1, description="highest KV cache use of any replica")
    running_mean: float = Field(description="mean batch size of a busy replica")
    utilisation: float = Field(ge=0, le=1.000001, description="share of time in which the replicas run steps")
    closed_form: tuple[Beside, ...]
    moments: tuple[Moment, ...]
    notes: tuple[str, ...] = ()
