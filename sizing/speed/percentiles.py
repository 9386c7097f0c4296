"""The p99 of first token, time between tokens (of a request, its mean) and answer, from what varies: the queue of prompts, the batch, the
prompts in an answer's time, the order of prompts released together, the lengths, and what varies even with one request in flight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from sizing.speed import queueing
from sizing.speed.constants import noise
from sizing.speed.open_loop import unhindered_s, waiting
from sizing.speed.operating_point import Point, arrival_parts, drifted_apart, together
from sizing.speed.queueing import Wait, Z
from sizing.speed.replica import Replica
from sizing.speed.traffic import Traffic

Figure = Literal["ttft", "itl", "e2e"]
FIGURES: tuple[Figure, ...] = ("ttft", "itl", "e2e")
# (p99 - mean) / mean of a uniform distribution from 0: (0.99 - 0.5) / 0.5.
LAST_OF_100 = 0.98
# Variance that is left in the mean over one answer, of a batch whose autocorrelation falls in a line to 0 over that
# time: the integral of 2 (1 - u)^2 from 0 to 1.
HALF_OVERLAP = 2 / 3
# Below this shape Wilson and Hilferty's cube falls where the p99 over the mean should rise: its largest value lies at
# 0.082.
LEAST_GAMMA_SHAPE = 0.08
# Ends the feedback of longer steps on the batch at 20 times; linear response says nothing of a replica that near to
# its limit.
UNSTABLE = 0.05


@dataclass(frozen=True, slots=True)
class _Late:
    """How far the p99 lies above the mean, in seconds."""

    first_s: float
    token_s: float


# Nothing here is fitted to a measured p99 but the noise of one request in flight (planning.yaml, p99_of_one: 31
# runs). The medians of the measured ratios, which stood here before, err by 31.7 % for first tokens of open loops on
# vLLM 0.15, these sums by 11.3 (docs/accuracy.md).
def p99_s(r: Replica, t: Traffic, point: Point) -> dict[Figure, float]:
    """Return the p99 of each figure in seconds, never below the mean. Answers are of equal length unless `t` has a spread."""
    late = _open(r, t, point) if t.request_rate is not None else _released(r, t, point)
    more = max(t.osl - 1, 0.0)
    lengths = (_lognormal_p99(t.length_spread) - 1) * more * point.itl_s
    e2e = point.e2e_s(t.osl) + math.sqrt(late.first_s**2 + (more * late.token_s) ** 2 + lengths**2)
    return {"ttft": point.ttft_s + late.first_s, "itl": point.itl_s + late.token_s, "e2e": e2e}


def gamma_p99(mean: float, variance: float) -> float:
    """Return the p99 of a gamma distribution with this mean and variance, by Wilson and Hilferty's cube."""
    if mean <= 0 or variance <= 0:
        return max(mean, 0.0)
    shape = max(mean * mean / variance, LEAST_GAMMA_SHAPE)
    return float(max(mean * (1 - 1 / (9 * shape) + Z / (3 * math.sqrt(shape))) ** 3, mean))


def queue_p99_s(wait: Wait, step_s: float) -> float:
    """Return by how much the p99 of a wait exceeds its mean. Half of the step in flight is part of what varies."""
    mean = wait.mean_s + step_s / 2
    return gamma_p99(mean, wait.variance_s2) - mean


def _open(r: Replica, t: Traffic, point: Point) -> _Late:
    """Return the lateness under arrivals: the queue of prompts, and the batch that changes while an answer is written."""
    assert t.request_rate is not None
    rate, batch = point.requests_per_s, point.batch
    step, longer = r.step_s(batch, t.context), r.step_s(batch + 1, t.context)
    prompt = r.beside_s(t.computed_prompt, batch, per_step=rate * step)
    changes = _variance_of_batch(r, t, point, busy=min(rate * prompt, queueing.MOST_BUSY))
    alone, (flight, wait) = arrival_parts(r, t, point)
    varied = Wait(wait.mean_s, wait.variance_s2 + changes * (1.5 * (longer - step)) ** 2)
    grown = max(point.ttft_s - alone - wait.mean_s, 0.0) if point.saturated else 0.0
    first = math.hypot(queue_p99_s(varied, flight), noise("ttft") * alone) + LAST_OF_100 * grown
    own, prompts = max(longer / step - 1, 0.0) * point.itl_s, prompt / t.osl
    gain = 1 / max(1 - own * rate * t.osl, UNSTABLE)
    variance = changes * gain * (HALF_OVERLAP * own**2 + own * prompts + prompts**2)
    return _Late(first, math.hypot(Z * math.sqrt(variance), noise("itl") * point.itl_s))


def _variance_of_batch(r: Replica, t: Traffic, point: Point, *, busy: float) -> float:
    """Return the variance of the batch: its mean times the size of a cluster, limited by the room in the batch."""
    mean = point.requests_per_s * t.osl * point.itl_s
    room = max(r.max_batch(t.isl + t.osl) - 1, 0.0)
    members = queueing.cluster(busy, burstiness=t.burstiness, length_spread=t.length_spread)
    return min(mean * members, room * room / 4 + mean)


def _released(r: Replica, t: Traffic, point: Point) -> _Late:
    """Return the lateness in a closed loop, or where everything is released at once.

    In a running loop prompts meet as among arrivals, but less often, because an unanswered client sends nothing. Of requests released
    together the last prompt waits for all others, and the first answers wait for the prompts behind them.
    """
    batch = max(point.batch, 1.0)
    step = r.step_s(batch, t.context)
    prompt = r.beside_s(t.computed_prompt, batch, per_step=point.requests_per_s * step)
    damping = (1 - min(point.requests_per_s * prompt, queueing.MOST_BUSY)) * (1 - 1 / batch)
    share = _share_released(t)
    runs = 0.0
    if together(t) < 1:
        runs = queue_p99_s(drifted_apart(r, t, batch).wait, step)
    elif batch > 1 and share < 1:
        wait = waiting(r, t, point.requests_per_s, batch=batch, step_s=step)
        runs = queue_p99_s(Wait(wait.mean_s, wait.variance_s2 * damping**2), step)
    alone = min(unhindered_s(r, t, step_s=r.step_s(1.0, t.context)), point.ttft_s)
    ordered = _last_of_the_first(r, t, point, share=share, alone=alone)
    first = math.hypot(max(runs, ordered), noise("ttft") * alone)
    behind = LAST_OF_100 * share * (batch - 1) / 2 * prompt / t.osl if share == 1 else 0.0
    varied = Z * prompt / t.osl * math.sqrt(batch) * damping
    return _Late(first, math.hypot(max(varied, behind), noise("itl") * point.itl_s))


def _share_released(t: Traffic) -> float:
    """Return the share of all requests that are released at the first moment. A loop without end has none."""
    if t.concurrency is None:
        return 1.0
    return min(1.0, t.concurrency / t.num_requests) if t.num_requests else 0.0


def _last_of_the_first(r: Replica, t: Traffic, point: Point, *, share: float, alone: float) -> float:
    """Return the lateness of requests released at the start: their first tokens lie evenly between the first and the last prompt."""
    if share <= 0.01:
        return 0.0
    others = point.ttft_s - alone
    last = 2 * others if share == 1 else (point.batch - 1) * r.prefill_s(t.computed_prompt) * r.features.stages
    return max(last * (1 - 0.01 / share) - others, 0.0)


def _lognormal_p99(spread: float) -> float:
    """Return the p99 over the mean, where `spread` is the standard deviation over the mean."""
    if not spread:
        return 1.0
    sigma = math.sqrt(math.log1p(spread * spread))
    return max(math.exp(Z * sigma - sigma * sigma / 2), 1.0)
