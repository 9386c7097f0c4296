"""A discrete-event simulation of a plan: requests through a router to replicas that batch continuously, on the closed forms' own costs.

What the simulator does not walk through it takes from the closed form: the start-up between client and scheduler (`sizing.speed.start_up`).
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import abc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from sizing.simulation.batching import BatchingEngine, BatchSample
from sizing.simulation.kv_blocks import Blocks
from sizing.simulation.sequence import Ask, Policy, Sequence, policy
from sizing.speed.linear_step import IterationCost
from sizing.speed.open_loop import drawn_out, open_steps
from sizing.speed.replica import Replica
from sizing.speed.residuals import by_neighbours
from sizing.speed.start_up import NONE, SEED, StartUp
from sizing.speed.traffic import Traffic

Router = Literal["round-robin", "least-in-flight"]


@dataclass(frozen=True)
class Setup:
    """What is simulated. `concurrency` is of all replicas together; None means that requests are sent at their own time."""

    replica: Replica
    replicas: int = 1
    router: Router = "round-robin"
    concurrency: int | None = None
    offline: bool = False
    startup: StartUp = NONE
    stretch: float = 1.0
    jump: bool = True


@dataclass(frozen=True)
class Outcome:
    """`samples` are of each replica; `request_seconds` is the integral of requests in the engines over time."""

    requests: tuple[Sequence, ...]
    samples: tuple[tuple[BatchSample, ...], ...]
    policy: Policy
    capacity_bytes: int
    highest_bytes: int
    request_seconds: float
    steps: int

    @property
    def finished(self) -> list[Sequence]:
        return [one for one in self.requests if one.finished_s >= 0]

    @property
    def rejected(self) -> list[Sequence]:
        return [one for one in self.requests if one.rejected]


def simulate(setup: Setup, asks: abc.Sequence[Ask]) -> Outcome:
    """Run all requests until each has finished or is rejected with its reason. The result is deterministic."""
    rules, cost = policy(setup.replica), IterationCost(setup.replica, offline=setup.offline, stretch=setup.stretch)
    engines = [BatchingEngine(rules, cost, blocks=Blocks(setup.replica), jump=setup.jump) for _ in range(setup.replicas)]
    requests = _from_zero(tuple(_requests(setup, asks, cost)))
    _run(engines, requests, setup)
    return Outcome(
        requests, tuple(tuple(one.samples) for one in engines), rules, engines[0].blocks.capacity,
        max(one.blocks.highest for one in engines), sum(one.request_seconds for one in engines), sum(one.steps for one in engines),
    )  # fmt: skip


def _requests(setup: Setup, asks: abc.Sequence[Ask], cost: IterationCost) -> Iterator[Sequence]:
    """Yield the requests with their start-ups, drawn by a generator of their own: they are the same under any router."""
    rng = random.Random(SEED)
    for number, ask in enumerate(asks):
        cached = min(ask.cached, ask.prompt - 1)
        startup = setup.startup.drawn_s(cost.prompt_s(ask.prompt - cached), rng) if setup.startup is not NONE else 0.0
        yield Sequence(number, ask.sent_s, ask.prompt, ask.output, cached, startup)


def _from_zero(requests: tuple[Sequence, ...]) -> tuple[Sequence, ...]:
    """The clock begins with the first that reaches the scheduler: where a start-up is below 0, before the first is sent."""
    before = -min((s.sent_s + s.startup_s for s in requests), default=0.0)
    for s in requests:
        s.sent_s += max(before, 0.0)
    return requests


def stretch(r: Replica, t: Traffic) -> float:
    """Return the scale factor on every cost of a step, so that requests see the time between tokens that measured points near the
    question advise: a load of arrivals answers to longer steps with a larger batch, so there the costs move less than the time between
    tokens."""
    advice = by_neighbours("step", r, t)
    if t.request_rate is None:
        return advice
    limit = r.max_batch(t.isl + t.osl)
    wanted = open_steps(r, t, t.request_rate, limit=limit)[1] * advice
    return float(drawn_out(r, t, t.request_rate, limit=limit, token_s=wanted)[0])


def _run(engines: list[BatchingEngine], requests: tuple[Sequence, ...], setup: Setup) -> None:
    route = _router(engines, setup.router)
    clients = _Clients(requests, setup)
    while True:
        engine = min(engines, key=lambda one: one.end_s)
        if clients.next_s <= engine.end_s:
            if clients.next_s == math.inf:
                return
            _send(clients, route)
        else:
            for done in engine.advance():
                clients.answered(done.finished_s)


def _send(clients: _Clients, route: Callable[[], BatchingEngine]) -> None:
    now_s, s = clients.pop()
    engine = route()
    s.rejected = engine.refuses(s)
    if s.rejected:
        clients.answered(now_s)
    else:
        engine.submit(s, now_s)


class _Clients:
    """When which request reaches the scheduler: at its own time, or when an earlier one of a closed loop is answered."""

    def __init__(self, requests: tuple[Sequence, ...], setup: Setup) -> None:
        self._closed = setup.concurrency is not None
        self._todo = iter(requests)
        self._heap: list[tuple[float, int, Sequence]] = []
        if not self._closed:
            self._heap = [(s.sent_s + s.startup_s, s.number, s) for s in self._todo]
            heapq.heapify(self._heap)
        for _ in range(setup.concurrency or 0):
            self.answered(0.0)

    @property
    def next_s(self) -> float:
        return self._heap[0][0] if self._heap else math.inf

    def pop(self) -> tuple[float, Sequence]:
        at, _, s = heapq.heappop(self._heap)
        return at, s

    def answered(self, now_s: float) -> None:
        """Send the next request of a closed loop at once."""
        s = next(self._todo, None) if self._closed else None
        if s is not None:
            s.sent_s = now_s
            heapq.heappush(self._heap, (now_s + s.startup_s, s.number, s))


def _router(engines: list[BatchingEngine], kind: Router) -> Callable[[], BatchingEngine]:
    """Return a router: by turns, or to the replica with the fewest requests, where the turn decides between equals, as vLLM routes over
    its data-parallel ranks."""
    turn = itertools.count()

    def next_in_turn() -> BatchingEngine:
        return engines[next(turn) % len(engines)]

    def fewest() -> BatchingEngine:
        first = next(turn) % len(engines)
        return min((*engines[first:], *engines[:first]), key=lambda one: one.in_flight)

    return fewest if kind == "least-in-flight" else next_in_turn
