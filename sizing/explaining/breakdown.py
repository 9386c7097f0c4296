"""The sum behind a plan: bytes of each part of a GPU, seconds of each term of an iteration and of a prompt, bounds and bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inferstack.records.errors import InputError
from inferstack.records.plan import Figure, Plan
from sizing.catalog import Gpu, find_gpu, find_instance, overridden
from sizing.engines.engine import EngineVersion
from sizing.engines.launch import LaunchSettings
from sizing.engines.layouts import ReplicaLayout
from sizing.engines.versions import engine_version, settings
from sizing.explaining import memory_parts, time_terms
from sizing.explaining.memory_parts import KvKind, MemoryPart
from sizing.explaining.roofline import Roofline, roofline
from sizing.explaining.time_terms import TimeTerm, speculating
from sizing.models.quantisation.formats import bits_of
from sizing.models.shape import ModelShape
from sizing.options.replica import SpecialReplica
from sizing.options.request import of_request
from sizing.planning.demand import demand, planning
from sizing.planning.replica_of_plan import shape_of
from sizing.speed.operating_point import Point, arrival_parts, operating_point
from sizing.speed.replica import Replica, replica
from sizing.speed.residuals import by_neighbours
from sizing.speed.traffic import Traffic

AGREES_GIB = 0.01


@dataclass(frozen=True, slots=True)
class SpeculativeStep:
    """One step of all sequences in flight: `draft_s` proposes `tokens` a sequence, `verify_s` checks them, `tokens_a_step` are expected."""

    method: str
    tokens: int
    acceptance: float
    tokens_a_step: float
    draft_s: float
    verify_s: float
    basis: str


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The sums behind one replica at its share of the load. Bytes are of the fullest GPU; `iteration_s` is one token for each of `batch`
    sequences, or with `speculation` one step of it. `image_tokens` of the prompt are images."""

    model: str
    weight_quant: str
    kv_quant: str
    engine: str
    gpu: str
    layout: str
    replicas: int
    memory: tuple[MemoryPart, ...]
    gpu_bytes: float
    kv: tuple[KvKind, ...]
    kv_tokens: int
    length_tokens: float
    sequence_bytes: float
    requests_at_length: float
    max_model_len: int
    requests_at_max_model_len: float
    batch: float
    context_tokens: float
    iteration: tuple[TimeTerm, ...]
    iteration_s: float
    speculation: SpeculativeStep | None
    prompt_tokens: float
    prompt: tuple[TimeTerm, ...]
    prompt_s: float
    image_tokens: float
    images: str
    step_neighbours: float
    first_neighbours: float
    queue_s: float
    itl_s: float
    ttft_s: float
    roofline: Roofline
    bound: str
    figures: dict[str, Figure]
    basis: str
    doubts: tuple[str, ...]


def of_plan(plan: Plan) -> Breakdown:
    """Raises InputError for a model, GPU or engine that the facts no longer hold."""
    r = _replica(plan)
    traffic = demand(plan.request).share(plan.layout.dp)
    return _breakdown(plan, r, traffic)


def _breakdown(plan: Plan, r: Replica, t: Traffic) -> Breakdown:
    point = operating_point(r, t)
    terms = time_terms.iteration(r, point.batch, t.context)
    prompt = time_terms.prompt(r, t.computed_prompt)
    length = t.isl + t.osl
    return Breakdown(
        model=r.shape.id,
        weight_quant=r.bits.format,
        kv_quant=plan.kv_quant,
        engine=f"{r.engine.name} {r.engine.text}",
        gpu=r.gpu.id,
        layout=_layout(r.layout),
        replicas=plan.layout.dp,
        memory=memory_parts.memory(r, reserve_gib=planning("reserve_gib")),
        gpu_bytes=r.gpu.total_gib * 2**30,
        kv=memory_parts.kv_kinds(r),
        kv_tokens=r.kv_tokens,
        length_tokens=length,
        sequence_bytes=r.kv.sequence_bytes(length),
        requests_at_length=r.concurrency(length),
        max_model_len=r.settings.max_model_len,
        requests_at_max_model_len=r.concurrency(r.settings.max_model_len),
        batch=float(point.batch),
        context_tokens=t.context,
        iteration=terms,
        iteration_s=sum(term.seconds for term in terms),
        speculation=_speculation(r, terms),
        prompt_tokens=t.computed_prompt,
        prompt=prompt,
        prompt_s=sum(term.seconds for term in prompt),
        image_tokens=r.images.prompt_tokens if isinstance(r, SpecialReplica) and r.images else 0.0,
        images=_images(r),
        step_neighbours=by_neighbours("step", r, t),
        first_neighbours=by_neighbours("ttft", r, t),
        queue_s=_queue_s(r, t, point),
        itl_s=float(point.itl_s),
        ttft_s=float(point.ttft_s),
        roofline=roofline(r, batch=point.batch, context=t.context, prompt_tokens=t.computed_prompt),
        bound=point.bound,
        figures=_figures(plan),
        basis=plan.prediction.basis,
        doubts=_doubts(plan, r),
    )


def _speculation(r: Replica, terms: tuple[TimeTerm, ...]) -> SpeculativeStep | None:
    s = speculating(r)
    if s is None:
        return None
    draft = sum(term.seconds for term in terms if term.name == "draft")
    verify = sum(term.seconds for term in terms) - draft
    return SpeculativeStep(s.method, s.tokens, s.acceptance, s.tokens_a_step, draft, verify, s.basis)


def _queue_s(r: Replica, t: Traffic, point: Point) -> float:
    """Return how long a first token waits behind other prompts, among arrivals that are served."""
    return 0.0 if t.request_rate is None or point.saturated else float(arrival_parts(r, t, point)[1].wait.mean_s)


def _images(r: Replica) -> str:
    seen = r.images if isinstance(r, SpecialReplica) else None
    if seen is None:
        return ""
    kept = f", {seen.cross_tokens:,.0f} in the cross-attention layers" if seen.cross_tokens else ""
    return f"{seen.per_request:g} images per request, each {seen.tokens:,.0f} in the prompt{kept}; {seen.says}"


def _replica(plan: Plan) -> Replica:
    shape = shape_of(plan)
    gpu, layout = _gpu(plan), ReplicaLayout(tp=plan.layout.tp, pp=plan.layout.pp, ep=plan.layout.ep)
    hop = gpu.link_bytes_per_s if plan.nodes_per_replica == 1 else find_instance(plan.instance_type).network_bytes_per_s
    engine = engine_version(plan.engine, plan.engine_version)
    plain = replica(
        shape, gpu, bits_of(shape, plan.model.weight_quant), layout=layout, engine=engine,
        settings=_settings(plan, shape, gpu, engine), kv_quant=plan.kv_quant, offline=False, hop_bytes_per_s=hop,
        reserve_gib=planning("reserve_gib"),
    )  # fmt: skip
    return of_request(plan.request, shape, engine).on(plain)


def _gpu(plan: Plan) -> Gpu:
    gpu = find_gpu(plan.gpu)
    return overridden(gpu, plan.request.gpu_override) if plan.request.gpu_override else gpu


def _settings(plan: Plan, shape: ModelShape, gpu: Gpu, engine: EngineVersion) -> LaunchSettings:
    """Those that the plan's flags give the engine."""
    flags = engine.setting_flags
    if flags is None:
        raise InputError(f"engine: no plan starts {plan.engine}", hint="plan again: inferstack plan --help")
    given: list[Any] = [plan.engine_flags.get(name) for name in flags.names]
    length, seqs, tokens, share = given
    if length is None or flags.shared_length:
        length = plan.request.max_model_len or (int(length) // int(seqs) if length and seqs else None)
    return settings(
        engine, shape, gpu=gpu, offline=False, max_model_len=length, max_num_seqs=seqs, max_num_batched_tokens=tokens, utilization=share,
    )  # fmt: skip


def _figures(plan: Plan) -> dict[str, Figure]:
    said = plan.prediction
    names = ("output_tokens_per_s", "requests_per_s", "ttft_ms", "itl_ms", "e2e_ms")
    return {name: figure for name in names if (figure := getattr(said, name))}


def _doubts(plan: Plan, r: Replica) -> tuple[str, ...]:
    """Where this sum is not the one that the plan was made with: other facts, or another version."""
    pairs = (("weights", plan.prediction.weights_gib, r.budget.weights_gib), ("KV cache", plan.prediction.kv_cache_gib, r.budget.kv_gib))
    return tuple(
        f"the plan says {said:.2f} GiB of {name} a GPU, today's facts {now:.2f}: plan again" for name, said, now in pairs
        if abs(said - now) > AGREES_GIB
    )  # fmt: skip


def _layout(layout: ReplicaLayout) -> str:
    parts = [f"{name}{value}" for name, value in (("tp", layout.tp), ("pp", layout.pp), ("ep", layout.ep)) if value > 1]
    return " ".join(parts) or "tp1"
