"""Rows as arrays: the product's own formulas (sizing.speed.operating_point, sizing.speed.step_time) over thousands of questions at once."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from inferstack.records.errors import InputError
from sizing.batch.question import parse
from sizing.speed import open_loop, operating_point, step_time
from sizing.speed.constants import Efficiency, FirstToken
from sizing.speed.iteration_work import Features
from sizing.speed.replica import Replica
from sizing.speed.residuals import MeasuredPoint, point_of
from sizing.speed.traffic import Traffic
from tools.calibration.samples import Sample, samples

CLASSES = ("volta", "ampere", "ada", "hopper", "blackwell", "bwpcie")
GROUPS = ("t13", "t17", "t19", "t10", "t10s", "t11s", "v0", "v10", "v15", "sgl", "sglh", "llama")
FIXED_LENGTHS = ("t13", "t17", "t19", "t10", "t10s", "t11s", "llama")
"""Groups whose offline rows are runs of equal lengths: no tail to fit."""
HIDDEN_FAMILIES = {"llama4_text": "llama4", "mistral": "llama"}
GPU_FAMILIES = {
    "A100": ("A100-SXM-40", "A100-SXM-80", "A100-PCIE-80", "A800-SXM-80"),
    "H100": ("H100-SXM-80", "H100-PCIE-80", "GH200-96", "GH200-144"),
    "H200": ("H200-SXM-141",),
    "B200": ("B200-HGX-180",),
    "B300": ("B300-HGX-288", "GB300"),
    "Ada cards": ("L4", "RTX-4000-Ada", "RTX-5000-Ada", "RTX-6000-Ada", "RTX-4070-Ti", "RTX-4080", "RTX-4090", "RTX-4090-D"),
    "Ampere cards": ("A10G", "A40", "RTX-A6000", "RTX-3070", "RTX-3080", "RTX-3080-Ti", "RTX-3090"),
    "Volta": ("V100-PCIE-32", "V100S-PCIE-32"),
}
"""Left out together; a GPU that is not listed is a family of its own."""


WHO = ("id", "model", "engine_version", "kv_quant")
"""Not of a configuration: the shape stands for the model, and a version that was measured again is no new configuration."""
LAYOUT, LOADS = ("tp", "pp", "ep", "dp"), ("concurrency", "request_rate", "num_requests")
LONG_QUEUE = 1000
"""Requests. Published offline runs queue this many or more, or at most 200."""


@dataclass(frozen=True)
class Entry:
    """A sample with the replica that serves it, its share of the traffic, and where it stands in every split."""

    sample: Sample
    replica: Replica
    traffic: Traffic
    replicas: int
    limit: float
    point: MeasuredPoint
    configuration: str
    gpu_family: str
    model_family: str

    @property
    def half(self) -> int:
        return _coin(self.configuration)

    @property
    def group_half(self) -> int:
        """The half that holds all layouts of its choice."""
        return _coin(self.choice)

    @property
    def gpus(self) -> int:
        return self.replica.layout.gpus * self.replicas

    @functools.cached_property
    def choice(self) -> str:
        """What a layout is chosen for: the configuration without its layout, under the load of one GPU, whatever the engine version."""
        asked = {key: value for key, value in self.sample.question.items() if key not in (*WHO, *LAYOUT, *LOADS)}
        shape = self.replica.shape.signature
        return json.dumps(asked | {"load": self.load_of_a_gpu}, sort_keys=True) + shape + self.replica.engine.name

    @property
    def load_of_a_gpu(self) -> str:
        """Requests in flight, arriving or queued for each GPU; `queue` where so many wait that the layout does not change what is done."""
        asked = self.sample.question
        if self.sample.load == "offline" and asked.get("num_requests", LONG_QUEUE) >= LONG_QUEUE:
            return "queue"
        load_ = next(float(asked[key]) for key in LOADS if key in asked)
        return f"{load_ / self.gpus:.4g} {self.sample.load}"

    @property
    def dense(self) -> bool:
        return not self.replica.shape.is_moe


def entries() -> list[Entry]:
    """Every sample that the sizing code takes, the same figure of the same configuration once."""
    found: dict[str, Entry] = {}
    for sample in samples():
        entry = _entry(sample)
        if entry is not None:
            found.setdefault(f"{entry.configuration}|{entry.replica.engine.text}|{sample.metric}|{sample.measured:.4g}", entry)
    return list(found.values())


def _coin(text: str) -> int:
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(), 16) % 2


def _entry(sample: Sample) -> Entry | None:
    if sample.why_not:
        return None
    try:
        asked = parse(sample.question)
    except InputError:
        return None
    r, t = asked.replica, asked.traffic
    if r.budget.kv_gib <= 0 or t is None:
        return None
    shape = r.shape
    family = HIDDEN_FAMILIES.get(shape.model_type, shape.model_type)
    kept = {key: value for key, value in sample.question.items() if key not in WHO}
    configuration = json.dumps(kept, sort_keys=True) + shape.signature + r.engine.name
    gpu = next((name for name, members in GPU_FAMILIES.items() if r.gpu.id in members), r.gpu.id)
    return Entry(sample, r, t, asked.replicas, r.max_batch(t.isl + t.osl), point_of(r, t), configuration, gpu, family)


class Rows:
    """Entries of one kind of load as arrays. Times are in seconds, rates of one replica."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = list(entries)
        self.features = _stacked_features([entry.replica.features for entry in entries])
        self.traffic = _stacked_traffic([entry.traffic for entry in entries])
        self.limit = np.array([entry.limit for entry in entries])
        self.step_tokens = np.array([float(entry.replica.step_tokens) for entry in entries])
        self.replicas = np.array([float(entry.replicas) for entry in entries])
        self.measured = np.array([entry.sample.measured for entry in entries])
        self.signs = np.ones(len(entries))
        self.whole_answers = np.array([float(entry.sample.metric == "output_tokens_per_s") for entry in entries])
        self.classes = np.array([CLASSES.index(entry.replica.gpu.calibration_class) for entry in entries])
        self.groups = np.array([GROUPS.index(entry.replica.group) for entry in entries])
        self.offline = np.array([float(entry.replica.offline) for entry in entries])
        self.expert_parallel = np.array([float(entry.replica.layout.ep > 1) for entry in entries])
        self.equal_lengths = np.array([float(entry.replica.group in FIXED_LENGTHS) for entry in entries])

    def __len__(self) -> int:
        return len(self.entries)

    def under(self, efficiency: Efficiency, first_token: FirstToken | None) -> Any:
        """What the formulas of `sizing.speed.operating_point` ask of a replica."""
        f, stages = self.features, self.features.stages

        def step_s(batch: Any, context: Any) -> Any:
            return step_time.decode_s(f, efficiency, batch / stages, context) * stages

        def hidden_s(tokens: Any, batch: Any, *, per_step: Any) -> Any:
            room = np.maximum(self.step_tokens - batch, 1.0)
            return step_time.hidden_s(f, efficiency, tokens, batch / stages, room=room, per_step=per_step / stages)

        return SimpleNamespace(
            features=f, efficiency=efficiency, first_token=first_token, step_tokens=self.step_tokens, decode_s=step_s, step_s=step_s,
            prefill_s=lambda tokens: step_time.prefill_s(f, efficiency, tokens),
            hidden_s=hidden_s, beside_s=lambda tokens, batch, per_step: (
                efficiency.prefill_share * step_time.prefill_s(f, efficiency, tokens) - hidden_s(tokens, batch, per_step=per_step)),
        )  # fmt: skip


def offline_tokens_per_s(r: Any, rows: Rows) -> Any:
    t = rows.traffic
    total = np.where(np.isnan(t.num_requests), operating_point.OFFLINE_WAVES * rows.limit, t.num_requests)
    wall, _ = operating_point.offline_s(r, t, total=total, limit=rows.limit)
    return total / wall * t.osl * rows.replicas


def closed_itl_ms(r: Any, rows: Rows) -> Any:
    """A rate of one request alone holds its prompt too: the time of the whole answer over its tokens."""
    t = rows.traffic
    prompt = rows.whole_answers * r.prefill_s(t.computed_prompt) * rows.features.stages / t.osl
    return (operating_point.closed_itl_s(r, t, _in_flight(rows)) + prompt) * 1e3


def open_itl_ms(r: Any, rows: Rows) -> Any:
    return open_loop.open_steps(r, _finite(rows.traffic), rows.traffic.request_rate, limit=rows.limit)[1] * 1e3


def closed_ttft_ms(r: Any, rows: Rows) -> Any:
    return operating_point.released_together_s(r, rows.traffic, _in_flight(rows)) * 1e3


def open_ttft_ms(r: Any, rows: Rows) -> Any:
    t, top = _finite(rows.traffic), open_top_per_s(r, rows)
    batch, _ = open_loop.open_steps(r, t, t.request_rate, limit=rows.limit)
    return open_loop.arriving_s(r, t, t.request_rate, batch=batch, top=top) * 1e3


def advised_open_ttft_ms(r: Any, rows: Rows, *, step: Any, first: operating_point.Advice) -> Any:
    """Return TTFT of arrivals with the factors that neighbours have on steps and on first tokens: as
    `sizing.speed.operating_point.open_loop` below the capacity."""
    t = _finite(rows.traffic)
    rate = np.minimum(t.request_rate, open_top_per_s(r, rows))
    batch, itl = open_loop.open_steps(r, t, t.request_rate, limit=rows.limit)
    queue = open_loop.queue(r, t, rate, limit=rows.limit, token_s=itl * step)
    return (operating_point.charged_s(r, t, operating_point.charge_of(r, t, batch=batch, advice=first)) + queue.wait.mean_s) * 1e3


def open_top_per_s(r: Any, rows: Rows) -> Any:
    """What one replica finishes with a full batch."""
    return operating_point.rate_per_s(r, rows.traffic, rows.limit)


def _in_flight(rows: Rows) -> Any:
    return np.maximum(1.0, np.minimum(rows.traffic.concurrency, rows.limit))


def _finite(t: Any) -> Any:
    return dataclasses.replace(t, num_requests=np.where(np.isnan(t.num_requests), np.inf, t.num_requests))


def _stacked_features(all_: list[Features]) -> Any:
    stacked = SimpleNamespace(
        **{one.name: np.array([float(getattr(f, one.name)) for f in all_]) for one in dataclasses.fields(Features)},
    )
    stacked.has_experts = stacked.has_latent = stacked.has_collectives = True
    return stacked


def _stacked_traffic(all_: list[Traffic]) -> Any:
    """A Traffic of arrays; what is not said is not a number."""
    columns = {one.name: [getattr(t, one.name) for t in all_] for one in dataclasses.fields(Traffic)}
    return Traffic(**{name: np.array([np.nan if value is None else float(value) for value in column]) for name, column in columns.items()})  # type: ignore[arg-type]
