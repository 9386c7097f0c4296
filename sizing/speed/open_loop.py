"""Arrivals at one replica: the batch that one of them finds, the time between tokens, and the wait for the first. Seconds; rows of a fit
are arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sizing.arithmetic import least, most, settled
from sizing.speed import queueing
from sizing.speed.replica import Replica
from sizing.speed.traffic import Traffic

# Steffensen's method squares the error with each step, so four are enough; plain steps need many near the capacity,
# where their slope is close to 1.
FIXED_POINT_STEPS, OWN_STEPS = 4, 2
MAX_UTILISATION = queueing.MOST_BUSY
# Keeps the extrapolation finite where the fixed point is reached and its bend is 0.
TINY = 1e-9


class Charge(NamedTuple):
    """What a first token that nobody hinders costs: seconds, and times its own prefill."""

    fixed_s: Any
    prompts: Any


class Queue(NamedTuple):
    """The step in flight, in seconds, and the wait beyond the half of it."""

    step_s: Any
    wait: queueing.Wait


def open_steps(r: Replica, t: Traffic, rate: Any, *, limit: Any, stretch: Any = 1.0) -> tuple[Any, Any]:
    """Return the decoding requests that a request sees and the mean time between tokens, with every cost scaled by `stretch`.

    It is the fixed point of Little's law, by Steffensen's method. A request meets the mean in flight and its own cluster; prompts take
    their share of its time. A run of few requests never reaches the batch of an endless one.
    """

    def token_s(batch: Any) -> Any:
        busy = busy_with_prompts(r, t, rate * stretch, batch=most(batch, 1.0))
        own = _own(t, busy, limit=limit)
        return _step_over_batches(r, t, batch + own - 1, own, limit=limit) * stretch / (1 - busy)

    def follows(batch: Any) -> Any:
        return _in_flight(t, rate, token_s(batch), limit=limit)

    batch = 0.0 * limit
    for _ in range(FIXED_POINT_STEPS):
        before, batch = batch, _nearer(batch, follows(batch), follows, limit=limit)
        if settled(before, batch):
            break
    own = _own(t, busy_with_prompts(r, t, rate * stretch, batch=most(batch, 1.0)), limit=limit)
    return least(most(batch + own, 1.0), limit), token_s(batch)


def drawn_out(r: Replica, t: Traffic, rate: Any, *, limit: Any, token_s: Any) -> tuple[Any, Any]:
    """Return the scale factor on step costs at which the model predicts `token_s` between tokens, and the batch size there. Longer steps
    have more in flight, so the costs change less than what requests see."""
    others = _in_flight(t, rate, token_s, limit=limit)
    busy = busy_with_prompts(r, t, rate, batch=most(others, 1.0))
    stretch = 1.0
    for _ in range(OWN_STEPS):
        own = _own(t, least(busy * stretch, MAX_UTILISATION), limit=limit)
        cost = _step_over_batches(r, t, others + own - 1, own, limit=limit)
        stretch = token_s * (1 - least(busy * token_s / (cost + busy * token_s), MAX_UTILISATION)) / cost
    return stretch, least(most(others + own, 1.0), limit)


def queue(r: Replica, t: Traffic, rate: Any, *, limit: Any, token_s: Any) -> Queue:
    """Return the queue of arrivals where `token_s` passes between tokens, whatever the formula says."""
    stretch, batch = drawn_out(r, t, rate, limit=limit, token_s=token_s)
    step = r.step_s(batch, t.context) * stretch
    return Queue(step, waiting(r, t, rate, batch=batch, step_s=step, stretch=stretch))


def arriving_s(r: Replica, t: Traffic, rate: Any, *, batch: Any, top: Any) -> Any:
    """Return the first token of an arrival: the rest of the step in flight, the own prompt in a step beside the decoding requests, and
    the queue of prompts before it and beside it."""
    step = r.step_s(batch, t.context)
    return unhindered_s(r, t, step_s=step) + waiting(r, t, least(rate, top), batch=batch, step_s=step).mean_s


def unhindered_s(r: Replica, t: Traffic, *, step_s: Any) -> Any:
    """Return the first token of an arrival that meets no other prompt."""
    fixed_s, prompts = arrival(r, step_s=step_s)
    return fixed_s + prompts * r.prefill_s(t.computed_prompt)


def arrival(r: Replica, *, step_s: Any) -> Charge:
    """Return the first-token charge of a request among arrivals."""
    k = r.first_token
    return Charge(k.arrival_s + k.arrival_steps * step_s, k.arrival_prompts * r.features.stages)


def waiting(r: Replica, t: Traffic, rate: Any, *, batch: Any, step_s: Any, stretch: Any = 1.0) -> queueing.Wait:
    """Return the wait of a prompt for others, with every cost but `step_s` scaled by `stretch`. The rows of a fit are arrays, all of
    them Poisson."""
    prompt = r.beside_s(t.computed_prompt, batch, per_step=rate * step_s) * stretch
    beside = r.efficiency.prefill_share * r.prefill_s(t.computed_prompt) * stretch
    room = most(r.step_tokens - batch, 1.0)
    chunks = queueing.chunks_of(t.computed_prompt, room)
    found = queueing.prompt_wait(rate, step_s=step_s, prompt_s=prompt, chunks=chunks, beside_s=beside)
    if not isinstance(t.burstiness, float | int) or t.burstiness == 1:
        return found
    if t.burstiness > 1:
        return queueing.even_wait(rate, step_s=step_s, prompt_s=prompt, chunks=chunks, burstiness=t.burstiness, beside_s=beside)
    service = prompt + (chunks > 1) * t.computed_prompt / room * step_s
    more = queueing.burst_wait(rate * service, prompt_s=service, burstiness=t.burstiness, together=room / t.computed_prompt)
    return queueing.Wait(max(found.mean_s + more.mean_s, 0.0), max(found.variance_s2 + more.variance_s2, 0.0))


def _own(t: Traffic, busy: Any, *, limit: Any) -> Any:
    """Return the size of the cluster that a request is in, the request included."""
    return least(queueing.cluster(busy, burstiness=t.burstiness, length_spread=t.length_spread), limit)


def _in_flight(t: Traffic, rate: Any, token_s: Any, *, limit: Any) -> Any:
    """Return the mean requests in flight, by Little's law."""
    found = rate * t.osl * token_s
    if t.num_requests is not None:
        # A run of n requests never reaches the batch of an endless one of B: n B / (n + B) is right at both ends.
        found = found / (1 + found / t.num_requests)
    return least(found, limit)


def busy_with_prompts(r: Replica, t: Traffic, rate: Any, *, batch: Any) -> Any:
    """Return the share of time by which prompts lengthen the steps."""
    step = r.step_s(batch, t.context)
    busy = least(rate * r.beside_s(t.computed_prompt, batch, per_step=rate * step), MAX_UTILISATION)
    return least(rate * r.beside_s(t.computed_prompt, batch, per_step=rate * step / (1 - busy)), MAX_UTILISATION)


def _step_over_batches(r: Replica, t: Traffic, others: Any, own: Any, *, limit: Any) -> Any:
    """Return the mean step over batch sizes; for dense models the cost is nearly straight in the batch."""
    experts = r.features.moe_layers > 0
    # Identity, not truth: in a fit the rows are an array, and dense and MoE rows stand side by side in it.
    if experts is False:
        return r.decode_s(least(most(1 + others, 1.0), limit), t.context)
    others = most(others, 0.0)
    return queueing.mean_over(lambda batch: r.decode_s(least(batch, limit), t.context), others, others * own * experts)


def _nearer(batch: Any, once: Any, follows: Callable[[Any], Any], *, limit: Any) -> Any:
    """Return the next estimate of the fixed point. While the batch grows, the fixed point lies beyond two plain steps."""
    twice = follows(once)
    bend = twice - 2 * once + batch
    jump = batch - (once - batch) ** 2 / (bend + (abs(bend) < TINY))
    grows = once >= batch
    return least(grows * most(jump, twice) + (1 - grows) * most(jump, 0.0), limit)
