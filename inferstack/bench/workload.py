"""The load that a plan is measured with, bounded in count; in a rehearsal a small one, for hosts without a GPU."""

from __future__ import annotations

import math
import secrets

from inferstack.records.measurement import Workload
from inferstack.records.plan import Plan

MAX_CONCURRENCY = 1024
MAX_REQUESTS = 4096
# Each slot answers this many times, so that the first wave, which all arrives at once, weighs little.
WAVES = 8
REHEARSAL = Workload(concurrency=4, num_requests=16, isl=64, osl=32, seed=0)
# A seed is a JSON number that every reader keeps whole.
SEEDS = 2**32


def fresh_seed() -> int:
    """Return a seed that no run had before: engines keep the prompts that they have seen in a prefix cache."""
    return secrets.randbelow(SEEDS)


def of_plan(plan: Plan, *, rehearsal: bool, seed: int, concurrency: int | None = None, num_requests: int | None = None) -> Workload:
    """Closed loop at the concurrency that the plan's load comes to. `concurrency` and `num_requests` are a person's own wish."""
    if rehearsal:
        wanted = REHEARSAL
    else:
        at_once = min(planned_concurrency(plan), MAX_CONCURRENCY)
        asked = plan.request.num_requests or WAVES * (concurrency or at_once)
        isl, osl = max(1, round(plan.request.isl)), max(1, round(plan.request.osl))
        wanted = Workload(concurrency=at_once, num_requests=asked, isl=isl, osl=osl, seed=seed)
    return Workload(
        concurrency=min(concurrency or wanted.concurrency, MAX_CONCURRENCY),
        num_requests=min(num_requests or wanted.num_requests, MAX_REQUESTS),
        isl=wanted.isl,
        osl=wanted.osl,
        seed=seed,
    )


def planned_concurrency(plan: Plan) -> int:
    """Requests in flight at the planned load, on all replicas together: asked for, or rate x time by Little's law."""
    if plan.request.concurrency is not None:
        return plan.request.concurrency
    in_flight = plan.prediction.requests_per_s.value * plan.prediction.e2e_ms.value / 1000
    return max(1, math.ceil(in_flight))
