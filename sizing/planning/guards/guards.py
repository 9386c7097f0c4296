"""Guard models beside a plan: where each runs, its memory, the time it adds to a request and its cost, by the formulas of the model."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from inferstack.records.errors import Finding, InputError
from inferstack.records.files.facts import load
from inferstack.records.plan import Figure, Guard
from inferstack.records.request import Request
from sizing.catalog import GIB, find_model
from sizing.engines.layouts import ReplicaLayout
from sizing.engines.versions import engine_version, settings
from sizing.models import licence
from sizing.models.quantisation.formats import bits_of
from sizing.models.shape import ModelShape
from sizing.planning.demand import demand, planning
from sizing.planning.guards import classifiers
from sizing.planning.guards.work import GuardWork, Room, figure, rounded
from sizing.planning.search import Fit
from sizing.speed import error_bands
from sizing.speed.operating_point import capacity_per_s, operating_point
from sizing.speed.replica import Replica, replica
from sizing.speed.traffic import Traffic

CHECKS_AT_ONCE = 8


def beside(request: Request, fit: Fit, *, region: str) -> tuple[Guard, ...]:
    """One for each guard of the request, in its order. Raises InputError for an id that is no guard of the facts."""
    rate = fit.point.requests_per_s * fit.replicas
    room = Room(fit.replica.budget.kv_gib - _kv_needed_gib(request, fit), _busy(request, fit) if request.guards else 0.0)
    found: list[Guard] = []
    for name in request.guards or ():
        made = _placed(_work(request, name, rate), fit, region=region, room=room)
        room = room.without(made)
        found.append(made)
    return tuple(found)


def known() -> dict[str, dict[str, Any]]:
    return {record["id"]: record for record in load("sizing")["guards"]["known"]["records"]}


def _work(request: Request, name: str, rate: float) -> GuardWork:
    shape = find_model(name)
    facts = known().get(shape.id)
    if facts is None:
        raise InputError(f"guards: {shape.id} is not a known guard; known: {', '.join(known())}", hint="plan it as a separate model")
    licence.refuse(shape, request.domicile)
    if facts["way"] == "classifier":
        return GuardWork(shape, facts, math.ceil(request.isl / facts["window_tokens"]) * float(facts["window_tokens"]), 0.0, rate)
    read = {"input": request.isl, "output": request.isl + request.osl}
    mean = sum(read[side] for side in facts["sides"]) / len(facts["sides"])
    return GuardWork(shape, facts, facts["policy_tokens"] + mean, float(facts["answer_tokens"]), rate)


def _placed(work: GuardWork, fit: Fit, *, region: str, room: Room) -> Guard:
    """The cheapest place first; each that is passed over leaves its reason."""
    ways: list[Callable[[], Guard | str]] = [
        lambda: _on_share(work, fit, room),
        lambda: _on_own_gpu(work, region=region),
    ]
    if work.facts["way"] == "classifier":
        ways = [
            lambda: classifiers.on_cpu(work, fit),
            lambda: classifiers.on_share(work, fit, room),
            lambda: classifiers.on_own_gpu(work, region=region),
        ]
    passed: list[str] = []
    for way in ways:
        found = way()
        if isinstance(found, Guard):
            return found.model_copy(update={"basis": "; not on ".join([found.basis, *passed])})
        passed.append(found)
    return Guard(id=work.shape.id, sides=work.facts["sides"], placement="infeasible", basis=f"not on {'; not on '.join(passed)}")


def _on_share(work: GuardWork, fit: Fit, room: Room) -> Guard | str:
    """One guard on a GPU of each replica: memory out of the model's spare KV cache, time out of its idle time."""
    r = _replica(work.shape, fit.replica, tokens=work.isl + work.osl)
    need = _memory_gib(r, work)
    traffic = Traffic(isl=work.isl, osl=work.osl, request_rate=work.requests_per_s * work.checks / fit.replicas)
    mine = (traffic.request_rate or 0.0) / capacity_per_s(r, traffic)
    why = room.refuses(need, mine, most=planning("headroom"))
    if why:
        return why
    latency = operating_point(r, traffic).e2e_s(work.osl) * work.checks / (1 - room.busy) * 1e3
    return Guard(
        id=work.shape.id, sides=work.facts["sides"], placement="gpu-share", instance_type=fit.instance.instance_type,
        instance_count=fit.count, memory_gib=round(need, 3), busy=rounded(mine), latency_ms=_banded(r, traffic, latency),
        usd_per_1k_requests=rounded(fit.usd_per_hour * mine / (work.requests_per_s * 3600) * 1000),
        basis=f"a process on one GPU of each replica, {room.busy:.0%} busy without it, {mine:.0%} with it alone",
    )  # fmt: skip


def _on_own_gpu(work: GuardWork, *, region: str) -> Guard | str:
    """Plan the guard like any model for its own load."""
    from sizing.planning import planner

    load_ = {"isl": work.isl, "osl": work.osl, "request_rate": work.requests_per_s * work.checks}
    asked = Request.model_validate({"model": work.shape.id, "region": region, **load_})
    try:
        own = planner.plan(asked, now=datetime.now(UTC))
    except (Finding, InputError) as error:
        return f"its own GPU: {error.message}"
    said, checks = own.prediction, work.checks
    total = said.e2e_ms
    return Guard(
        id=work.shape.id, sides=work.facts["sides"], placement="own-gpu", instance_type=own.instance_type,
        instance_count=own.instance_count,
        memory_gib=round(said.weights_gib + said.activation_gib + said.cuda_graph_gib + said.non_torch_gib, 3),
        latency_ms=figure(checks * total.value, checks * total.low, high=checks * total.high, says=total.band),
        usd_per_hour=own.usd_per_hour,
        usd_per_1k_requests=rounded(own.usd_per_hour / (work.requests_per_s * 3600) * 1000),
        basis="its own nodes",
    )  # fmt: skip


def _busy(request: Request, fit: Fit) -> float:
    """The share of its time that a replica needs for the load."""
    return fit.point.requests_per_s / capacity_per_s(fit.replica, demand(request).share(fit.replicas))


def _replica(shape: ModelShape, beside_: Replica, *, tokens: float) -> Replica:
    """Return the guard's replica on one GPU of the model's kind, under the default engine."""
    engine = engine_version(None, None)
    limits = settings(
        engine, shape, gpu=beside_.gpu, offline=False, max_model_len=math.ceil(tokens), max_num_seqs=CHECKS_AT_ONCE,
        max_num_batched_tokens=math.ceil(tokens),
    )  # fmt: skip
    return replica(
        shape, beside_.gpu, bits_of(shape, None), layout=ReplicaLayout(), engine=engine, settings=limits, kv_quant="auto", offline=False,
        hop_bytes_per_s=beside_.gpu.link_bytes_per_s,
    )  # fmt: skip


def _memory_gib(r: Replica, work: GuardWork) -> float:
    b = r.budget
    return (
        b.weights_gib + b.activation_gib + b.graph_gib + b.non_torch_gib + CHECKS_AT_ONCE * r.kv.sequence_bytes(work.isl + work.osl) / GIB
    )


def _kv_needed_gib(request: Request, fit: Fit) -> float:
    """The load with the plan's headroom, and never less than the longest request."""
    r = fit.replica
    held = fit.point.batch / planning("headroom") * r.kv.sequence_bytes(demand(request).traffic.isl + request.osl)
    return max(held, r.kv.sequence_bytes(r.settings.max_model_len)) / GIB


def _banded(r: Replica, traffic: Traffic, value: float) -> Figure:
    band = error_bands.of(r, "e2e_ms", t=traffic, point=operating_point(r, traffic))
    return figure(value, value * band.low, high=value * band.high, says=band.says)
