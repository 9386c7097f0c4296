"""A plan simulated: its load drawn or read, run through its replicas, and told as one record beside the closed forms."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections import Counter, abc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from inferstack.records.errors import InputError
from inferstack.records.load import Load
from inferstack.records.measurement import Quantiles
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from inferstack.records.simulation import Beside, Simulation
from sizing.engines.table import engine_named
from sizing.planning.demand import Demand, demand
from sizing.planning.replica_of_plan import replica_of
from sizing.simulation.arrivals import Arrivals, times
from sizing.simulation.lengths import Lengths
from sizing.simulation.sequence import Ask, Sequence
from sizing.simulation.simulator import Outcome, Router, Setup, simulate, stretch
from sizing.simulation.time_series import busy_s, moments, running_mean
from sizing.speed import percentiles
from sizing.speed.operating_point import ROUNDS, Point, operating_point
from sizing.speed.replica import Replica
from sizing.speed.start_up import start_up
from sizing.speed.traffic import Traffic

# A p99 of 2,000 requests rests on 20 of them.
FEWEST, MOST = 2000, 20000
# Length of a drawn run in times of one request: beginning and end, when the cluster is not full, are then few percent
# of it.
LIFETIMES = 50
# Quantiles of the order of sending, between which requests are held against the closed form, which knows no
# beginning.
STEADY = (0.1, 0.9)
# Standard deviation over the mean of drawn answers. With equal lengths the requests of a closed loop stay in step for
# ever, and their prompts meet each time.
VARIED = 0.2


@dataclass(frozen=True)
class Choices:
    """What a person may say besides the plan. None of `arrivals`: as the plan's load is. Answers of equal length that begin together end
    together, and what follows them comes together for ever: so lengths are not alike unless `spread` is 0. The router is vLLM's over its
    data-parallel ranks. `asks` are requests of a file."""

    arrivals: Arrivals | None = None
    spread: float = VARIED
    count: int | None = None
    seed: int = 0
    router: Router = "least-in-flight"
    asks: tuple[Ask, ...] = ()
    source: str = ""


def simulation(plan: Plan, choices: Choices) -> Simulation:
    """Return the simulated plan, always the same for the same choices. Raises InputError for arrivals that the plan's load does not
    allow."""
    r, wanted = replica_of(plan), demand(plan.request)
    arrivals = _arrivals(choices, wanted)
    asks = _from_zero(choices.asks or _drawn(plan, choices, arrivals, wanted=wanted))
    clients = math.ceil(wanted.traffic.concurrency or 0) if arrivals.kind == "closed" else None
    sent = _load(asks, clients)
    traffic = _traffic(sent, replicas=plan.layout.dp, in_turn=choices.router == "round-robin")
    drawn_out = stretch(r, traffic)
    startup = start_up(r, traffic, stretch=drawn_out)
    outcome = simulate(Setup(r, plan.layout.dp, choices.router, concurrency=clients, startup=startup, stretch=drawn_out), asks)
    between = startup.mean_s(r.prefill_s(traffic.computed_prompt))
    return _told(plan, choices, outcome, traffic=traffic, startup=between, says=_says(choices, arrivals), load=_as_asked(sent, arrivals))


def _arrivals(choices: Choices, wanted: Demand) -> Arrivals:
    closed = wanted.traffic.concurrency is not None
    if choices.asks:
        return Arrivals("trace")
    if choices.arrivals is None:
        burstiness = wanted.traffic.burstiness
        return Arrivals("closed") if closed else Arrivals("poisson") if burstiness == 1 else Arrivals("gamma", burstiness)
    if choices.arrivals.kind == "closed" and not closed:
        raise InputError(f"--arrivals closed: the plan's load is {wanted.says}, not requests in flight", hint="--arrivals poisson")
    return choices.arrivals


def _drawn(plan: Plan, choices: Choices, arrivals: Arrivals, *, wanted: Demand) -> tuple[Ask, ...]:
    """Arrivals and lengths have generators of their own: another spread leaves the arrivals as they are."""
    t = wanted.traffic
    count = choices.count or (10**6 if arrivals.kind == "trace" else plan.request.num_requests or _enough(plan))
    rate = t.request_rate or plan.prediction.requests_per_s.value
    sent = [0.0] * count if arrivals.kind == "closed" else times(arrivals, rate, count=count, rng=random.Random(f"arrivals {choices.seed}"))
    if not sent:
        raise InputError(f"{arrivals.trace}: contains no arrival")
    rng, lengths = random.Random(f"lengths {choices.seed}"), Lengths(t.isl, t.osl, choices.spread, t.prefix_hit_rate)
    return tuple(Ask(at, *lengths.draw(rng)) for at in sent)


def _from_zero(asks: tuple[Ask, ...]) -> tuple[Ask, ...]:
    """A trace may count from any moment; the first request is sent at 0."""
    first = min(one.sent_s for one in asks)
    return tuple(one._replace(sent_s=one.sent_s - first) for one in asks)


def _enough(plan: Plan) -> int:
    said = plan.prediction
    return min(max(FEWEST, math.ceil(LIFETIMES * said.requests_per_s.value * said.e2e_ms.value / 1e3)), MOST)


def _load(asks: abc.Sequence[Ask], clients: int | None) -> Load:
    """Return what was sent, by the means of the requests as they are."""
    prompts = sum(one.prompt for one in asks)
    outputs = [one.output for one in asks]
    lengths: dict[str, Any] = {
        "isl": prompts / len(asks), "osl": sum(outputs) / len(asks), "length_spread": _spread(outputs),
        "prefix_hit_rate": sum(one.cached for one in asks) / prompts, "num_requests": len(asks),
    }  # fmt: skip
    gaps = [after.sent_s - before.sent_s for before, after in itertools.pairwise(asks)]
    mean = statistics.fmean(gaps) if gaps else 0.0
    if clients is not None:
        return Load(kind="closed", concurrency=clients, **lengths)
    if not mean:
        return Load(kind="offline", **lengths)
    variation = statistics.pvariance(gaps, mean) / mean**2
    return Load(kind="open", request_rate=1 / mean, burstiness=1 / max(variation, 1e-3), **lengths)


def _traffic(load: Load, *, replicas: int, in_turn: bool) -> Traffic:
    """What a closed form is asked: the load of one replica. The closed form knows gaps that are more even where replicas take requests
    `in_turn`, and none of a router that looks at them."""
    shape = Traffic.of(load)
    assert shape.num_requests is not None
    shape = replace(shape, num_requests=shape.num_requests / replicas)
    if load.kind != "open":
        # Requests that all begin at one moment are those that a closed loop releases first.
        clients = load.concurrency or load.num_requests or 1
        return _loop(replace(shape, concurrency=max(clients / replicas, 1.0)))
    assert shape.request_rate is not None
    return shape.one_of(replicas) if in_turn else shape.at_rate(shape.request_rate / replicas)


def _loop(t: Traffic) -> Traffic:
    """A long run is without end where its first requests are left out of what stands beside the closed form."""
    assert t.concurrency is not None and t.num_requests is not None
    return replace(t, num_requests=math.inf) if t.num_requests > ROUNDS * t.concurrency else t


def _spread(lengths: list[int]) -> float:
    """Standard deviation over the mean."""
    mean = statistics.fmean(lengths)
    return math.sqrt(statistics.pvariance(lengths, mean)) / mean


def _as_asked(load: Load, arrivals: Arrivals) -> Load:
    """The burstiness that was asked for in place of that of the gaps that were drawn for it."""
    return load if load.kind != "open" or arrivals.kind == "trace" else load.model_copy(update={"burstiness": arrivals.burstiness})


def _says(choices: Choices, arrivals: Arrivals) -> str:
    return f"arrivals of {choices.source}" if choices.asks else arrivals.says


def _told(plan: Plan, choices: Choices, o: Outcome, *, traffic: Traffic, startup: float, says: str, load: Load) -> Simulation:
    done, dp = o.finished, plan.layout.dp
    first = min(one.sent_s for one in o.requests)
    duration = max((one.finished_s for one in done), default=first) - first
    tokens = sum(one.output for one in done)
    good = _within(plan.request, done)
    r = replica_of(plan)
    point = operating_point(r, traffic)
    found = _latencies(done)
    return Simulation(
        model=plan.model.id, engine=plan.engine, engine_version=plan.engine_version, instance_type=plan.instance_type, gpu=plan.gpu,
        replicas=dp, router=choices.router, policy=o.policy.says, load=load, arrivals=says, lengths=_lengths(choices, traffic),
        seed=None if choices.asks else choices.seed, requests=len(o.requests), completed=len(done),
        rejected=dict(sorted(Counter(one.rejected for one in o.rejected).items())), preemptions=sum(one.preemptions for one in o.requests),
        duration_s=_rounded(duration), offered_requests_per_s=_rounded(traffic.request_rate * dp) if traffic.request_rate else None,
        requests_per_s=_rate(len(done), duration), output_tokens=tokens, output_tokens_per_s=_rate(tokens, duration),
        goodput_requests_per_s=None if good is None else _rate(good, duration),
        goodput_share=None if good is None else _rounded(good / len(o.requests)), startup_ms=_rounded(startup * 1e3),
        ttft_ms=found["ttft_ms"], itl_ms=found["itl_ms"], itl_max_ms=found["itl_max_ms"], e2e_ms=found["e2e_ms"],
        queue_ms=found["queue_ms"], kv_high_water=_rounded(o.highest_bytes / o.capacity_bytes), running_mean=_rounded(running_mean(o)),
        utilisation=_rounded(busy_s(o) / ((first + duration) * dp)) if duration else 0.0,
        closed_form=tuple(_beside(r, traffic, point, _steady(done), replicas=dp)), moments=moments(o),
        notes=tuple(_notes(plan, o, point, loop_without_end=traffic.num_requests == math.inf)),
    )  # fmt: skip


def _lengths(choices: Choices, t: Traffic) -> str:
    if choices.asks:
        return f"of {choices.source}: {t.isl:,.0f} tokens in, {t.osl:,.0f} out in the mean"
    return Lengths(round(t.isl, 1), round(t.osl, 1), choices.spread).says


def _latencies(done: list[Sequence]) -> dict[str, Quantiles | None]:
    return {
        "ttft_ms": _quantiles([one.ttft_s * 1e3 for one in done]),
        "itl_ms": _quantiles([one.itl_s * 1e3 for one in done if one.itl_s is not None]),
        "itl_max_ms": _quantiles([one.longest_gap_s * 1e3 for one in done if one.output > 1]),
        "e2e_ms": _quantiles([one.e2e_s * 1e3 for one in done]),
        "queue_ms": _quantiles([one.queue_s * 1e3 for one in done]),
    }


def _within(request: Request, done: list[Sequence]) -> int | None:
    """Requests within every target; None where there is none."""
    targets = {name: getattr(request, f"{name}_ms") for name in ("ttft", "itl", "e2e")}
    given = {f"{name}_s": target / 1e3 for name, target in targets.items() if target is not None}
    if not given:
        return None
    return sum(all((getattr(one, name) or 0.0) <= target for name, target in given.items()) for one in done)


def _steady(done: list[Sequence]) -> list[Sequence]:
    """Return the requests of the steady state, in the order in which they finished, without those that began on an empty cluster or
    ended on an emptying one."""
    low, high = (int(share * len(done)) for share in STEADY)
    kept = sorted(done, key=lambda one: one.sent_s)[low:high]
    return sorted(kept or done, key=lambda one: one.finished_s)


def _beside(r: Replica, t: Traffic, point: Point, steady: list[Sequence], *, replicas: int) -> Iterator[Beside]:
    if len(steady) < 2:
        return
    seconds = steady[-1].sent_s - steady[0].sent_s if t.request_rate else steady[-1].finished_s - steady[0].finished_s
    rate = (len(steady) - 1) / seconds if seconds else 0.0
    yield _pair("requests_per_s", _rounded(rate), point.requests_per_s * replicas)
    mean = statistics.fmean(one.output for one in steady)
    yield _pair("output_tokens_per_s", _rounded(rate * mean), point.requests_per_s * replicas * t.osl)
    found, late = _latencies(steady), percentiles.p99_s(r, t, point)
    means: dict[percentiles.Figure, float] = {"ttft": point.ttft_s, "itl": point.itl_s, "e2e": point.e2e_s(t.osl)}
    for name, value in means.items():
        simulated = found[f"{name}_ms"]
        if simulated is not None:
            yield _pair(f"{name}_ms", simulated.mean, value * 1e3)
            yield _pair(f"{name}_p99_ms", simulated.p99, late[name] * 1e3)


def _pair(figure: str, simulated: float, closed_form: float) -> Beside:
    ratio = _rounded(simulated / closed_form) if closed_form else None
    return Beside(figure=figure, simulated=simulated, closed_form=_rounded(closed_form), ratio=ratio)


def _notes(plan: Plan, o: Outcome, point: Point, *, loop_without_end: bool) -> Iterator[str]:
    if point.saturated:
        yield f"the load is {point.utilisation:.2f} of a replica's capacity by formula: the queue grows while requests arrive"
    if any(one.preemptions for one in o.requests):
        yield "preempted requests lose their KV and are recomputed: fewer requests at once (max-num-seqs) or more KV avoid it"
    if o.policy.reserves:
        yield "each request reserves space for its whole answer; a larger max_tokens reserves more and admits fewer"
    yield from engine_named(plan.engine).simulation_notes
    if loop_without_end and plan.request.num_requests is None:
        yield (
            f"the plan's own TTFT of {plan.prediction.ttft_ms.value:,.0f} ms is of a run of {ROUNDS:g} requests for each in flight, "
            "all released together; once they have drifted apart it is the closed form above"
        )
    if plan.layout.pp > 1:
        yield "pipeline stages: a step is one round of all micro batches; a prompt's way through the later stages is part of the start-up"


def _quantiles(values: list[float]) -> Quantiles | None:
    found = Quantiles.of(values)
    return None if found is None else Quantiles(**{name: _rounded(value) for name, value in found})


def _rate(amount: float, seconds: float) -> float:
    return _rounded(amount / seconds) if seconds else 0.0


def _rounded(value: float) -> float:
    """Six significant digits: the same file on every platform."""
    return float(f"{value:.6g}")
