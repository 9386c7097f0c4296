"""The load that a plan is measured with: the plan's own, bounded in count; in a rehearsal a small one of the same kind."""

from __future__ import annotations

import math
import random
import secrets
from typing import Any

from inferstack.records.errors import InputError
from inferstack.records.load import Load
from inferstack.records.measurement import Workload
from inferstack.records.plan import Plan
from sizing.planning.demand import demand
from sizing.simulation.arrivals import Arrivals, times

MAX_CONCURRENCY = 1024
"""Requests in flight at most, of any kind of load."""
MAX_REQUESTS = 4096
# Each slot answers this many times, so that the first wave, which all arrives at once, weighs little.
WAVES = 8
# An open loop lasts as long as so many answers, so that the filling of the empty cluster weighs little, and a minute at least.
ANSWERS = 10
AT_LEAST_S = 60.0
# A slow rate does not outlast the time limit of a run.
AT_MOST_S = 1440.0
REHEARSED_CONCURRENCY = 4
REHEARSED_REQUESTS = 16
REHEARSED_ISL, REHEARSED_OSL = 64, 32
REHEARSED_AT_MOST_S = 60.0
# A seed is a JSON number that every reader keeps whole.
SEEDS = 2**32


def fresh_seed() -> int:
    """Return a seed that no run had before: engines keep the prompts that they have seen in a prefix cache."""
    return secrets.randbelow(SEEDS)


def load_of(plan: Plan) -> Load:
    """Return the load that the plan is for; plans of older versions say it by their request alone."""
    return plan.load or demand(plan.request).load


def of_plan(
    plan: Plan,
    *,
    rehearsal: bool,
    seed: int,
    concurrency: int | None = None,
    request_rate: float | None = None,
    burstiness: float | None = None,
    num_requests: int | None = None,
) -> Workload:
    """Return the plan's own load, as far as one client can send it. What is given besides the plan is a person's own wish, and makes
    another load of it. Raises InputError for a wish that contradicts another."""
    load = _wished(load_of(plan), concurrency, request_rate, burstiness)
    load = load.model_copy(update=_lengths(load, rehearsal=rehearsal))
    if load.concurrency is not None:
        at_most = REHEARSED_CONCURRENCY if rehearsal and concurrency is None else MAX_CONCURRENCY
        in_flight = min(math.ceil(load.concurrency), at_most)
        enough = REHEARSED_REQUESTS if rehearsal else plan.request.num_requests or WAVES * in_flight
        load = load.model_copy(update={"concurrency": in_flight})
    else:
        enough = _enough(plan, load, rehearsal=rehearsal)
    count = min(num_requests or enough, MAX_REQUESTS)
    return Workload(load=load.model_copy(update={"num_requests": count}), seed=seed)


def _wished(load: Load, concurrency: int | None, request_rate: float | None, burstiness: float | None) -> Load:
    if concurrency is not None and (request_rate is not None or burstiness is not None):
        other = "--request-rate" if request_rate is not None else "--burstiness"
        raise InputError(f"--concurrency and {other}: give one of them", hint="the first is a closed loop, the other an open one")
    lengths: dict[str, Any] = {"isl": load.isl, "osl": load.osl, "prefix_hit_rate": load.prefix_hit_rate, "num_requests": load.num_requests}
    if concurrency is not None:
        return Load(kind="closed", concurrency=concurrency, **lengths)
    rate = request_rate or load.request_rate
    if burstiness is not None and rate is None:
        raise InputError(f"--burstiness: the plan's load is {load.says}", hint="--request-rate selects an open loop")
    if rate is None or (request_rate is None and burstiness is None):
        return load
    return Load(kind="open", request_rate=rate, burstiness=burstiness or load.burstiness or 1.0, **lengths)


def _lengths(load: Load, *, rehearsal: bool) -> dict[str, float]:
    isl, osl = (REHEARSED_ISL, REHEARSED_OSL) if rehearsal else (max(1, round(load.isl)), max(1, round(load.osl)))
    return {"isl": isl, "osl": osl, "length_spread": 0.0}


def _enough(plan: Plan, load: Load, *, rehearsal: bool) -> int:
    """Return how many requests an open loop needs to be steady; all at once are as many as were asked for."""
    if load.request_rate is None:
        return REHEARSED_REQUESTS if rehearsal else load.num_requests or MAX_REQUESTS
    if rehearsal:
        return max(1, min(REHEARSED_REQUESTS, math.floor(load.request_rate * REHEARSED_AT_MOST_S)))
    if plan.request.num_requests is not None:
        return plan.request.num_requests
    seconds = max(ANSWERS * plan.prediction.e2e_ms.value / 1000, AT_LEAST_S)
    return max(1, math.ceil(load.request_rate * min(seconds, AT_MOST_S)))


def moments_s(workload: Workload) -> list[float] | None:
    """Return when each request of an open loop is due, in seconds from the start; None for another kind of load.

    Drawn from the seed. The last one is due at the count over the rate: what is drawn has the rate itself, not only its distribution.
    """
    load = workload.load
    if load.request_rate is None:
        return None
    drawn = Arrivals("gamma", load.burstiness or 1.0)
    return times(drawn, load.request_rate, count=workload.num_requests, rng=random.Random(f"arrivals {workload.seed}"))
