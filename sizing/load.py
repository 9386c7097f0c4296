"""Operating points: what a replica does offline, in a closed loop, and under arrivals. All figures are of one replica."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sizing.calibration import arrivals, calibration_facts
from sizing.replica import Replica
from sizing.step import Bound, bound

CHUNK_TOKENS = 8192.0
OFFLINE_WAVES = 1e4
SCHEDULING_S = 0.05
MAX_UTILISATION = 0.97
FIXED_POINT_STEPS = 12


@dataclass(frozen=True, slots=True)
class Traffic:
    """Of one replica. Neither concurrency nor rate means offline: everything is queued at once."""

    isl: float
    osl: float
    concurrency: float | None = None
    request_rate: float | None = None
    burstiness: float = 1.0
    num_requests: float | None = None
    prefix_hit_rate: float = 0.0

    @property
    def context(self) -> float:
        return self.isl + self.osl / 2

    @property
    def computed_prompt(self) -> float:
        return max(self.isl * (1 - self.prefix_hit_rate), 1.0)


@dataclass(frozen=True, slots=True)
class Point:
    """Seconds are means; `batch` is requests in decode; `utilisation` is the demand over what the replica can serve."""

    requests_per_s: float
    ttft_s: float
    itl_s: float
    batch: float
    saturated: bool
    utilisation: float
    bound: Bound

    def e2e_s(self, osl: float) -> float:
        return self.ttft_s + max(osl - 1, 0) * self.itl_s


def operating_point(r: Replica, t: Traffic) -> Point:
    if t.concurrency is not None:
        return closed_loop(r, t, t.concurrency)
    if t.request_rate is not None:
        return open_loop(r, t, t.request_rate)
    return offline(r, t)


def capacity_per_s(r: Replica, t: Traffic) -> float:
    """Requests a second that one replica finishes with its batch full: beyond it a queue grows without end."""
    return _rate(r, t, r.max_batch(t.isl + t.osl))


def offline(r: Replica, t: Traffic) -> Point:
    """Waves of full batches, with the drain of the last one."""
    limit = r.max_batch(t.isl + t.osl)
    total = t.num_requests or OFFLINE_WAVES * limit
    batch = min(limit, total)
    waves = total / batch
    spread = min(1.0, batch * t.isl / (CHUNK_TOKENS * t.osl * r.features.attention_dp))
    drain = r.efficiency.drain * ((1 - spread) * (math.ceil(waves - 1e-9) - waves) + spread * 0.5)
    iterations = t.osl * (waves + drain)
    mean_batch = total * t.osl / iterations
    step, prompt = r.decode_s(mean_batch, t.context), r.prefill_s(t.computed_prompt)
    wall = (iterations * step + total * prompt) * _bubble(r)
    waiting = wall * max(0.0, 1 - 1 / waves) / 2 if t.num_requests else 0.0
    return _point(
        r, t, rate=total / wall, ttft_s=waiting + _released_together_s(r, t, batch), itl_s=step + mean_batch / t.osl * prompt,
        batch=batch, saturated=waves > 1, utilisation=1.0,
    )  # fmt: skip


def closed_loop(r: Replica, t: Traffic, concurrency: float) -> Point:
    limit = r.max_batch(t.isl + t.osl)
    batch = max(1.0, min(concurrency, limit))
    prompt = r.prefill_s(t.computed_prompt)
    share = r.efficiency.prefill_share
    first = r.decode_s(batch, t.context) + share * batch / t.osl * prompt
    decoding = batch * t.osl * first / (t.osl * first + prompt * (1 + 0.1 * batch**0.7) + SCHEDULING_S)
    itl = r.decode_s(decoding, t.context) + share * decoding / t.osl * prompt
    guard = calibration_facts()["queue_guard"]
    waiting = max(concurrency / (limit * guard) - 1, 0.0) * (prompt + t.osl * itl)
    ttft = _released_together_s(r, t, batch) + waiting
    rate = concurrency / (ttft + max(t.osl - 1, 0) * itl)
    return _point(
        r, t, rate=rate, ttft_s=ttft, itl_s=itl, batch=batch, saturated=concurrency > limit * guard, utilisation=concurrency / limit
    )


def open_loop(r: Replica, t: Traffic, rate: float) -> Point:
    """Arrivals: the batch is that of Little's law, the first token waits for the step in flight and for prompts before it."""
    limit, top = r.max_batch(t.isl + t.osl), capacity_per_s(r, t)
    prompt = r.prefill_s(t.computed_prompt)
    saturated = rate >= top
    batch = limit if saturated else _batch_in_flight(r, t, rate, limit=limit, prompt=prompt)
    itl = r.decode_s(batch, t.context) + r.efficiency.prefill_share * batch / t.osl * prompt
    busy = min(rate * prompt, MAX_UTILISATION) if not saturated else MAX_UTILISATION
    variation = (1 + 1 / t.burstiness) / 2
    ttft = _arriving_alone_s(r, t, batch) + prompt * busy / (2 * (1 - busy)) * variation
    if saturated:
        requests = t.num_requests or 500
        ttft += max(requests / 2 * (1 / top - 1 / rate), 0.0)
    return _point(r, t, rate=min(rate, top), ttft_s=ttft, itl_s=itl, batch=batch, saturated=saturated, utilisation=rate / top)


def _batch_in_flight(r: Replica, t: Traffic, rate: float, *, limit: float, prompt: float) -> float:
    """Fixed point of Little's law: in flight = rate x time in decode, the prefill taking its share of the GPU."""
    batch, free = 1.0, max(1 - r.efficiency.prefill_share * rate * prompt, 1 - MAX_UTILISATION)
    for _ in range(FIXED_POINT_STEPS):
        new = min(rate * t.osl * r.decode_s(batch, t.context) / free, limit)
        if abs(new - batch) < 0.003 * batch:
            break
        batch = max(new, 1.0)
    return batch


def _released_together_s(r: Replica, t: Traffic, batch: float) -> float:
    """First token where all requests in flight are released at once: own prompt, and part of everybody else's."""
    k, prompt = r.first_token, r.prefill_s(t.computed_prompt)
    step = r.decode_s(batch, t.context)
    stream = k.stream_steps * step if r.features.moe_layers else 0.0
    queue = prompt * r.features.stages * (k.own + k.others * max(batch - 1, 0) ** k.others_power)
    return k.fixed_s + stream + k.steps * k.step_scale * step + queue + k.sequence_s * batch


def _arriving_alone_s(r: Replica, t: Traffic, batch: float) -> float:
    """First token of an arrival: what is left of the step in flight, and the own prompt in a step beside the others' decode."""
    k = arrivals()
    return k.fixed_s + k.steps * r.decode_s(batch, t.context) + k.prompts * r.features.stages * r.prefill_s(t.computed_prompt)


def _rate(r: Replica, t: Traffic, batch: float) -> float:
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
