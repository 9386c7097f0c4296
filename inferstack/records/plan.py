"""Plan: the chosen instances, layout and engine, what they are predicted to do, what they cost, and what lost and why."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from inferstack.records import model_ids
from inferstack.records.engines import EngineName
from inferstack.records.load import Load
from inferstack.records.record import Part, Record
from inferstack.records.request import Request

Kind = Literal["measured", "vendor", "derived", "assumed"]
SavingKind = Literal["format", "region", "target", "load", "purchase"]
Option = Literal["on-demand", "spot", "capacity-block", "savings-plan"]


class ModelFacts(Part):
    """What the plan knows of the model: sizes in bytes, licence duties as data."""

    id: str = Field(pattern=model_ids.PATTERN, max_length=model_ids.LONGEST)
    architecture: str
    params_total: int = Field(gt=0)
    params_active: int = Field(gt=0)
    weight_quant: str
    checkpoint_bytes: int = Field(gt=0)
    max_position_embeddings: int = Field(gt=0)
    license: str | None = None
    gated: bool | None = None
    source: str


class PlannedWeights(Part):
    """The stored file of weights that the plan was sized for. `up` and `weights put` refuse another."""

    repository: str | None = Field(None, description="repository of the file; null: no file in this format is known")
    revision: str | None = Field(None, description="of the repository; null: not named")
    format: str = Field(description="as stored: bf16, fp8, int4-awq, gguf-q4_k_m ...")
    bytes: int = Field(gt=0, description="of all its weight files")
    quantized_at_start: bool = Field(False, description="the engine converts this 16-bit file to the planned format while loading it")


class Layout(Part):
    """tp x pp GPUs make one replica; ep <= tp spreads the experts; dp replicas in all."""

    tp: int = Field(ge=1)
    pp: int = Field(ge=1)
    ep: int = Field(ge=1)
    dp: int = Field(ge=1)


class Figure(Part):
    """A predicted figure and its band. `band` says what share of held-out errors lay inside."""

    value: float
    low: float
    high: float
    band: str = Field(description="share and origin of the band")


class Prediction(Part):
    """The prediction of the whole plan (all replicas) for the requested load; memory is for each GPU."""

    output_tokens_per_s: Figure
    requests_per_s: Figure
    ttft_ms: Figure
    itl_ms: Figure | None = Field(None, description="null for answers of one token, which have no time between tokens")
    e2e_ms: Figure
    weights_gib: float
    activation_gib: float
    cuda_graph_gib: float
    non_torch_gib: float
    kv_cache_gib: float
    kv_cache_tokens: int
    max_concurrency: float
    bound: Literal["weights", "kv", "compute", "bandwidth", "network", "overhead"]
    saturated: bool
    basis: str
    p99_ms: dict[Literal["ttft", "itl", "e2e"], float] = Field({}, description="predicted p99 of what has a p99 target; without a band")


class LoadOption(Part):
    """A loader or a source of the same checkpoint, and how long it takes; `kind` and `basis` say what the figure rests on."""

    name: str
    seconds: Figure
    kind: Kind
    basis: str


class Storage(Part):
    """Where the weights come from and lie on the node. `weights_gib` is what is kept free for them, slack included."""

    weights_medium: Literal["nvme", "gp3"]
    weights_gib: float = Field(gt=0)
    root_volume_gib: int = Field(ge=8)
    root_iops: int = Field(ge=3000, le=80000)
    root_throughput_mib_s: int = Field(ge=125, le=2000)
    load_s: Figure
    source: Literal["s3"] = "s3"
    checkpoint_gib: float | None = Field(None, gt=0)
    tokenizer_gib: float = Field(0.0, ge=0)
    original_format_gib: float = Field(0.0, ge=0, description="a second format of the same weights that is downloaded with them")
    kv_offload_gib: float = Field(0.0, ge=0, description="always 0: no plan moves KV cache off the GPUs")
    engine_gib: float | None = Field(None, gt=0)
    engine_delivery: Literal["venv", "image"] | None = None
    refill_after_stop: bool = Field(False, description="local NVMe is empty after a stop, so the weights are downloaded again")
    loaders: tuple[LoadOption, ...] = Field((), description="from the chosen medium to the GPUs, the default loader first")
    sources: tuple[LoadOption, ...] = Field((), description="other places to read the checkpoint from")


class Stage(Part):
    """One step on the way to the first token, in seconds."""

    name: str
    seconds: Figure
    kind: Kind
    basis: str


class TimeToReady(Part):
    """The time from `up` to the first token of one node; nodes start side by side."""

    stages: tuple[Stage, ...]
    total: Figure


class Licence(Part):
    """What the licence of the weights asks of whoever serves them; facts, not legal advice. `known` false: nothing is known."""

    id: str
    name: str
    known: bool
    gate: bool | None = Field(default=None, description="whether the hub requires acceptance before the download; null: not known")
    commercial_use: Literal["yes", "no", "limited", "unknown"]
    mau_limit: int | None = Field(default=None, description="monthly active users above which a separate licence is needed")
    mau_rule: str | None = None
    notice: str | None = Field(default=None, description="line that must be in a Notice file beside copies of the weights")
    display: str | None = Field(default=None, description="line that must be shown to users")
    name_prefix: str | None = None
    name_rule: str | None = None
    outputs: str | None = None
    eu_excluded: bool = False
    eu_rule: str | None = None
    policy_url: str | None = None
    duties: tuple[str, ...] = ()
    basis: str = Field(description="source of the licence information")
    source: str
    as_of: date


class Guard(Part):
    """A safety model beside the plan's model. Its cost is in the plan's total and limit, its checks are in the targets but not in the
    predicted figures; `preview` and `up` refuse a plan with one, for nothing deploys it."""

    id: str
    sides: tuple[Literal["input", "output"], ...]
    placement: Literal["gpu-share", "own-gpu", "cpu", "infeasible"]
    instance_type: str | None = Field(default=None, description="instance type; the plan's own type if the guard shares it")
    instance_count: int = Field(default=0, ge=0)
    memory_gib: float = Field(default=0.0, ge=0, description="memory of one GPU, or of the host for placement cpu")
    busy: float = Field(default=0.0, ge=0, le=1, description="share of the time of the GPU, or of its part of the CPU, that it uses")
    latency_ms: Figure | None = Field(default=None, description="added to each request by all its checks together")
    usd_per_hour: float = Field(default=0.0, ge=0, description="part of the plan's usd_per_hour")
    usd_per_1k_requests: float = Field(
        default=0.0, ge=0, description="its share of the billed GPU time, or its own cost; 0 on the CPU of nodes that are billed anyway"
    )
    basis: str

    @property
    def runs(self) -> bool:
        return self.placement != "infeasible"


class Candidate(Part):
    """One legal way to serve the load, cheapest first."""

    instance_type: str
    instance_count: int = Field(ge=1)
    gpu: str
    layout: Layout
    engine: EngineName
    weight_quant: str | None = Field(None, description="absent in plans of older versions")
    output_tokens_per_s: float
    ttft_ms: float
    itl_ms: float | None = Field(None, description="null for answers of one token")
    usd_per_hour: float
    usd_per_mtok: float
    bound: str
    capacity_requests_per_s: float | None = Field(None, description="capacity of all replicas")
    on_pareto_front: bool = Field(False, description="no other candidate is cheaper, faster and larger in capacity at once")


class Rejected(Part):
    """`constraint` is the first that the candidate breaks; `reason` says it in numbers."""

    instance_type: str
    reason: str
    constraint: str
    layout: Layout | None = None


class Searched(Part):
    """One weight format on one engine. `allowed` false: narrower than the request lets a plan choose; it shows a saving."""

    engine: EngineName
    engine_version: str
    weight_quant: str
    model: str = Field(description="model whose file is loaded")
    allowed: bool
    says: str = Field(description="the result, or why it was not tried")


class PurchaseOption(Part):
    """What the plan's instances cost when they are bought this way; `usd_per_hour` is of all of them. Without a rate `note` says so."""

    option: Option
    usd_per_hour: float | None = Field(None, gt=0)
    as_of: date | None = None
    source: str | None = None
    deployable: bool = Field(description="whether `up` supports this pricing option")
    note: str = ""


class Saving(Part):
    """A change that costs less than the plan, with its price and what it gives up."""

    kind: SavingKind
    change: str = Field(description="in words: with FP8 weights; in us-east-2; with ITL up to 40 ms")
    instance_type: str
    instance_count: int = Field(ge=1)
    usd_per_hour: float = Field(gt=0)
    flag: str = Field("", description="to add to the request; empty where no flag does it")
    lacks: str = Field("", description="what it gives up")


class SplitSide(Part):
    """One fleet of a split: whole instances. `instance_count` of decode is 0 where both sides lie on the instances of prefill."""

    instance_type: str
    instance_count: int = Field(ge=0)
    gpu: str
    layout: Layout
    replicas: int = Field(ge=1)
    gpus: int = Field(ge=1, description="of its replicas; the rest of an instance is billed and idle")
    busy: float = Field(ge=0, description="utilisation of the fleet")


class SplitFleet(Part):
    """Prefill and decode on fleets of their own: a comparison, `up` builds the plan. Without sides no pair serves the load."""

    prefill: SplitSide | None = None
    decode: SplitSide | None = None
    same_instances: bool = False
    requests_per_s: float = Field(gt=0)
    link: Literal["GPU link", "network"] | None = None
    link_gb_s: float | None = Field(None, gt=0, description="of one replica, one direction")
    transfer_ms: float | None = Field(None, ge=0, description="of the KV of a mean prompt; part of ttft_ms")
    ttft_ms: float | None = Field(None, gt=0)
    itl_ms: float | None = Field(None, gt=0)
    usd_per_hour: float | None = Field(None, gt=0)
    aggregated_gpus: int = Field(ge=1)
    aggregated_usd_per_hour: float = Field(gt=0)
    cheaper: Literal["split", "aggregated", "equal"]
    reason: str
    basis: str


class Plan(Record):
    """`plan.json`."""

    file_name: ClassVar[str] = "plan.json"

    created_at: datetime
    request: Request
    load: Load | None = Field(None, description="of the whole cluster, as requested; absent in plans of older versions")
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")
    model: ModelFacts
    weights: PlannedWeights | None = Field(None, description="absent in plans of older versions")
    engine: EngineName
    engine_version: str
    engine_flags: dict[str, str | int | float | bool] = Field(description="option without dashes -> value; true is a bare flag")
    kv_quant: str
    instance_type: str
    instance_count: int = Field(ge=1, le=1000)
    gpu: str
    gpus_per_instance: int = Field(ge=1)
    vcpus_per_instance: int = Field(ge=1)
    nvswitch: bool
    layout: Layout
    nodes_per_replica: int = Field(ge=1)
    replicas_per_node: int = Field(ge=1)
    prediction: Prediction
    storage: Storage
    time_to_ready: TimeToReady | None = Field(None, description="absent in plans of older versions")
    purchase_option: Literal["on-demand"] = "on-demand"
    quota_code: str | None = None
    usd_per_hour: float = Field(gt=0, description="of its instances and guards")
    usd_per_mtok: float = Field(gt=0)
    price_date: date
    price_source: str
    binding_constraint: str
    assumptions: tuple[str, ...] = ()
    licence: Licence | None = None
    guards: tuple[Guard, ...] = ()
    what_would_change: tuple[str, ...] = ()
    why: str = Field("", description="the next cheaper choice and what it lacks; empty in plans of older versions")
    savings: tuple[Saving, ...] = Field((), description="what would cost less; what a flag changes first, the cheapest first")
    split_fleet: SplitFleet | None = Field(None, description="only if the request asks for the comparison")
    searched: tuple[Searched, ...] = Field((), description="weight formats and engines, the requested one first")
    purchase_options: tuple[PurchaseOption, ...] = ()
    candidates: tuple[Candidate, ...]
    rejected: tuple[Rejected, ...]

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        gpus = self.layout.tp * self.layout.pp * self.layout.dp
        have = self.instance_count * self.gpus_per_instance
        if gpus > have:
            raise ValueError(f"layout needs {gpus} GPUs; {self.instance_count} x {self.instance_type} has {have}")
        if self.layout.tp > self.gpus_per_instance:
            raise ValueError(f"layout.tp {self.layout.tp} is more than the {self.gpus_per_instance} GPUs of one instance")
        if self.nodes_per_replica > 1 and self.instance_count % self.nodes_per_replica:
            raise ValueError(f"{self.instance_count} instances do not divide by {self.nodes_per_replica} nodes per replica")
        return self
