"""What arrivals add to the steps of an engine that batches continuously: the batch that a request sees, and the wait of its prompt.

A step takes in every prompt that waits, and lasts the longer for each; prompts that arrive meanwhile wait for the next. So prompts come
in clusters, as in a branching process in which each prompt has `busy` descendants (its share of time): a cluster has 1 / (1 - busy)
members, that of a given request (1 - busy)**-2. All figures are of one replica; arguments may be arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from sizing.arithmetic import least, most

# Every wait has 1 / (1 - busy) in it. The end at 0.97 keeps rows of a fit finite; plans stay below 0.8
# (planning.yaml, headroom).
MOST_BUSY = 0.97
TINY = 1e-9
NEWTON_STEPS = 8
EVEN_STEPS = 3
# The renewal function from this many mean gaps on is its asymptote; below, the sum ends with the first term of less
# than 1e-4, or with the 40th.
FAR_GAPS, MOST_GAPS, LEAST_FIT = 4.0, 40, 1e-4
# Standard deviations from the mean to the p99 of a normal distribution.
Z = 2.326


class Wait(NamedTuple):
    """The wait of a prompt beyond the half step in flight and its own step: mean in seconds and variance in seconds squared."""

    mean_s: Any
    variance_s2: Any


def cluster(busy: Any, *, burstiness: Any = 1.0, length_spread: Any = 0.0) -> Any:
    """Return the requests by which the batch that a request sees exceeds the mean of the others, the request itself included.

    The variance over the mean of a window of arrivals is 1 / (burstiness (1 - busy)**2). Answers of different length separate a cluster:
    half of it where the standard deviation `length_spread` equals the mean (exact for batches into an M/M queue, and for equal lengths).
    """
    together = 1 / (burstiness * (1 - busy) ** 2)
    return 1 + (together - 1) / (1 + length_spread**2)


def mean_over(cost: Callable[[Any], Any], others: Any, variance: Any) -> Any:
    """Return the mean of a cost over two batches with the mean and variance of `others`, neither below 0. A concave cost has a lower
    mean than its value at the mean batch: experts are read once however many requests need them."""
    low = most(others - variance**0.5, 0.0)
    high = others + variance / (others - low + TINY)
    upper = (others - low) / (high - low + TINY)
    return (1 - upper) * cost(1 + low) + upper * cost(1 + high)


def prompt_wait(rate: Any, *, step_s: Any, prompt_s: Any, chunks: Any, beside_s: Any = None) -> Wait:
    """Return the wait of a prompt among Poisson arrivals at `rate` a second. A prompt adds `prompt_s` to the steps, and `beside_s` to a
    step that already has one.

    Prompts that fit one step together wait for the step in flight, and are answered with all that came during it. A prompt of more than
    one of `chunks` occupies the queue for that many steps (M/D/1).
    """
    busy = least(rate * prompt_s, MOST_BUSY)
    together = _together(busy, step_s=step_s, prompt_s=prompt_s, met=busy if beside_s is None else rate * beside_s)
    alone = one_by_one(rate, step_s=step_s, prompt_s=prompt_s, chunks=chunks)
    return Wait(most(alone.mean_s, together.mean_s), most(alone.variance_s2, together.variance_s2))


def even_wait(rate: float, *, step_s: float, prompt_s: float, chunks: float, burstiness: float, beside_s: float | None = None) -> Wait:
    """Return `prompt_wait` for gamma-distributed gaps that are more even than Poisson's (`burstiness` above 1), where fewer prompts
    follow closely. For prompts computed one after the other the wait of a GI/D/1 queue remains."""
    busy = min(rate * prompt_s, MOST_BUSY)
    met = busy if beside_s is None else rate * beside_s
    together = _together_evenly(rate, busy, step_s=step_s, prompt_s=prompt_s, met=met, burstiness=burstiness)
    alone = one_by_one(rate, step_s=step_s, prompt_s=prompt_s, chunks=chunks)
    service = prompt_s + chunks * step_s * (chunks > 1)
    less = burst_wait(rate * service, prompt_s=service, burstiness=burstiness, together=0.0)
    alone = Wait(alone.mean_s + less.mean_s, max(alone.variance_s2 + less.variance_s2, 0.0))
    return max(alone, together, key=lambda one: one.mean_s)


def _together_evenly(rate: float, busy: float, *, step_s: float, prompt_s: float, met: float, burstiness: float) -> Wait:
    """Return the wait as `_together` does for gaps that are more even than Poisson's. The prompts in the step in flight came in the one
    before it, half a step to one and a half before an arrival; those in its own came up to half a step before or after: of each so many
    as of Poisson arrivals, by what the renewal function has of them."""
    cycle, spread = step_s / (1 - busy), busy * prompt_s / (1 - busy**2)
    prompts, flight, before, beside = cycle + spread - step_s, cycle + spread, 1.0, 1.0
    for _ in range(EVEN_STEPS):
        near, far = (_renewals(part * flight * rate, burstiness) / (flight * rate) for part in (0.5, 1.5))
        before, beside = min(far - near, 1.0), min(2 * near, 1.0)
        flight = step_s + prompts * before
    variance = spread * before * (cycle + prompt_s)
    found = (0.5 + met * beside) ** 2 * variance + (flight**2 + variance) / 12 + prompt_s * met * beside * flight
    return Wait((0.5 + met * beside) * flight - step_s / 2, found)


def _renewals(gaps: float, shape: float) -> float:
    """Return the expected arrivals within `gaps` mean gaps after an arrival, for gamma-distributed gaps of this shape. It is the sum of
    the chances that 1, 2, 3 ... gaps fit (by Wilson and Hilferty); for large `gaps` a straight line."""
    if gaps > FAR_GAPS:
        return gaps + (1 / shape - 1) / 2
    found, many = 0.0, 0
    while many < MOST_GAPS:
        many += 1
        k = many * shape
        fit = math.erfc(3 * k**0.5 * (1 - 1 / (9 * k) - (gaps / many) ** (1 / 3)) / 2**0.5) / 2
        found += fit
        if fit < LEAST_FIT:
            break
    return found


def one_by_one(rate: Any, *, step_s: Any, prompt_s: Any, chunks: Any) -> Wait:
    """Return the wait where prompts are computed one after the other (M/D/1), each over as many steps as it has chunks."""
    service = prompt_s + chunks * step_s * (chunks > 1)
    busy = least(rate * service, MOST_BUSY)
    wait = busy * service / (2 * (1 - busy))
    return Wait(wait + (chunks - 1) * step_s, wait**2 + busy * service**2 / (3 * (1 - busy)) + step_s**2 / 12)


def burst_wait(busy: float, *, prompt_s: float, burstiness: float, together: float = 1.0) -> Wait:
    """What gamma-distributed gaps add to `prompt_wait`: the wait of a GI/D/1 queue, which falls exponentially at the rate y / prompt_s with
    y = k ln(1 + y / (k busy)), over that of Poisson arrivals. Of few and short queues the exponential is too short, by what is known of
    Poisson's (M/D/1), of a burst it is not: the root of k between is the simulator's. To it come those after in the same step, where a step
    takes `together` prompts: all of a burst where it takes many (how fast, is the simulator's too). Negative for gaps more even than
    Poisson's."""
    busy = min(max(busy, TINY), MOST_BUSY)
    waits, scale = _waits(busy, burstiness), prompt_s / _decay(busy, burstiness)
    usual, usual_scale = _waits(busy, 1.0), prompt_s / _decay(busy, 1.0)
    md1, beside = busy * prompt_s / (2 * (1 - busy)), 1 + together / (1 + together)
    short = md1 / (usual * usual_scale)
    mean = beside * (waits * scale * short ** min(burstiness**0.5, 1.0) - md1)
    variance = (1 + 2 * together / (4 + together)) * (scale**2 * waits * (2 - waits) - usual_scale**2 * usual * (2 - usual))
    return Wait(max(mean, -md1), variance)


def chunks_of(prompt: Any, room: Any) -> Any:
    """Return the steps that a prompt takes in steps with `room` for its tokens: whole steps, on average half a step above the ratio."""
    share = prompt / most(room, 1.0)
    return 1 + (share > 1) * (share - 0.5)


def _together(busy: Any, *, step_s: Any, prompt_s: Any, met: Any) -> Wait:
    """Return the wait for prompts that share a step. A step lasts T = step + prompt x arrivals of the step before. The step in flight is
    longer than the mean by variance / mean; prompts that come during it take the share `met` of its length in the own step."""
    cycle, spread = step_s / (1 - busy), busy * prompt_s / (1 - busy**2)
    flight = cycle + spread
    variance = spread * (cycle + prompt_s)
    found = (0.5 + met) ** 2 * variance + (flight**2 + variance) / 12 + prompt_s * met * flight
    return Wait((0.5 + met) * flight - step_s / 2, found)


def _waits(busy: float, burstiness: float) -> float:
    """Return the share of arrivals that find a prompt before them: that of gaps shorter than a prompt."""
    return math.exp(min(burstiness * math.log(burstiness * busy) - math.lgamma(1 + burstiness), 0.0))


def _decay(busy: float, burstiness: float) -> float:
    """Return the positive root of y = k ln(1 + y / (k busy)), by Newton's method from the right of the maximum, where it is concave."""
    k, y = burstiness, 2 * burstiness * (1 - busy)
    for _ in range(NEWTON_STEPS):
        y -= (k * math.log1p(y / (k * busy)) - y) / (k / (k * busy + y) - 1)
    return y
