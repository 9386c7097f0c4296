"""Prefill and decode on replicas of their own: both fleets sized for a load, the KV transfer between them, beside the aggregated fleet."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from records.errors import InputError
from sizing.demand import planning
from sizing.load import MAX_UTILISATION, Traffic, capacity_per_s, operating_point
from sizing.replica import Replica

HALVINGS = 60
BASIS = (
    "assumed: no split deployment was measured; the first token waits for the whole KV over the link, nothing overlaps, "
    "and the decode side runs no prompts"
)


@dataclass(frozen=True, slots=True)
class Split:
    """Replicas and GPUs of each kind, and mean seconds of a request. `ttft_s` holds `transfer_s`."""

    prefill_replicas: int
    decode_replicas: int
    gpus: int
    ttft_s: float
    itl_s: float
    transfer_s: float
    decode_batch: float
    basis: str = BASIS


@dataclass(frozen=True, slots=True)
class Aggregated:
    """The same load on replicas that do both."""

    replicas: int
    gpus: int
    ttft_s: float
    itl_s: float


def split(prefill: Replica, decode: Replica, t: Traffic, *, link_bytes_per_s: float) -> Split:
    """Of the whole load `t.request_rate`; the link is that of one replica, NIC or NVLink. Raises InputError without a rate,
    without a link, for a replica that does not start and for unlike models."""
    rate = _rate(t)
    for r in (prefill, decode):
        if r.why_not:
            raise InputError(f"no split fleet: a replica does not start: {r.why_not}")
    if prefill.shape.id != decode.shape.id:
        raise InputError(f"no split fleet: prefill runs {prefill.shape.id}, decode {decode.shape.id}")
    if link_bytes_per_s <= 0:
        raise InputError(f"link_bytes_per_s: must be more than 0, not {link_bytes_per_s:g}")
    full = planning("headroom")
    transfer = kv_transfer_s(prefill, t.isl, link_bytes_per_s=link_bytes_per_s)
    prompt = prefill.prefill_s(t.computed_prompt)
    # A replica is busy with a prompt, its link with a transfer; the longer of the two decides how many there are.
    prefills = math.ceil(rate * max(prompt, transfer) / full)
    decodes = math.ceil(rate / (full * decode_capacity_per_s(decode, t)))
    decodes = max(decodes, math.ceil(rate * transfer / full))
    batch = _batch(decode, t, rate / decodes)
    return Split(
        prefills, decodes, prefills * gpus(prefill) + decodes * gpus(decode),
        ttft_s=_first_s(prefill, t, rate / prefills) + transfer, itl_s=decode.decode_s(batch, t.context),
        transfer_s=transfer, decode_batch=batch,
    )  # fmt: skip


def aggregated(r: Replica, t: Traffic) -> Aggregated:
    """The smallest number of replicas below the headroom of a plan."""
    rate = _rate(t)
    if r.why_not:
        raise InputError(f"no fleet: the replica does not start: {r.why_not}")
    replicas = math.ceil(rate / (planning("headroom") * capacity_per_s(r, t)))
    point = operating_point(r, replace(t, request_rate=rate / replicas))
    return Aggregated(replicas, replicas * gpus(r), point.ttft_s, point.itl_s)


def kv_transfer_s(r: Replica, tokens: float, *, link_bytes_per_s: float) -> float:
    """KV of one prompt, of all GPUs that hold a part of it, over the link of a replica."""
    return r.kv.running_bytes(tokens) * gpus(r) / r.features.attention_dp / link_bytes_per_s


def decode_capacity_per_s(r: Replica, t: Traffic) -> float:
    """Requests a second with the batch full and no prompt in any step."""
    batch = r.max_batch(t.isl + t.osl)
    return batch / (t.osl * r.decode_s(batch, t.context))


def gpus(r: Replica) -> int:
    return r.layout.tp * r.layout.pp


def _rate(t: Traffic) -> float:
    if t.request_rate is None:
        raise InputError("request_rate: is needed to size prefill and decode apart")
    return t.request_rate


def _first_s(r: Replica, t: Traffic, rate: float) -> float:
    """Own prompt and the queue of prompts before it, as under arrivals of an aggregated replica, without a decode step to wait for."""
    prompt = r.prefill_s(t.computed_prompt)
    busy = min(rate * prompt, MAX_UTILISATION)
    queue = prompt * busy / (2 * (1 - busy)) * (1 + 1 / t.burstiness) / 2
    return r.first_token.arrival_s + r.first_token.arrival_prompts * r.features.stages * prompt + queue


def _batch(r: Replica, t: Traffic, rate: float) -> float:
    """Little's law: the batch whose requests leave as fast as they come."""
    low, high = 1.0, max(r.max_batch(t.isl + t.osl), 1.0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if middle < rate * t.osl * r.decode_s(middle, t.context) else (low, middle)
    return low
