"""Operating points: what a replica does offline, in a closed loop, and under arrivals. All figures are of one replica."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sizing import neighbours, queueing
from sizing.arithmetic import ceiling, least, most, settled
from sizing.calibration import calibration_facts
from sizing.replica import Replica
from sizing.step import Bound, bound

CHUNK_TOKENS = 8192.0
OFFLINE_WAVES = 1e4
SCHEDULING_S = 0.05
MAX_UTILISATION = queueing.MOST_BUSY
FIXED_POINT_STEPS = 4
TINY = 1e-9
SATURATED_REQUESTS = 500


@dataclass(frozen=True, slots=True)
class Traffic:
    """Of one replica. Neither concurrency nor rate means offline: everything is queued at once. `length_spread` of answers is their
    standard deviation over the mean."""

    isl: float
    osl: float
    concurrency: float | None = None
    request_rate: float | None = None
    burstiness: float = 1.0
    num_requests: float | None = None
    prefix_hit_rate: float = 0.0
    length_spread: float = 0.0

    def at_rate(self, request_rate: float) -> Traffic:
        """The same requests, so many arriving a second."""
        return Traffic(
            self.isl, self.osl, self.concurrency, request_rate, self.burstiness, self.num_requests, self.prefix_hit_rate, self.length_spread
        )

    def in_flight(self, concurrency: float) -> Traffic:
        """The same requests, so many always in flight."""
        return Traffic(
            self.isl, self.osl, concurrency, self.request_rate, self.burstiness, self.num_requests, self.prefix_hit_rate, self.length_spread
        )

    @property
    def context(self) -> float:
        return self.isl + self.osl / 2

    @property
    def computed_prompt(self) -> float:
        return most(self.isl * (1 - self.prefix_hit_rate), 1.0)


@dataclass(frozen=True, slots=True)
class Point:
    """Seconds are means; `batch` is requests in decode as one of them sees it; `utilisation` is the demand over what can be served."""

    requests_per_s: float
    ttft_s: float
    itl_s: float
    batch: float
    saturated: bool
    utilisation: float
    bound: Bound

    def e2e_s(self, osl: float) -> float:
        return self.ttft_s + most(osl - 1, 0) * self.itl_s


def operating_point(r: Replica, t: Traffic, *, top: float | None = None) -> Point:
    """The closed form, and what measured points near the question say of it. `top`: `capacity_per_s`, where it is known already."""
    if t.concurrency is not None:
        point = closed_loop(r, t, t.concurrency)
    elif t.request_rate is not None:
        point = open_loop(r, t, t.request_rate, top=top)
    else:
        point = offline(r, t)
    return _advised(r, t, point)


def _advised(r: Replica, t: Traffic, point: Point) -> Point:
    """Times divided by the ratio predicted / measured that neighbours found; the rate follows from the times."""
    step = neighbours.by_neighbours("step", r, t)
    first = step if point.saturated else neighbours.by_neighbours("ttft", r, t)
    ttft, itl = point.ttft_s * first, point.itl_s * step
    if t.concurrency is not None:
        rate = t.concurrency / (ttft + most(t.osl - 1, 0) * itl)
    else:
        rate = point.requests_per_s if t.request_rate is not None and not point.saturated else point.requests_per_s / step
    return Point(rate, ttft, itl, point.batch, point.saturated, point.utilisation, point.bound)


def capacity_per_s(r: Replica, t: Traffic) -> float:
    """Requests a second that one replica finishes with its batch full: beyond it a queue grows without end."""
    plain = float(rate_per_s(r, t, r.max_batch(t.isl + t.osl)))
    full = t.at_rate(plain) if t.request_rate is not None else t
    return plain * math.exp(neighbours.advice("step", neighbours.point_of(r, full)).log_ratio)


def offline(r: Replica, t: Traffic) -> Point:
    """Waves of full batches, with the drain of the last one."""
    limit = r.max_batch(t.isl + t.osl)
    total = t.num_requests or OFFLINE_WAVES * limit
    wall, itl = offline_s(r, t, total=total, limit=limit)
    batch, waves = least(limit, total), total / least(limit, total)
    waiting = wall * most(0.0, 1 - 1 / waves) / 2 if t.num_requests else 0.0
    first = waiting + released_together_s(r, t, batch)
    return _point(r, t, rate=total / wall, ttft_s=first, itl_s=itl, batch=batch, saturated=waves > 1, utilisation=1.0)


def offline_s(r: Replica, t: Traffic, *, total: Any, limit: Any) -> tuple[Any, Any]:
    """Wall clock of the whole run, and the mean time between tokens. `tail`: answers of unequal length leave the last batch half empty."""
    batch = least(limit, total)
    waves = total / batch
    spread = least(1.0, batch * t.isl / (CHUNK_TOKENS * t.osl * r.features.attention_dp))
    drain = r.efficiency.drain * ((1 - spread) * (ceiling(waves - 1e-9) - waves) + spread * 0.5) + r.efficiency.tail
    iterations = t.osl * (waves + drain)
    mean_batch = total * t.osl / iterations
    step, prompt = r.decode_s(mean_batch, t.context), r.prefill_s(t.computed_prompt)
    return (iterations * step + total * prompt) * _bubble(r), step + mean_batch / t.osl * prompt


def closed_loop(r: Replica, t: Traffic, concurrency: float) -> Point:
    limit = r.max_batch(t.isl + t.osl)
    batch = most(1.0, least(concurrency, limit))
    prompt, itl = r.prefill_s(t.computed_prompt), closed_itl_s(r, t, batch)
    guard = calibration_facts()["queue_guard"]
    waiting = most(concurrency / (limit * guard) - 1, 0.0) * (prompt + t.osl * itl)
    ttft = released_together_s(r, t, batch) + waiting
    rate = concurrency / (ttft + most(t.osl - 1, 0) * itl)
    return _point(
        r, t, rate=rate, ttft_s=ttft, itl_s=itl, batch=batch, saturated=concurrency > limit * guard, utilisation=concurrency / limit
    )


def closed_itl_s(r: Replica, t: Traffic, batch: Any) -> Any:
    """Mean time between tokens with `batch` requests in flight: some of them are in their prompt, whose work the others wait for."""
    share, prompt = r.efficiency.prefill_share, r.prefill_s(t.computed_prompt)
    first = r.decode_s(batch, t.context) + share * batch / t.osl * prompt
    decoding = batch * t.osl * first / (t.osl * first + prompt * (1 + 0.1 * batch**0.7) + SCHEDULING_S)
    return r.decode_s(decoding, t.context) + share * decoding / t.osl * prompt


def open_loop(r: Replica, t: Traffic, rate: float, *, top: float | None = None) -> Point:
    """Arrivals: the batch is that of Little's law, the first token waits for the step in flight and for prompts before it."""
    limit = r.max_batch(t.isl + t.osl)
    top = capacity_per_s(r, t) if top is None else top
    saturated = rate >= top
    batch, itl = open_steps(r, t, rate, limit=limit)
    ttft = arriving_s(r, t, rate, batch=batch, top=top)
    if saturated:
        ttft += (t.num_requests or SATURATED_REQUESTS) / 2 * (1 / top - 1 / rate)
    return _point(r, t, rate=least(rate, top), ttft_s=ttft, itl_s=itl, batch=batch, saturated=saturated, utilisation=rate / top)


def open_steps(r: Replica, t: Traffic, rate: Any, *, limit: Any, stretch: Any = 1.0) -> tuple[Any, Any]:
    """Requests in decode as one of them sees it, and the mean time between tokens, every cost drawn out by `stretch`: the fixed point of
    Little's law, by Steffensen's method. What is in flight in the mean, and beyond it its own cluster, is what a request meets; prompts
    take their share of its time. Over a run of few requests the batch of an endless one is never reached."""
    busy = busy_with_prompts(r, t, rate * stretch)
    own = least(queueing.cluster(busy, burstiness=t.burstiness, length_spread=t.length_spread), limit)

    def token_s(batch: Any) -> Any:
        return _step_over_batches(r, t, batch + own - 1, own, limit=limit) * stretch / (1 - busy)

    def follows(batch: Any) -> Any:
        arriving = rate * t.osl * token_s(batch)
        if t.num_requests is not None:
            arriving = arriving / (1 + arriving / t.num_requests)
        return least(arriving, limit)

    batch = 0.0 * limit
    for _ in range(FIXED_POINT_STEPS):
        before, batch = batch, _nearer(batch, follows(batch), follows, limit=limit)
        if settled(before, batch):
            break
    return least(most(batch + own, 1.0), limit), token_s(batch)


def busy_with_prompts(r: Replica, t: Traffic, rate: Any) -> Any:
    """Share of the time that the steps take longer for prompts."""
    return least(r.efficiency.prefill_share * rate * r.prefill_s(t.computed_prompt), MAX_UTILISATION)


def _step_over_batches(r: Replica, t: Traffic, others: Any, own: Any, *, limit: Any) -> Any:
    """Of dense models the cost is nearly straight in the batch."""
    experts = r.features.moe_layers > 0
    if experts is False:
        return r.decode_s(least(most(1 + others, 1.0), limit), t.context)
    others = most(others, 0.0)
    return queueing.mean_over(lambda batch: r.decode_s(least(batch, limit), t.context), others, others * own * experts)


def _nearer(batch: Any, once: Any, follows: Callable[[Any], Any], *, limit: Any) -> Any:
    """While the batch still grows the fixed point lies beyond two plain steps."""
    twice = follows(once)
    bend = twice - 2 * once + batch
    jump = batch - (once - batch) ** 2 / (bend + (abs(bend) < TINY))
    grows = once >= batch
    return least(grows * most(jump, twice) + (1 - grows) * most(jump, 0.0), limit)


def arriving_s(r: Replica, t: Traffic, rate: Any, *, batch: Any, top: Any) -> Any:
    """First token of an arrival: what is left of the step in flight, the own prompt in a step beside the others' decode, and the queue of
    prompts before it and beside it."""
    step = r.step_s(batch, t.context)
    return unhindered_s(r, t, step_s=step) + waiting(r, t, least(rate, top), batch=batch, step_s=step).mean_s


def unhindered_s(r: Replica, t: Traffic, *, step_s: Any) -> Any:
    """First token of an arrival that meets no other prompt."""
    k = r.first_token
    return k.arrival_s + k.arrival_steps * step_s + k.arrival_prompts * r.features.stages * r.prefill_s(t.computed_prompt)


def waiting(r: Replica, t: Traffic, rate: Any, *, batch: Any, step_s: Any) -> queueing.Wait:
    """Of a prompt for others. Rows of a fit are arrays, and all of them Poisson."""
    prompt = r.efficiency.prefill_share * r.prefill_s(t.computed_prompt)
    chunks = queueing.chunks_of(t.computed_prompt, r.step_tokens - batch)
    found = queueing.prompt_wait(rate, step_s=step_s, prompt_s=prompt, chunks=chunks)
    if not isinstance(t.burstiness, float | int) or t.burstiness == 1:
        return found
    more = queueing.burst_wait(rate * prompt, prompt_s=prompt, burstiness=t.burstiness)
    return queueing.Wait(max(found.mean_s + more.mean_s, 0.0), max(found.variance_s2 + more.variance_s2, 0.0))


def released_together_s(r: Replica, t: Traffic, batch: Any) -> Any:
    """First token where all requests in flight are released at once: own prompt, and part of everybody else's."""
    k, prompt = r.first_token, r.prefill_s(t.computed_prompt)
    step = r.step_s(batch, t.context)
    queue = prompt * r.features.stages * (k.own + k.others * most(batch - 1, 0.0) ** k.others_power)
    return k.fixed_s + (k.steps + k.stream_steps * (r.features.moe_layers > 0)) * step + queue + k.sequence_s * batch


def rate_per_s(r: Replica, t: Traffic, batch: Any) -> Any:
    step, prompt = r.decode_s(batch, t.context), r.prefill_s(t.computed_prompt)
    return batch / (t.osl * (step + batch / t.osl * prompt) * _bubble(r))


def _bubble(r: Replica) -> float:
    stages = r.features.stages
    return 1 + r.efficiency.bubble * (stages - 1) / stages


def _point(r: Replica, t: Traffic, *, rate: float, ttft_s: float, itl_s: float, batch: float, saturated: bool, utilisation: float) -> Point:
    cap = r.concurrency(t.isl + t.osl)
    full = saturated and cap < r.settings.max_num_seqs
    prefill = batch / t.osl * r.prefill_s(t.computed_prompt)
    limit: Bound = "kv" if full else bound(r.features, r.efficiency, batch, t.context, prefill_s_per_step=prefill)
    return Point(rate, ttft_s, itl_s, batch, saturated, utilisation, limit)
