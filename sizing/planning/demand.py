"""From what a person says of the load (requests or output tokens a second, users, tokens a day) to traffic, each assumption in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from inferstack.records.files.facts import load
from inferstack.records.load import Load
from inferstack.records.request import Request
from sizing.options.request import images_of
from sizing.speed.traffic import Traffic

SECONDS_A_DAY = 86400.0
# One request in a thousand seconds: the latencies that no number of replicas betters.
IDLE_PER_S = 1e-3


@dataclass(frozen=True, slots=True)
class Demand:
    """The load of the whole cluster, and the same as traffic. `says` names it as it was asked; `assumptions` what was added to it."""

    load: Load
    traffic: Traffic
    says: str
    assumptions: tuple[str, ...] = ()

    def share(self, replicas: int) -> Traffic:
        """Return the load of one of this many replicas; a closed loop has at least one request in flight."""
        t = self.traffic
        if t.num_requests:
            t = replace(t, num_requests=t.num_requests / replicas)
        if t.concurrency is not None:
            return t.in_flight(max(t.concurrency / replicas, 1.0))
        assert t.request_rate is not None
        return t.at_rate(t.request_rate / replicas)

    def idle(self) -> Traffic:
        """Return almost no load, of the same kind: it gives the best latencies that any number of replicas can reach."""
        t = self.traffic
        return t.in_flight(1.0) if t.request_rate is None else t.at_rate(min(t.request_rate, IDLE_PER_S))


def planning(name: str) -> Any:
    """An assumption of the planning facts."""
    return load("sizing")["calibration"]["planning"][name]["value"]


def demand(request: Request) -> Demand:
    """The tokens of images are part of the prompt. Raises InputError for images and a model without a vision tower."""
    if request.request_rate is not None:
        return _open(request, request.request_rate, f"{request.request_rate:g} requests/s")
    if request.tokens_per_s is not None:
        return _a_second(request, request.tokens_per_s)
    if request.tokens_per_day is not None:
        return _a_day(request, request.tokens_per_day)
    if request.users is not None:
        assumed = f"{request.users} users: each always has one request in flight, without a pause between answers"
        return _closed(request, request.users, f"{request.users} users", assumed)
    if request.concurrency is not None:
        return _closed(request, request.concurrency, f"{request.concurrency} requests in flight")
    return _closed(request, 1, "one request in flight", "no load given: sized for one request at a time")


def _closed(request: Request, concurrency: int, says: str, *assumptions: str) -> Demand:
    load = Load(kind="closed", concurrency=float(concurrency), **_lengths(request))
    return Demand(load, Traffic.of(load), says, assumptions)


def _open(request: Request, rate: float, says: str, *assumptions: str) -> Demand:
    load = Load(kind="open", request_rate=rate, burstiness=request.burstiness or 1.0, **_lengths(request))
    return Demand(load, Traffic.of(load), says, assumptions)


def _lengths(request: Request) -> dict[str, Any]:
    seen = images_of(request)
    return {
        "isl": request.isl + (seen.prompt_tokens if seen else 0.0),
        "osl": request.osl,
        "prefix_hit_rate": request.prefix_hit_rate,
        "num_requests": request.num_requests,
    }


def _a_second(request: Request, tokens: float) -> Demand:
    """Prompt tokens come on top: a target throughput is said in output tokens, as engines and benchmarks report it."""
    rate = tokens / request.osl
    assumed = f"{tokens:g} output tokens a second are {rate:.4g} requests/s with answers of {request.osl:g} tokens, arriving at random"
    return _open(request, rate, f"{tokens:g} output tokens/s", assumed)


def _a_day(request: Request, tokens: float) -> Demand:
    lengths = _lengths(request)
    peak, length = planning("peak_to_mean"), lengths["isl"] + request.osl
    rate = tokens / length / SECONDS_A_DAY * peak
    assumed = (
        f"{tokens:g} tokens a day, prompts and answers together, are {tokens / SECONDS_A_DAY:.4g} tokens/s or {rate / peak:.4g} requests/s "
        f"of {length:g} tokens in the mean; sized for {peak:g} times that in the busiest hour: {rate:.4g} requests/s"
    )
    return _open(request, rate, f"{tokens:g} tokens a day", assumed)
