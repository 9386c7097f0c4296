"""Operating points: what a replica does offline, in a closed loop, and under arrivals. All figures are of one replica."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sizing.arithmetic import ceiling, least, most
from sizing.speed import closed_loop as loops
from sizing.speed import hardware_floor, queueing, residuals
from sizing.speed.constants import calibration_facts, noise
from sizing.speed.open_loop import Charge, Queue, arrival, arriving_s, open_steps, queue, unhindered_s, waiting
from sizing.speed.replica import Replica
from sizing.speed.step_time import Bound, bound
from sizing.speed.traffic import Traffic

# Tokens of a step in the offline tables that `drain` was fitted to (max_num_tokens of TensorRT-LLM), so it does not
# follow the question's own setting.
CHUNK_TOKENS = 8192.0
# A queue without end, in full batches: the drain of the last one is then below 0.01 % of the run.
OFFLINE_WAVES = 1e4
# Chosen with all rows in view and never refitted, as the 0.1 x batch^0.7 beside it: what a request is in flight for
# beyond its prompt and its tokens (form of 2026-11-21).
SCHEDULING_S = 0.05
FIXED_POINT_STEPS = 4
# Beyond the capacity a queue grows for as long as requests come, so a first token needs a length of the run. Where
# nobody says one, this is assumed.
SATURATED_REQUESTS = 500
# One request in a thousand seconds: no two ever meet.
IDLE_PER_S = 1e-3
# Of what answers grow by: the share that is computed anew, and how much of it is spared where several answers end
# with one step. Fitted to simulated queues (2026-11-27), not to measurements.
TAKEN_BACK, TOGETHER = 0.8, 0.4
# The work of a round and the formula of the time between tokens differ by up to 2 % in simulated loops whose prompts
# hardly wait (2026-11-30). The floor is lowered by that, so that it does not lengthen loops that are not bound by it.
AGREE = 0.98
# Published closed loops (InferenceX) send ten requests for each in flight, all released together; the constants of
# first tokens are those of such a run.
ROUNDS = 10.0


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


class Advice(NamedTuple):
    """What measured points say of first tokens: factors on them among arrivals, of one request in a loop and of one that arrives; on the
    steps of one request; and 1 where loops of one request were measured nearer than arrivals, else 0."""

    among: Any
    loop: Any
    idle: Any
    step: Any
    loop_is_nearer: Any


class Drifted(NamedTuple):
    """A closed loop without end: seconds, before what measured points near the question say of them; `wait` after it."""

    first_s: float
    token_s: float
    wait: queueing.Wait


def operating_point(r: Replica, t: Traffic, *, top: float | None = None) -> Point:
    """Return the closed form, corrected by measured points near the question. `top` is `capacity_per_s` where the caller has it already."""
    if t.concurrency is not None:
        point = closed_loop(r, t, t.concurrency)
    elif t.request_rate is not None:
        point = open_loop(r, t, t.request_rate, top=top)
    else:
        point = offline(r, t)
    return _advised(r, t, point)


def _advised(r: Replica, t: Traffic, point: Point) -> Point:
    """Return the point with its times corrected by the residuals of neighbours; the rate follows from the times."""
    step = residuals.by_neighbours("step", r, t)
    first = step if point.saturated else _first_advice(r, t, batch=point.batch)
    ttft = max(point.ttft_s * first, hardware_floor.prompt_s(r, t.computed_prompt))
    itl = max(point.itl_s * step, hardware_floor.token_s(r, t))
    if t.concurrency is not None:
        ttft, itl, rate = _worked_off(r, t, ttft_s=ttft, itl_s=itl, stretch=step)
    elif t.request_rate is not None:
        rate = point.requests_per_s if not point.saturated else point.requests_per_s / step
    else:
        rate = min(point.requests_per_s / step, 1 / hardware_floor.request_s(r, t))
    return Point(rate, ttft, itl, point.batch, point.saturated, point.utilisation, point.bound)


def _first_advice(r: Replica, t: Traffic, *, batch: float) -> float:
    return closed_advice(r, t, batch=batch) if t.concurrency is not None else residuals.by_neighbours("ttft", r, t)


def _worked_off(r: Replica, t: Traffic, *, ttft_s: float, itl_s: float, stretch: float) -> tuple[float, float, float]:
    """First token, time between tokens, and requests a second. A closed loop goes round no faster than its GPUs do its work: the prompts of
    all, and a step for each token of an answer. A step holds no more prompts than its tokens, so that beyond them the first tokens wait
    and not the later ones. In a run of one round, all released together, requests wait for half of the others in the mean."""
    assert t.concurrency is not None
    writes = max(t.osl - 1, 0.0)
    limit = r.max_batch(t.isl + t.osl)
    # The formula alone had closed loops answer faster than their GPUs could compute the prompts, where answers are
    # short.
    inside = max(min(t.concurrency, limit * calibration_facts()["queue_guard"]), 1.0)
    prompt = r.beside_s(t.computed_prompt, inside, per_step=inside / t.osl) * stretch
    a_step = most(r.step_tokens - inside, 1.0) / t.computed_prompt
    writing = min(inside * writes * itl_s / (ttft_s + writes * itl_s), _decoding(r, t, max(min(t.concurrency, limit), 1.0)))
    step = r.decode_s(max(writing, 1.0), t.context) * stretch
    itl = min(itl_s, step + prompt * a_step)
    round_s = AGREE * t.concurrency / inside * (inside * prompt + max(writes, inside / a_step) * step)
    round_s = max(round_s, t.concurrency * hardware_floor.request_s(r, t))
    released = t.concurrency / t.num_requests if t.num_requests else 0.0
    ttft = max(ttft_s, (round_s - writes * itl) * (1 - min(released, 1.0) / 2))
    return ttft, itl, t.concurrency / max(round_s, ttft + writes * itl)


def capacity_per_s(r: Replica, t: Traffic) -> float:
    """Return the highest rate that one replica finishes, with its batch full; at higher rates a queue grows without end."""
    plain = float(rate_per_s(r, t, min(r.max_batch(t.isl + t.osl), brought_in(r, t))))
    full = t.at_rate(plain) if t.request_rate is not None else t
    return min(plain * math.exp(residuals.advice("step", residuals.point_of(r, full))), 1 / hardware_floor.request_s(r, t))


def brought_in(r: Replica, t: Traffic) -> float:
    """Return the most requests in decode where prompts are long beside answers: as many as full steps of prompts admit while one answer
    is written."""
    return max(r.step_tokens * t.osl / (t.computed_prompt + t.osl), 1.0)


def offline(r: Replica, t: Traffic) -> Point:
    """Return the point of a queue that is all there at the start: waves of full batches, and the drain of the last one."""
    limit, again = filled(r, t)
    total = t.num_requests or OFFLINE_WAVES * limit
    wall, itl = offline_s(r, t, total=total, limit=limit, again=again if total > limit else 0.0)
    batch, waves = least(limit, total), total / least(limit, total)
    waiting = wall * most(0.0, 1 - 1 / waves) / 2 if t.num_requests else 0.0
    first = waiting + released_together_s(r, t, batch)
    return _point(r, t, rate=total / wall, ttft_s=first, itl_s=itl, batch=batch, saturated=waves > 1, utilisation=1.0)


def filled(r: Replica, t: Traffic) -> tuple[float, float]:
    """Return the batch of a full replica, and the tokens computed again, as a share of the prompts.

    An engine that reserves holds whole requests. One that admits by the prompt holds more, with answers half written on average; as they
    grow it preempts requests that have just begun. What is computed again is at most the answer, less what the prefix cache keeps. It is
    less where answers are short beside prompts, since room for a prompt is then rarely free, and where several answers end with each
    step. The constants are from simulated queues of 128 to 4,096 tokens and 40 to 500 requests at once.
    """
    whole, seqs = r.max_batch(t.isl + t.osl), float(r.settings.max_num_seqs)
    held = r.kv.running_bytes(t.context)
    if not r.engine.admits_by_prompt or whole >= seqs or not held:
        return whole, 0.0
    batch = r.kv_bytes / held * r.features.attention_dp
    if batch >= seqs:
        return seqs, 0.0
    grown, ends = t.osl / t.isl, batch / t.osl
    return batch, TAKEN_BACK * grown * math.tanh(grown**0.5) / (1 + TOGETHER * grown**0.5 * ends**1.5)


def offline_s(r: Replica, t: Traffic, *, total: Any, limit: Any, again: Any = 0.0) -> tuple[Any, Any]:
    """Return the wall-clock time of the whole run and the mean time between tokens. Answers of unequal length leave the last batch half
    empty: by `tail`, fitted to measured runs, or by the longest of answers spread evenly about their mean. `again` is what is computed
    again, as a share of the prompts."""
    batch = least(limit, total)
    waves = total / batch
    spread = least(1.0, batch * t.isl / (CHUNK_TOKENS * t.osl * r.features.attention_dp))
    tail = most(r.efficiency.tail, 3**0.5 * t.length_spread)
    drain = r.efficiency.drain * ((1 - spread) * (ceiling(waves - 1e-9) - waves) + spread * 0.5) + tail
    iterations = t.osl * (waves + drain)
    mean_batch = total * t.osl / iterations
    step = r.decode_s(mean_batch, t.context)
    prompt = (r.prefill_s(t.computed_prompt) - r.hidden_s(t.computed_prompt, mean_batch, per_step=mean_batch / t.osl)) * (1 + again)
    return (iterations * step + total * prompt) * _bubble(r), step + mean_batch / t.osl * prompt


def closed_loop(r: Replica, t: Traffic, concurrency: float) -> Point:
    """Return the point of a closed loop whose requests in flight are released together, as load generators do.

    In a run of more than `ROUNDS` requests for each in flight, the longer wait of the first ones is averaged over all. An infinite
    `num_requests` is an endless loop.
    """
    limit = r.max_batch(t.isl + t.osl)
    batch = most(1.0, least(concurrency, limit))
    ttft, itl = released_together_s(r, t, batch), closed_itl_s(r, t, batch)
    early = together(t)
    if early < 1:
        settled = drifted_apart(r, t, batch)
        ttft, itl = early * ttft + (1 - early) * settled.first_s, early * itl + (1 - early) * settled.token_s
    guard = calibration_facts()["queue_guard"]
    # Counting the wait from the computed capacity on makes first tokens 42 times too long in the worst row, 163 times
    # where the capacity is computed 15 % low. From 1.3 times it on (`queue_guard`) the worst is 4.3 in both cases,
    # and the error of unsaturated rows stays (2026-11-21).
    ttft += most(concurrency / (limit * guard) - 1, 0.0) * (r.prefill_s(t.computed_prompt) + t.osl * itl)
    rate = concurrency / (ttft + most(t.osl - 1, 0) * itl)
    return _point(
        r, t, rate=rate, ttft_s=ttft, itl_s=itl, batch=batch, saturated=concurrency > limit * guard, utilisation=concurrency / limit
    )


def together(t: Traffic) -> float:
    """Return the share of a closed loop's requests that wait like those released together: all where no number of requests is given."""
    rounds = t.num_requests / t.concurrency if t.concurrency and t.num_requests else 0.0
    return ROUNDS / rounds if rounds > ROUNDS else 1.0


def drifted_apart(r: Replica, t: Traffic, batch: float) -> Drifted:
    """Return the steady state of an endless closed loop, in which prompts meet by chance and no longer all at once. The wait is made of
    steps as neighbours correct them; the first token before the wait is uncorrected."""
    step, longer, first = r.step_s(batch, t.context), residuals.by_neighbours("step", r, t), closed_advice(r, t, batch=batch)
    charge = alone(r, t, step_s=step, batch=batch)
    unhindered = charge.fixed_s + charge.prompts * r.prefill_s(t.computed_prompt)
    loop = _loop(r, t, batch, step_s=step * longer, longer=longer, charged_s=unhindered * first)
    found = Drifted(unhindered, _drifted_itl_s(r, t, batch, first_s=unhindered), loops.NO_WAIT)
    for _ in range(FIXED_POINT_STEPS):
        rate = batch / (found.first_s * first + most(t.osl - 1, 0) * found.token_s * longer)
        wait = loops.wait(replace(loop, token_s=found.token_s * longer), rate)
        ttft = unhindered + (most(-loop.after_s, 0.0) + wait.mean_s) / first
        found = Drifted(ttft, _drifted_itl_s(r, t, batch, first_s=ttft), wait)
    return found


def _loop(r: Replica, t: Traffic, batch: float, *, step_s: float, longer: float, charged_s: float) -> loops.Loop:
    prompt = r.beside_s(t.computed_prompt, batch, per_step=batch / t.osl) * longer
    room = most(r.step_tokens - batch, 1.0)
    beside = math.inf if r.engine.cuts_prompts else most(room / t.computed_prompt - 1.5, 0.0)
    return loops.Loop(
        requests=batch, step_s=step_s, token_s=step_s, prompt_s=prompt,
        another_s=r.efficiency.prefill_share * r.prefill_s(t.computed_prompt) * longer, chunks=queueing.chunks_of(t.computed_prompt, room),
        share=t.computed_prompt / room, beside=beside, after_s=charged_s - (1 + loops.in_flight(batch) / 2) * step_s - prompt,
        varies_s=noise("ttft") / queueing.Z * charged_s,
    )  # fmt: skip


def closed_itl_s(r: Replica, t: Traffic, batch: Any) -> Any:
    """Return the mean time between tokens with `batch` requests in flight, some of them in their prompt, which delays the others.

    The fewer requests there are, the more of the prompts are a request's own, which ends before its first token: a request alone sees
    plain steps.
    """
    decoding = _decoding(r, t, batch)
    # One request alone meets no prompts of others: rows with one request in flight and 28,650 tokens in are met only
    # so (2026-11-30).
    prompts = (decoding - _lonely(batch)) / t.osl * _prompt_among_all_s(r, t, batch)
    return r.decode_s(decoding, t.context) + prompts


def _prompt_among_all_s(r: Replica, t: Traffic, batch: Any) -> Any:
    """Return by how much a prompt lengthens the steps that it is in while those who were released together are still there: steps full
    of prompts."""
    full = most((r.step_tokens - batch) / t.computed_prompt, 0.0)
    return r.beside_s(t.computed_prompt, batch, per_step=most(least(full, batch), batch / t.osl))


def _decoding(r: Replica, t: Traffic, batch: Any) -> Any:
    """Return how many of `batch` requests in flight are decoding, as one of them sees it."""
    prompt, lonely = r.prefill_s(t.computed_prompt), _lonely(batch)
    writing = t.osl * r.decode_s(batch, t.context) + (batch - lonely) * _prompt_among_all_s(r, t, batch)
    return lonely + (1 - lonely) * batch * writing / (writing + prompt * (1 + 0.1 * batch**0.7) + SCHEDULING_S)


def _lonely(batch: Any) -> Any:
    """Return 1 with one request in flight, falling to nothing with several."""
    return math.e ** (1 - batch)


def _drifted_itl_s(r: Replica, t: Traffic, batch: float, *, first_s: float) -> float:
    """Return the time between tokens as `_together_itl_s` does where the time in the prompt is known, and none waits for its own prompt."""
    met = r.beside_s(t.computed_prompt, batch, per_step=batch / t.osl) / t.osl
    writing = t.osl * (r.decode_s(batch, t.context) + (batch - 1) * met)
    others = (batch - 1) * writing / (writing + first_s)
    return r.decode_s(1 + others, t.context) + others * met


def open_loop(r: Replica, t: Traffic, rate: float, *, top: float | None = None) -> Point:
    """Return the point under arrivals. Little's law gives the batch; the first token waits for the step in flight and for prompts before
    it. Neighbours correct the unhindered first token, and through the corrected steps the queue."""
    limit = r.max_batch(t.isl + t.osl)
    top = capacity_per_s(r, t) if top is None else top
    saturated = rate >= top
    batch, itl = open_steps(r, t, rate, limit=limit)
    if saturated:
        ttft = arriving_s(r, t, rate, batch=batch, top=top) + (t.num_requests or SATURATED_REQUESTS) / 2 * (1 / top - 1 / rate)
    else:
        wait = queue(r, t, rate, limit=limit, token_s=itl * residuals.by_neighbours("step", r, t)).wait
        ttft = (charged_s(r, t, first_charge(r, t, batch=batch)) + wait.mean_s) / residuals.by_neighbours("ttft", r, t)
    return _point(r, t, rate=least(rate, top), ttft_s=ttft, itl_s=itl, batch=batch, saturated=saturated, utilisation=rate / top)


def alone(r: Replica, t: Traffic, *, step_s: Any, batch: Any) -> Charge:
    """Return the first-token charge in a closed loop: what `released_together_s` says beside others' prompts. The runs that it was
    fitted to had their prompts cut in chunks too, so that where nobody else is there a step for each of them is in it, and the queue
    adds it a second time."""
    k = r.first_token
    # `sim` (TensorRT-LLM with experts): all its published MoE rows have first tokens 12 to 20 steps late, as if
    # tokens were streamed in intervals of 20. The files do not say so.
    steps = k.steps + k.stream_steps * (r.features.moe_layers > 0)
    prompts = k.own * r.features.stages - _chunks_s(r, t, step_s=step_s, batch=batch) / r.prefill_s(t.computed_prompt)
    return Charge(k.fixed_s + steps * step_s + k.sequence_s * batch, most(prompts, 0.0))


def first_charge(r: Replica, t: Traffic, *, batch: float) -> Charge:
    """Return the cost of a first token among arrivals before any queue, corrected by neighbours."""
    return charge_of(r, t, batch=batch, advice=advice_on_first(r, t, residuals.FACTS))


def charge_of(r: Replica, t: Traffic, *, batch: Any, advice: Advice) -> Charge:
    """Return the charge of a first token before any queue: never less than with nobody else there."""
    lone = _lone_charge(r, one_alone(t), advice)
    among = _times(_arriving(r, t, step_s=r.step_s(batch, t.context)), advice.among)
    others = loops.in_flight(batch) * (charged_s(r, t, among) > charged_s(r, t, lone))
    return Charge(*(one + others * (some - one) for one, some in zip(lone, among, strict=True)))


def advice_on_first(r: Replica, t: Traffic, measured: residuals.ResidualSource) -> Advice:
    """Return the advice on first tokens, by the facts or by those of a fit."""
    loop = one_alone(t)
    idle = residuals.point_of(r, replace(loop, concurrency=None, request_rate=IDLE_PER_S))
    nearer = measured.nearest("ttft", residuals.point_of(r, loop)) > measured.nearest("ttft", idle)
    arriving = measured.factor_at_a_measured_load("ttft", idle)
    return Advice(
        measured.factor("ttft", r, t), measured.factor("ttft", r, loop), arriving, measured.factor("step", r, loop), float(nearer)
    )


def closed_advice(r: Replica, t: Traffic, *, batch: float) -> float:
    """Return the factor on first tokens of a closed loop: the correction by neighbours, which approaches that of a single request the
    fewer requests there are."""
    lonely, one = 1 - loops.in_flight(batch), one_alone(t)
    whole = charged_s(r, one, lone_charge(r, one)) + _chunks_s(r, one, step_s=r.step_s(1.0, t.context), batch=1.0)
    alone_s = float(released_together_s(r, one, 1.0))
    return float(residuals.by_neighbours("ttft", r, t) ** (1 - lonely) * (whole / alone_s) ** lonely)


@functools.lru_cache(4096)
def lone_charge(r: Replica, t: Traffic) -> Charge:
    """Return the first-token charge of one request on an idle server; it is the same for a loop and for arrivals."""
    return _lone_charge(r, t, advice_on_first(r, t, residuals.FACTS))


def _lone_charge(r: Replica, t: Traffic, advice: Advice) -> Charge:
    """Return the charge by the runs of loops where those were measured nearer, else by the lower of what loops and arrivals say. Loops
    were mostly measured with several in flight, arrivals with short prompts. Never less than the step that its prompt is in takes."""
    step = r.step_s(1.0, t.context)
    loop = _times(alone(r, t, step_s=step, batch=1.0), advice.loop)
    arriving = _times(_arriving(r, t, step_s=step), advice.idle)
    lower = (1 - advice.loop_is_nearer) * (charged_s(r, t, arriving) < charged_s(r, t, loop))
    own = r.beside_s(t.computed_prompt, 1.0, per_step=0.0) / r.prefill_s(t.computed_prompt)
    walked = _times(Charge(step, own), advice.step)
    return _dearer(r, t, _between(loop, arriving, lower), walked)


def _arriving(r: Replica, t: Traffic, *, step_s: Any) -> Charge:
    """Arrivals were measured with short prompts, whose work hides beside the reading of weights; a long one, which was measured alone,
    takes its own step and its whole time."""
    own = r.first_token.own * r.features.stages - r.hidden_s(t.computed_prompt, 1.0, per_step=0.0) / r.prefill_s(t.computed_prompt)
    return _dearer(r, t, arrival(r, step_s=step_s), Charge(step_s, most(own, 0.0)))


def _dearer(r: Replica, t: Traffic, one: Charge, other: Charge) -> Charge:
    return _between(one, other, 1.0 * (charged_s(r, t, other) > charged_s(r, t, one)))


def _between(one: Charge, other: Charge, share: Any) -> Charge:
    return Charge(*(a + share * (b - a) for a, b in zip(one, other, strict=True)))


def _chunks_s(r: Replica, t: Traffic, *, step_s: Any, batch: Any) -> Any:
    """Return the time of the steps that a prompt of several chunks takes beyond its first, with no other request there."""
    chunks = queueing.chunks_of(t.computed_prompt, most(r.step_tokens - batch, 1.0))
    return (chunks - 1) * step_s * (1 - loops.in_flight(batch))


def one_alone(t: Traffic) -> Traffic:
    """Return the traffic of the same request alone."""
    return Traffic(t.isl, t.osl, concurrency=1.0, prefix_hit_rate=t.prefix_hit_rate)


def _times(charge: Charge, factor: Any) -> Charge:
    return Charge(charge.fixed_s * factor, charge.prompts * factor)


def charged_s(r: Replica, t: Traffic, charge: Charge) -> Any:
    return charge.fixed_s + charge.prompts * r.prefill_s(t.computed_prompt)


def arrival_parts(r: Replica, t: Traffic, point: Point) -> tuple[float, Queue]:
    """Return the seconds of an unhindered first token and the queue before it, which make up the mean of `point`. At saturation both
    follow from the formula alone."""
    rate, step = point.requests_per_s, r.step_s(point.batch, t.context)
    if point.saturated:
        return unhindered_s(r, t, step_s=step), Queue(step, waiting(r, t, rate, batch=point.batch, step_s=step))
    found = queue(r, t, rate, limit=r.max_batch(t.isl + t.osl), token_s=point.itl_s)
    return charged_s(r, t, first_charge(r, t, batch=point.batch)), found


def released_together_s(r: Replica, t: Traffic, batch: Any) -> Any:
    """Return the first token where all requests in flight are released at once: the own prompt, and part of all others."""
    k, prompt = r.first_token, r.prefill_s(t.computed_prompt)
    step = r.step_s(batch, t.context)
    queue = prompt * r.features.stages * (k.own + k.others * most(batch - 1, 0.0) ** k.others_power)
    return k.fixed_s + (k.steps + k.stream_steps * (r.features.moe_layers > 0)) * step + queue + k.sequence_s * batch


def rate_per_s(r: Replica, t: Traffic, batch: Any) -> Any:
    step = r.decode_s(batch, t.context)
    prompt = r.prefill_s(t.computed_prompt) - r.hidden_s(t.computed_prompt, batch, per_step=batch / t.osl)
    return batch / (t.osl * (step + batch / t.osl * prompt) * _bubble(r))


def _bubble(r: Replica) -> float:
    stages = r.features.stages
    # One number for all prompts. PP8 over PCIe is predicted 28 to 50 % too fast at short prompts, because the real
    # bubble depends on their length.
    return 1 + r.efficiency.bubble * (stages - 1) / stages


def _point(r: Replica, t: Traffic, *, rate: float, ttft_s: float, itl_s: float, batch: float, saturated: bool, utilisation: float) -> Point:
    cap = r.concurrency(t.isl + t.osl)
    full = saturated and cap < r.settings.max_num_seqs
    prefill = batch / t.osl * r.prefill_s(t.computed_prompt)
    limit: Bound = "kv" if full else bound(r.features, r.efficiency, batch, t.context, prefill_s_per_step=prefill)
    return Point(rate, ttft_s, itl_s, batch, saturated, utilisation, limit)
