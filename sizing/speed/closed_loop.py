"""The wait of a prompt in a closed loop that has run for long: its requests have drifted apart, and one is sent as soon as one is answered.

Answers end with a step, and the next request reaches the scheduler a start-up later. So it does not meet the steps as arrivals at any time
do, who find the long ones with prompts in them most often: of the steps that begin within the start-up each is as likely as another to be
one with a prompt. A short start-up meets few, a long one as many as an arrival at any time. All figures are of one replica, in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sizing.speed.queueing import MOST_BUSY, TINY, Wait

# Step ends are counted within 4 standard deviations of the start-up, which leaves out 6e-5 of a normal distribution.
# A start-up that varies by 3 steps and more ends anywhere in a step, and needs no count.
SPREADS, WIDE = 4, 3.0
# Fitted to simulated loops (2026-11-27): after a start-up of t prompt times, 1 - exp(-2.2 t) of the queueing among
# free arrivals is there. A short start-up brings the next request before others can have queued.
QUEUES = 2.2
# Swings of any gain are bounded: a step is never shorter than without prompts. Fitted to 154 simulated loops
# (2026-12-01): first tokens then lie 1.4 % from the simulator (root mean square, worst 4.2), without swings 1.9 (6.1).
DAMPED = 2.0


@dataclass(frozen=True, slots=True)
class Loop:
    """`step_s` without prompts, `token_s` with the mean of them; `prompt_s` is what a prompt adds, in `chunks` steps of which it fills
    `share`, and `another_s` what it adds to a step that has a prompt already. `beside` is how many others a step can take with a prompt.
    `after_s` and its standard deviation `varies_s`: from an answer to the scheduler's queue."""

    requests: float
    step_s: float
    token_s: float
    prompt_s: float
    another_s: float
    chunks: float
    share: float
    beside: float
    after_s: float
    varies_s: float


NO_WAIT = Wait(0.0, 0.0)


def wait(loop: Loop, rate: float) -> Wait:
    """Return the wait at `rate` requests a second: beyond the own step and half of one in flight where another request is there
    (`in_flight`)."""
    others = rate * (1 - 1 / loop.requests)
    until = _to_the_next(max(loop.after_s, 0.0) / loop.step_s, loop.varies_s / loop.step_s)
    rest = loop.step_s * in_flight(loop.requests) * (until - 0.5)
    return _in_chunks(loop, others, rest) if loop.chunks > 1 else _together(loop, others, rest)


def in_flight(requests: Any) -> Any:
    """Return the chance that the engine is in a step because another request is there."""
    return 1 - math.e ** (1 - requests)


def _together(loop: Loop, rate: float, rest: float) -> Wait:
    """Return the wait for prompts that share a step: all that came, or as many as the step takes (`beside`). With chance `met` a request
    arrives in a step of length `long` that has prompts; it waits for the rest of that step and for the prompts that come meanwhile."""
    step, busy, a_step = loop.step_s, min(rate * loop.prompt_s, MOST_BUSY), rate * loop.token_s
    of_time = max(1 - math.exp(-a_step) * step / loop.token_s, TINY)
    long = _long(loop, busy=busy, a_step=a_step, of_time=of_time)
    begun = max(1.0, 0.5 + loop.after_s / step)
    met = of_time * -math.expm1(math.expm1(-a_step) * begun / of_time)
    passed = min(max(loop.after_s, 0.0), long)
    come = _waited_for((min(rate * long, a_step * begun) + _swings(loop, a_step)) * _left_to_come(loop), loop.beside)
    long_s = long - passed / 2 - step / 2 * in_flight(loop.requests) + loop.another_s * come
    short_s = rest + busy * step
    mean = met * long_s + (1 - met) * short_s
    varies = met * (passed**2 / 12 + loop.prompt_s**2 * (come + a_step)) + (1 - met) * (step**2 / 12 + busy * step * loop.prompt_s)
    return Wait(mean, varies + met * (1 - met) * (long_s - short_s) ** 2)


def _long(loop: Loop, *, busy: float, a_step: float, of_time: float) -> float:
    """Return the length of a step with prompts, seen by a request that arrives in it. During a long start-up more requests arrive, so
    the next step is longer."""
    shortest = loop.step_s + loop.prompt_s
    seen = loop.token_s + busy * loop.prompt_s / (1 - (busy * _delayed(loop, a_step) * _left_to_come(loop)) ** 2)
    return max(loop.step_s + (seen - loop.step_s) / of_time, shortest)


def _swings(loop: Loop, a_step: float) -> float:
    """Return how many more prompts come with one than by chance.

    While steps are long fewer answers end, so a start-up later fewer requests come and steps are short: the loop swings about its mean.
    A start-up that varies blurs the swings, a short one does not let them arise.
    """
    # Prompts of a step answer to those of a start-up before by this factor, with the other sign; a series that does
    # so has the variance 1 / (1 - gain^2) of an independent one, here bounded by DAMPED.
    gain = a_step * loop.prompt_s / loop.step_s * math.exp(-0.5 * (loop.varies_s / loop.token_s) ** 2)
    return _delayed(loop, a_step) * gain**2 / (1 + DAMPED * gain**2)


def _delayed(loop: Loop, a_step: float) -> float:
    """Return the start-up as a share of a step with prompts, at most 1."""
    return min(max(loop.after_s, 0.0) / (loop.step_s + loop.prompt_s * (1 + a_step)), 1.0)


def _left_to_come(loop: Loop) -> float:
    """Count those of the others that are not in the step already: about two are."""
    return max(1 - 2 / max(loop.requests - 1, TINY), 0.0)


def _in_chunks(loop: Loop, rate: float, rest: float) -> Wait:
    """Return the wait for prompts longer than a step, which are computed one after the other: a queue with one service time, shortened
    by the share that the start-up frees (`freed`)."""
    service = loop.prompt_s + loop.share * loop.step_s
    busy = min(rate * service, MOST_BUSY)
    freed = 1 + busy * math.expm1(-QUEUES * max(loop.after_s, 0.0) / service)
    queue = busy * service / 2 / freed
    return Wait(
        (loop.chunks - 1) * loop.step_s + queue + (1 - busy) * rest, queue**2 + busy * service**2 / (3 * freed) + loop.step_s**2 / 12
    )


def _waited_for(others: float, beside: float) -> float:
    """Count, of the prompts that came with one, those that its first token waits for: all in its own step, and half of those that the
    step cannot take, which is as many as were before it."""
    own = others if beside == math.inf else -beside * math.expm1(-others / max(beside, 1.0))
    return (own + others) / 2


def _to_the_next(after: float, varies: float) -> float:
    """Return, in steps, what is left of the one in flight so long after the end of one before. Normally spread about the mean, none
    before 0."""
    if varies < TINY:
        return math.floor(after) + 1 - after
    density = math.exp(-0.5 * (after / varies) ** 2) / math.tau**0.5
    if varies > WIDE:
        return 1 - _beyond(-after / varies) / 2 + density / varies / 12
    first, last = max(math.ceil(after - SPREADS * varies), 1), math.floor(after + SPREADS * varies)
    begun = max(first - 1, 0) + sum(_beyond((step - after) / varies) for step in range(first, last + 1))
    return 1 + begun - after * _beyond(-after / varies) - varies * density


def _beyond(deviations: float) -> float:
    """Share of a normal distribution that lies farther above its mean."""
    return math.erfc(deviations / 2**0.5) / 2
