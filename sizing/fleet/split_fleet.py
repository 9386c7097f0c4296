"""Prefill and decode on fleets of their own beside the plan's aggregated fleet: the cheapest pair, its times, and which is cheaper."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from inferstack.records.plan import Layout, SplitFleet, SplitSide
from sizing.catalog import Instance, instances
from sizing.options.disaggregated import BASIS, Side, Split, gpus, kv_transfer_s, needed, served
from sizing.planning.candidates import ways
from sizing.planning.search import TARGETS, Fit, Search
from sizing.speed import percentiles, queueing
from sizing.speed.constants import noise
from sizing.speed.residuals import by_neighbours
from sizing.speed.traffic import Traffic

MOST_PAIRS = 3000
"""So many pairs are tried, in the order of what they cost at least."""


@dataclass(frozen=True, slots=True)
class SplitWay:
    """A replica on an instance type. `least_usd` an hour if its side needed nothing for transfers."""

    instance: Instance
    side: Side
    usd: float
    per_node: int
    least_usd: float

    @property
    def network_bytes_per_s(self) -> float:
        """Return the network rate of one replica: those of a node share its network."""
        return self.instance.network_bytes_per_s / self.per_node


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides in whole instances; `shared` where they lie on the same ones. `split` is without the spare nodes of `n_plus_1`."""

    prefill: SplitWay
    decode: SplitWay
    shared: bool
    link_bytes_per_s: float
    prefill_nodes: int
    decode_nodes: int
    prefill_replicas: int
    decode_replicas: int
    split: Split

    @property
    def usd_per_hour(self) -> float:
        return self.prefill_nodes * self.prefill.usd + self.decode_nodes * self.decode.usd


def beside(search: Search, best: Fit) -> SplitFleet:
    """Size split fleets for the rate that the plan serves. `up` builds the aggregated fleet."""
    traffic = replace(search.demand.traffic, concurrency=None, request_rate=best.point.requests_per_s * best.replicas)
    near = search.demand.share(best.replicas)
    found = _cheapest(search, traffic, near)
    mine = best.count * best.instance.gpu_count
    common = {"aggregated_gpus": mine, "aggregated_usd_per_hour": best.usd_per_hour, "requests_per_s": traffic.request_rate or 0.0}
    if found is None:
        return SplitFleet(**common, cheaper="aggregated", reason="no pair of fleets meets the targets within the limits", basis=BASIS)  # type: ignore[arg-type]
    s = found.split
    return SplitFleet(
        **common,  # type: ignore[arg-type]
        prefill=_side(found.prefill, found.prefill_nodes, replicas=found.prefill_replicas, busy=s.prefill_busy),
        decode=_side(found.decode, found.decode_nodes, replicas=found.decode_replicas, busy=s.decode_busy),
        same_instances=found.shared,
        link="GPU link" if found.shared else "network",
        link_gb_s=found.link_bytes_per_s / 1e9,
        transfer_ms=s.transfer_s * 1e3,
        ttft_ms=s.ttft_s * 1e3,
        itl_ms=s.itl_s * 1e3,
        usd_per_hour=found.usd_per_hour,
        cheaper=_cheaper(found, best),
        reason=_reason(found, best),
        basis=BASIS,
    )


def _cheapest(search: Search, t: Traffic, near: Traffic) -> Pair | None:
    """Return the cheapest pair that keeps every target. Pairs are tried in the order of their least cost until that exceeds the best."""
    prefills, decodes = _ways(search, t, near)
    best: Pair | None = None
    for least, one, other in itertools.islice(_by_least_cost(prefills, decodes), MOST_PAIRS):
        if best and least >= best.usd_per_hour:
            break
        for pair in _pairs(search, t, one, other, limit_usd=best.usd_per_hour if best else math.inf):
            if _kept(search, pair) and (best is None or _rank(pair) < _rank(best)):
                best = pair
    return best


def _ways(search: Search, t: Traffic, near: Traffic) -> tuple[list[SplitWay], list[SplitWay]]:
    prefills, decodes = [], []
    for instance in instances():
        rate = search.rate(instance.instance_type)
        for r in ways(search, instance) if rate else ():
            assert rate is not None
            side = Side(r, by_neighbours("step", r, near))
            per_node = max(instance.gpu_count // gpus(r), 1) if search.engine.keeps_replicas_apart(search.shape) else 1
            many = needed(side, side, t, transfer_s=0.0, headroom=search.headroom)
            each = [math.ceil(one / per_node) * rate.usd for one in many]
            prefills.append(SplitWay(instance, side, rate.usd, per_node, each[0]))
            decodes.append(SplitWay(instance, side, rate.usd, per_node, each[1]))
    return sorted(prefills, key=_least), sorted(decodes, key=_least)


def _least(way: SplitWay) -> tuple[float, str]:
    return way.least_usd, way.instance.instance_type


def _by_least_cost(prefills: list[SplitWay], decodes: list[SplitWay]) -> Iterator[tuple[float, SplitWay, SplitWay]]:
    """Yield pairs of two sorted lists by the least that they can cost: the sum, or the larger of both on one type, where they may share
    instances."""
    rows = ([(_least_of(one, other), one, other) for other in decodes] for one in prefills)
    yield from sorted(itertools.chain.from_iterable(rows), key=lambda pair: pair[0])


def _least_of(one: SplitWay, other: SplitWay) -> float:
    return max(one.least_usd, other.least_usd) if one.instance is other.instance else one.least_usd + other.least_usd


def _pairs(search: Search, t: Traffic, one: SplitWay, other: SplitWay, *, limit_usd: float) -> Iterator[Pair]:
    """Those that cost no more than the limit."""
    found = [_apart(search, t, one, other, limit_usd=limit_usd)]
    if one.instance is other.instance and one.per_node > 1 and other.per_node > 1:
        found.append(_on_the_same(search, t, one, other, limit_usd=limit_usd))
    yield from filter(None, found)


def _apart(search: Search, t: Traffic, one: SplitWay, other: SplitWay, *, limit_usd: float) -> Pair | None:
    """Each side fills its own instances."""
    link = min(one.network_bytes_per_s, other.network_bytes_per_s)
    transfer = kv_transfer_s(one.side.replica, t.isl, link_bytes_per_s=link)
    prefills, decodes = needed(one.side, other.side, t, transfer_s=transfer, headroom=search.headroom)
    spare, a, b = search.spare_groups, math.ceil(prefills / one.per_node), math.ceil(decodes / other.per_node)
    if (a + spare) * one.usd + (b + spare) * other.usd > limit_usd:
        return None
    found = served(one.side, other.side, t, prefills=a * one.per_node, decodes=b * other.per_node, transfer_s=transfer)
    return Pair(one, other, False, link, a + spare, b + spare, (a + spare) * one.per_node, (b + spare) * other.per_node, found)


def _on_the_same(search: Search, t: Traffic, one: SplitWay, other: SplitWay, *, limit_usd: float) -> Pair | None:
    """Return the pair on shared instances, each with replicas of both sides, so that KV stays on its links; GPUs left over decode."""
    link = one.side.replica.gpu.link_bytes_per_s
    transfer = kv_transfer_s(one.side.replica, t.isl, link_bytes_per_s=link)
    prefills, decodes = needed(one.side, other.side, t, transfer_s=transfer, headroom=search.headroom)
    size, a, b = one.instance.gpu_count, gpus(one.side.replica), gpus(other.side.replica)
    for nodes in range(1, prefills + decodes + 1):
        held, whole = math.ceil(prefills / nodes), nodes + search.spare_groups
        room = (size - held * a) // b
        if room >= 1 and room * nodes >= decodes and whole * one.usd <= limit_usd:
            found = served(one.side, other.side, t, prefills=held * nodes, decodes=room * nodes, transfer_s=transfer)
            return Pair(one, other, True, link, whole, 0, held * whole, room * whole, found)
    return None


def _kept(search: Search, pair: Pair) -> bool:
    """Whether every target holds, and the budget."""
    asked, s = search.request, pair.split
    e2e = s.ttft_s + max(asked.osl - 1, 0) * s.itl_s
    means = {"ttft": s.ttft_s, "itl": s.itl_s, "e2e": e2e}
    late = _p99_s(search, pair) if any("p99" in one and getattr(asked, one) is not None for one in TARGETS) else means
    for target in TARGETS:
        limit, name = getattr(asked, target), target.split("_")[0]
        value = (late if "p99" in target else means)[name] * 1e3
        if limit is not None and value > limit:
            return False
    return asked.max_usd_per_hour is None or pair.usd_per_hour <= asked.max_usd_per_hour


def _p99_s(search: Search, pair: Pair) -> dict[str, float]:
    """Return the p99 of a split fleet: first tokens wait for prompts only, and no prompt delays later tokens, so only the batch varies."""
    s, t = pair.split, search.demand.traffic
    prompt, more = pair.prefill.side.prompt_s(t), max(t.osl - 1, 0)
    wait = queueing.one_by_one(s.prefill_busy / prompt, step_s=0.0, prompt_s=prompt, chunks=1.0)
    first = math.hypot(percentiles.queue_p99_s(wait, 0.0), noise("ttft") * max(s.ttft_s - wait.mean_s, 0.0))
    slope = max(pair.decode.side.decode_s(s.decode_batch + 1, t) - s.itl_s, 0.0)
    token = math.hypot(percentiles.Z * slope * math.sqrt(percentiles.HALF_OVERLAP * s.decode_batch), noise("itl") * s.itl_s)
    e2e = s.ttft_s + more * s.itl_s + math.hypot(first, more * token)
    return {"ttft": s.ttft_s + first, "itl": s.itl_s + token, "e2e": e2e}


def _rank(pair: Pair) -> tuple[float, int, float]:
    return round(pair.usd_per_hour, 6), pair.prefill_nodes + pair.decode_nodes, pair.split.ttft_s


def _side(way: SplitWay, nodes: int, *, replicas: int, busy: float) -> SplitSide:
    layout = way.side.replica.layout
    return SplitSide(
        instance_type=way.instance.instance_type, instance_count=nodes, gpu=way.side.replica.gpu.id, replicas=replicas,
        gpus=replicas * layout.gpus, layout=Layout(tp=layout.tp, pp=layout.pp, ep=layout.ep, dp=replicas), busy=busy,
    )  # fmt: skip


def _cheaper(found: Pair, best: Fit) -> Literal["split", "aggregated", "equal"]:
    mine, theirs = round(found.usd_per_hour, 4), round(best.usd_per_hour, 4)
    return "split" if mine < theirs else "aggregated" if mine > theirs else "equal"


def _reason(found: Pair, best: Fit) -> str:
    """Give the reason in numbers: how full each fleet is after it was rounded up to whole instances, and what the transfer costs."""
    s, cheaper = found.split, _cheaper(found, best)
    mine = f"{best.count} x {best.instance.instance_type} at ${best.usd_per_hour:.2f}/h, {best.point.utilisation:.0%} loaded"
    full = f"prefill {s.prefill_busy:.0%} and decode {s.decode_busy:.0%} loaded at ${found.usd_per_hour:.2f}/h"
    moved = f"KV transfer takes {s.transfer_s * 1e3:.1f} ms of the first token"
    if cheaper == "split":
        return f"each side uses instances that suit it, {full}, against {mine}; {moved}"
    if cheaper == "equal":
        return f"{full}, against {mine}; {moved}"
    return f"both fleets round up to whole instances, {full}, against {mine}; {moved}"
