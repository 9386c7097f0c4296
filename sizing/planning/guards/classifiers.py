"""Where a classifier that guards a model runs: an encoder without KV cache, on the CPU or a GPU of the nodes, or on a GPU of its own."""

from __future__ import annotations

import math
from typing import Any

from inferstack.pricing.rates.rates import on_demand
from inferstack.records.files.facts import load
from inferstack.records.plan import Figure, Guard
from sizing.catalog import GIB, Gpu, find_gpu, instances
from sizing.engines.layouts import ReplicaLayout
from sizing.engines.versions import engine_version, settings
from sizing.models.parameters import count
from sizing.models.quantisation.formats import bits_of
from sizing.planning.demand import planning
from sizing.planning.guards.work import GuardWork, Room, figure, rounded
from sizing.planning.search import Fit
from sizing.speed.replica import replica

WEIGHT_BYTES = 4


def on_cpu(work: GuardWork, fit: Fit) -> Guard | str:
    """An encoder: two FLOP for each parameter outside the embeddings and token."""
    facts = _facts("cpu")
    counts = count(work.shape)
    flop = 2 * (counts.total - counts.embed) * work.isl * work.checks
    vcpus = fit.instance.vcpus * facts["share_of_node"]["value"]
    seconds = flop / (vcpus * facts["flops_per_vcpu"]["value"])
    busy, most = work.requests_per_s / fit.count * seconds, facts["busy_at_most"]["value"]
    if busy > most:
        return f"the CPU: {work.requests_per_s:.2f} requests/s keep {vcpus:g} vCPUs a node busy to {busy:.0%}, above {most:.0%}"
    latency, band = seconds * (1 + busy / (2 * (1 - busy))) * 1e3, facts["band"]
    return Guard(
        id=work.shape.id, sides=work.facts["sides"], placement="cpu", instance_type=fit.instance.instance_type, instance_count=fit.count,
        memory_gib=round(counts.total * WEIGHT_BYTES / GIB, 3),
        latency_ms=_banded(latency, band),
        busy=rounded(busy),
        basis=f"{vcpus:g} vCPUs of each node, {busy:.0%} busy, billed anyway; FLOP/s per vCPU assumed",
    )  # fmt: skip


def on_share(work: GuardWork, fit: Fit, room: Room) -> Guard | str:
    """Run the guard in a process of its own on one GPU of each replica."""
    need, seconds = _gpu_gib(work), _gpu_s(work, fit.replica.gpu)
    mine = work.requests_per_s / fit.replicas * seconds
    why = room.refuses(need, mine, most=planning("headroom"))
    if why:
        return why
    return Guard(
        id=work.shape.id, sides=work.facts["sides"], placement="gpu-share", instance_type=fit.instance.instance_type,
        instance_count=fit.count, memory_gib=round(need, 3), busy=rounded(mine),
        latency_ms=_banded(seconds / (1 - room.busy) * 1e3, _facts("gpu")["band"]),
        usd_per_1k_requests=rounded(fit.usd_per_hour * mine / (work.requests_per_s * 3600) * 1000),
        basis=f"a process on one GPU of each replica, {room.busy:.0%} busy without it, {mine:.0%} with it alone",
    )  # fmt: skip


def on_own_gpu(work: GuardWork, *, region: str) -> Guard | str:
    """The cheapest for this rate among the types with one whole GPU."""
    found = []
    for one in instances():
        rate = None if one.why_unsupported or one.gpu_count != 1 or one.gpu_share < 1 else on_demand(one.instance_type, region)
        if rate:
            seconds = _gpu_s(work, find_gpu(one.gpu or ""))
            number = max(1, math.ceil(work.requests_per_s * seconds / planning("headroom")))
            found.append((number * rate.usd, one.instance_type, number, seconds))
    if not found:
        return f"its own GPU: no type with one GPU has a price in {region}"
    usd, instance_type, number, seconds = min(found)
    busy = work.requests_per_s * seconds / number
    return Guard(
        id=work.shape.id, sides=work.facts["sides"], placement="own-gpu", instance_type=instance_type, instance_count=number,
        memory_gib=round(_gpu_gib(work), 3), usd_per_hour=rounded(usd),
        latency_ms=_banded(seconds * (1 + busy / (2 * (1 - busy))) * 1e3, _facts("gpu")["band"]),
        usd_per_1k_requests=rounded(usd / (work.requests_per_s * 3600) * 1000), basis=f"its own nodes, {busy:.0%} busy",
    )  # fmt: skip


def _gpu_s(work: GuardWork, gpu: Gpu) -> float:
    """Return, for each window, the time of a prompt and of one iteration: reading the weights once and starting the kernels of every
    layer."""
    engine, bits = engine_version(None, None), bits_of(work.shape, None)
    limits = settings(engine, work.shape, gpu=gpu, offline=False, max_model_len=int(work.isl))
    r = replica(
        work.shape, gpu, bits, layout=ReplicaLayout(), engine=engine, settings=limits, kv_quant="auto", offline=False,
        hop_bytes_per_s=gpu.link_bytes_per_s,
    )  # fmt: skip
    window = float(work.facts["window_tokens"])
    return float((r.prefill_s(window) + r.decode_s(1, 1)) * work.isl / window * work.checks)


def _gpu_gib(work: GuardWork) -> float:
    return float(count(work.shape).total * WEIGHT_BYTES / GIB + _facts("gpu")["runtime_gib"]["value"])


def _banded(value: float, band: dict[str, Any]) -> Figure:
    return figure(value, value * band["low"], high=value * band["high"], says=f"{band['kind']}: {band['source']}")


def _facts(place: str) -> dict[str, Any]:
    return dict(load("sizing")["guards"]["known"][place])
