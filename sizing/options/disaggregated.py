"""Prefill and decode on replicas of their own: both fleets sized for a load, the KV transfer between them, beside the aggregated fleet."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from inferstack.records.errors import InputError
from sizing.planning.demand import planning
from sizing.speed.open_loop import MAX_UTILISATION
from sizing.speed.operating_point import capacity_per_s, operating_point
from sizing.speed.replica import Replica
from sizing.speed.traffic import Traffic

# 2^-40 of a full batch: the rest is rounding.
HALVINGS = 40
BASIS = (
    "assumed: no split deployment was measured; the first token waits for the whole KV over the link, without overlap, "
    "and the decode side runs no prompts"
)


@dataclass(frozen=True, slots=True)
class Side:
    """A replica of one fleet. `stretch` is what published runs near it say of its times."""

    replica: Replica
    stretch: float = 1.0

    def prompt_s(self, t: Traffic) -> float:
        return self.replica.prefill_s(t.computed_prompt) * self.stretch

    def decode_s(self, batch: float, t: Traffic) -> float:
        return self.replica.decode_s(batch, t.context) * self.stretch

    def decode_capacity_per_s(self, t: Traffic) -> float:
        """Requests a second with the batch full and no prompt in any step."""
        batch = self.replica.max_batch(t.isl + t.osl)
        return batch / (t.osl * self.decode_s(batch, t))


@dataclass(frozen=True, slots=True)
class Split:
    """Replicas and GPUs of each kind, and mean seconds of a request. `ttft_s` holds `transfer_s`; `*_busy` is the share of what a fleet can
    do that the load takes."""

    prefill_replicas: int
    decode_replicas: int
    gpus: int
    ttft_s: float
    itl_s: float
    transfer_s: float
    decode_batch: float
    prefill_busy: float
    decode_busy: float
    basis: str = BASIS


@dataclass(frozen=True, slots=True)
class Aggregated:
    """The same load on replicas that do both."""

    replicas: int
    gpus: int
    ttft_s: float
    itl_s: float


def split(prefill: Replica, decode: Replica, t: Traffic, *, link_bytes_per_s: float) -> Split:
    """Size prefill and decode replicas for the whole load `t.request_rate`; the link is that of one replica, NIC or NVLink. Raises
    InputError without a rate, without a link, for a replica that does not start and for unlike models."""
    _rate(t)
    for r in (prefill, decode):
        if r.why_not:
            raise InputError(f"no split fleet: a replica does not start: {r.why_not}")
    if prefill.shape.id != decode.shape.id:
        raise InputError(f"no split fleet: prefill runs {prefill.shape.id}, but decode runs {decode.shape.id}")
    if link_bytes_per_s <= 0:
        raise InputError(f"link_bytes_per_s: must be more than 0, not {link_bytes_per_s:g}")
    one, other = Side(prefill), Side(decode)
    transfer = kv_transfer_s(prefill, t.isl, link_bytes_per_s=link_bytes_per_s)
    prefills, decodes = needed(one, other, t, transfer_s=transfer, headroom=planning("headroom"))
    return served(one, other, t, prefills=prefills, decodes=decodes, transfer_s=transfer)


def needed(prefill: Side, decode: Side, t: Traffic, *, transfer_s: float, headroom: float) -> tuple[int, int]:
    """Return the fewest replicas of each side that stay within the headroom. A replica is busy with its own work, its link with the
    transfer; the longer of the two decides."""
    rate = _rate(t)
    prefills = math.ceil(rate * max(prefill.prompt_s(t), transfer_s) / headroom)
    decodes = math.ceil(rate / (headroom * decode.decode_capacity_per_s(t)))
    return max(prefills, 1), max(decodes, math.ceil(rate * transfer_s / headroom), 1)


def served(prefill: Side, decode: Side, t: Traffic, *, prefills: int, decodes: int, transfer_s: float) -> Split:
    """Return times and utilisation when this number of replicas on each side takes the whole load."""
    rate = _rate(t)
    batch = _batch(decode, t, rate / decodes)
    return Split(
        prefills, decodes, prefills * gpus(prefill.replica) + decodes * gpus(decode.replica),
        ttft_s=_first_s(prefill, t, rate / prefills) + transfer_s, itl_s=decode.decode_s(batch, t), transfer_s=transfer_s,
        decode_batch=batch, prefill_busy=rate * max(prefill.prompt_s(t), transfer_s) / prefills,
        decode_busy=rate / decodes / decode.decode_capacity_per_s(t),
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
    """Return the time in which the KV of one prompt, from all GPUs that hold a part, crosses the link of a replica."""
    return r.kv.running_bytes(tokens) * gpus(r) / r.features.attention_dp / link_bytes_per_s


def decode_capacity_per_s(r: Replica, t: Traffic) -> float:
    """Requests a second with the batch full and no prompt in any step."""
    return Side(r).decode_capacity_per_s(t)


def gpus(r: Replica) -> int:
    return r.layout.tp * r.layout.pp


def _rate(t: Traffic) -> float:
    if t.request_rate is None:
        raise InputError("request_rate: is needed to size prefill and decode separately")
    return t.request_rate


def _first_s(one: Side, t: Traffic, rate: float) -> float:
    """Return the first token's time: the own prompt and the queue of prompts before it, as under arrivals at an aggregated replica, but
    without a decode step to wait for."""
    r, prompt = one.replica, one.prompt_s(t)
    busy = min(rate * prompt, MAX_UTILISATION)
    queue = prompt * busy / (2 * (1 - busy)) * (1 + 1 / t.burstiness) / 2
    return r.first_token.arrival_s + r.first_token.arrival_prompts * r.features.stages * prompt + queue


def _batch(one: Side, t: Traffic, rate: float) -> float:
    """Little's law: the batch whose requests leave as fast as they come."""
    low, high = 1.0, max(one.replica.max_batch(t.isl + t.osl), 1.0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if middle < rate * t.osl * one.decode_s(middle, t) else (low, middle)
    return low
