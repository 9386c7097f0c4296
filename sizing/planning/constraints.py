"""What is held against a replica under a load: whether it starts, its capacity, the latency targets; and how many replicas keep them."""

from __future__ import annotations

import math

from sizing.catalog import GIB
from sizing.engines.layouts import ReplicaLayout
from sizing.planning.search import Breach, Search
from sizing.speed import percentiles
from sizing.speed.replica import Replica
from sizing.speed.traffic import Traffic


def broken(search: Search, r: Replica, replicas: int) -> Breach | None:
    """Return the first target that the load breaks on this many replicas."""
    used = _utilisation(r, search, replicas)
    if used > search.headroom:
        load = f"{search.demand.says} would load {_many(replicas)} ({_capacity_of(r, search)}) to {used:.0%}"
        return Breach("capacity", f"{load}; the limit is {search.headroom:.0%}", used)
    return late(search, r, replicas, f"at {search.demand.says} on {_many(replicas)}")


def fewest(search: Search, r: Replica, *, most: int) -> int | None:
    """None where `most` replicas do not hold the load."""
    low = high = replicas_for_capacity(search, r)
    if low > most:
        return None
    while broken(search, r, high):
        if high >= most:
            return None
        low, high = high + 1, min(high * 2, most)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if broken(search, r, middle) else (low, middle)
    return high


def does_not_start(search: Search, r: Replica) -> Breach | None:
    """Memory and context, with the reserve taken off."""
    if r.why_not:
        return Breach(
            "memory", f"{_text(r.layout)}: {r.why_not}, of which {search.reserve_gib:g} GiB are held in reserve", -r.budget.kv_gib
        )
    need, have = r.kv.sequence_bytes(search.max_model_len) / GIB, r.budget.kv_gib
    if need > have:
        reason = f"one sequence of {search.max_model_len} tokens needs {need:.2f} GiB of KV cache per GPU; {have:.2f} GiB are free"
        return Breach("context", f"{_text(r.layout)}: {reason}", need - have)
    return None


def late(search: Search, r: Replica, replicas: int | None, when: str) -> Breach | None:
    """`replicas` None: with hardly any load."""
    targets = search.targets
    if not targets:
        return None
    traffic = search.demand.share(replicas) if replicas else search.demand.idle()
    point = search.point(r, traffic)
    figures = {"ttft": point.ttft_s * 1e3, "itl": point.itl_s * 1e3, "e2e": point.e2e_s(search.request.osl) * 1e3}
    for name, value in figures.items():
        target = targets.get(f"{name}_ms")
        if target is not None and value > target:
            return Breach(name, f"{_text(r.layout)}: {name.upper()} {value:.0f} ms {when}; the target is {target:g} ms", value / target)
    return _late_at_p99(search, r, traffic, when)


def _late_at_p99(search: Search, r: Replica, traffic: Traffic, when: str) -> Breach | None:
    limits = {name: limit for name in percentiles.FIGURES if (limit := search.targets.get(f"{name}_p99_ms")) is not None}
    if not limits:
        return None
    for name, value in percentiles.p99_s(r, traffic, search.point(r, traffic)).items():
        tail, limit = value * 1e3, limits.get(name)
        if limit is not None and tail > limit:
            return Breach(name, f"{_text(r.layout)}: {name.upper()} p99 {tail:.0f} ms {when}; the target is {limit:g} ms", tail / limit)
    return None


def replicas_for_capacity(search: Search, r: Replica) -> int:
    return max(1, math.ceil(_utilisation(r, search, 1) / search.headroom))


def _utilisation(r: Replica, search: Search, replicas: int) -> float:
    """Return the utilisation. With arrivals it is the rate over the highest rate; in a closed loop the requests in flight over those
    that fit at once."""
    t = search.demand.traffic
    if t.request_rate is not None:
        return t.request_rate / replicas / search.capacity_per_s(r)
    assert t.concurrency is not None
    # 1.25 x 0.8 = 1: a replica whose memory holds a single request at a time would otherwise stand at 100 % with one,
    # above the headroom of 0.8, and very long contexts would have no plan.
    return max(t.concurrency / replicas, 1.0) / max(r.max_batch(t.isl + t.osl), 1.25)


def _capacity_of(r: Replica, search: Search) -> str:
    t = search.demand.traffic
    if t.request_rate is not None:
        return f"{search.capacity_per_s(r):.2f} requests/s each"
    return f"{r.max_batch(t.isl + t.osl):.0f} requests at once each"


def _text(layout: ReplicaLayout) -> str:
    parts = [f"tp={layout.tp}"] + [f"{name}={getattr(layout, name)}" for name in ("pp", "ep") if getattr(layout, name) > 1]
    return " ".join(parts)


def _many(replicas: int) -> str:
    return "one replica" if replicas == 1 else f"{replicas} replicas"
