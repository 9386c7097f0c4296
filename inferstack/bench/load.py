"""The load generator: a closed loop of so many requests in flight, an open loop of scheduled arrivals, or all at once; until all are
answered, the time is over, or somebody stops it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx

from inferstack.bench.counters import cache_hits
from inferstack.bench.own_load import LoopLag
from inferstack.bench.prompts import Prompts, words_for
from inferstack.bench.result import LoadProgress, LoadResult, RequestResult, Stopped
from inferstack.bench.stream import ask, body
from inferstack.bench.target import Target, client
from inferstack.bench.trials import Trials, ask_trials
from inferstack.bench.workload import MAX_CONCURRENCY, moments_s
from inferstack.records.errors import CloudRefused, RefusalKind
from inferstack.records.measurement import ClientLoad, Workload

__all__ = ["Limits", "LoadProgress", "LoadResult", "Target", "run"]

TICK_S = 0.1
FIRST_TRIAL = -1_000_000
"""Indices of trial prompts, far from those of warm-up."""
HOPELESS: dict[str, tuple[RefusalKind, str, str]] = {
    "http_401": ("permission", "the endpoint refused the API key (HTTP 401)", "inferstack configure puts the stack's key on its nodes"),
    "http_403": ("permission", "the endpoint refused the API key (HTTP 403)", "inferstack configure puts the stack's key on its nodes"),
    "http_404": ("host", "the endpoint does not serve this model (HTTP 404)", "inferstack status"),
    "tls": ("host", "the endpoint's certificate is not the one that this stack created", "inferstack configure creates it again"),
    "connect": ("host", "nothing listens behind the forwarded port", "inferstack status"),
}


@dataclass(frozen=True)
class Limits:
    """`warmup_requests` are of each node. `trials` makes prompts to length by what `usage` says of a few. `close_connections` makes a
    connection for each request: engines sometimes close a kept one unanswered, which is then counted as a failure.
    """

    deadline_s: float = 1800.0
    request_timeout_s: float = 600.0
    warmup_requests: int = 2
    trials: bool = True
    close_connections: bool = True


def run(
    target: Target | Sequence[Target],
    workload: Workload,
    *,
    on_progress: Callable[[LoadProgress], None] = lambda progress: None,
    cancelled: Callable[[], bool] = lambda: False,
    limits: Limits | None = None,
) -> LoadResult:
    """Send the workload and measure each request; several targets (the nodes of a cluster) share the requests in flight.

    Raises CloudRefused when no warm-up request is let in, InputError for a wrong CA file.

    `cancelled` is asked ten times a second; after it says yes the requests in flight are dropped, counted, and the result is given.
    """
    targets = (target,) if isinstance(target, Target) else tuple(target)
    return asyncio.run(_Loop(targets, workload, limits or Limits(), on_progress=on_progress, cancelled=cancelled).run())


@dataclass
class _Loop:
    targets: tuple[Target, ...]
    workload: Workload
    limits: Limits
    on_progress: Callable[[LoadProgress], None]
    cancelled: Callable[[], bool]
    nodes: list[tuple[httpx.AsyncClient, Target]] = field(default_factory=list)
    results: dict[int, RequestResult] = field(default_factory=dict)
    in_flight: dict[int, float] = field(default_factory=dict)
    frames: list[tuple[bytes, bytes]] = field(default_factory=list)
    trials: Trials = field(default_factory=Trials)
    due_s: list[float] | None = None
    lag: LoopLag = field(default_factory=LoopLag)
    client_load: ClientLoad | None = None
    cache_hits: int | None = None
    tried: int = 0
    chunks: int = 0
    epoch: float = 0.0

    def __post_init__(self) -> None:
        self.prompts = Prompts(self.workload.seed, words=words_for(self.workload.isl))

    async def run(self) -> LoadResult:
        connections = max(self._most_in_flight(), self.limits.warmup_requests)
        end = time.perf_counter() + self.limits.deadline_s
        async with AsyncExitStack() as open_clients:
            for target in self.targets:
                http = client(target, connections=connections, timeout_s=self.limits.request_timeout_s)
                self.nodes.append((await open_clients.enter_async_context(http), target))
                self.frames.append(_frame(body(target, self.workload, "")))
            stopped = await self._until(self._prepared(), end=end)
            hits_before = None if stopped else await cache_hits(self.nodes)
            self.lag.start()
            started_at, self.epoch, self.chunks = datetime.now(UTC), time.perf_counter(), 0
            if stopped is None:
                stopped = await self._until(self._all(), end=end)
            duration_s = max(time.perf_counter() - self.epoch, 1e-6)
            self.client_load = self.lag.stop([lag for one in self.results.values() if (lag := one.first_token_lag_ms) is not None])
            hits_after = None if hits_before is None else await cache_hits(self.nodes)
            if hits_before is not None and hits_after is not None and hits_after >= hits_before:
                self.cache_hits = round(hits_after - hits_before)
        self._report()
        return self._result(started_at, duration_s, stopped)

    async def _prepared(self) -> None:
        """Warm up, find the length of prompts, and make all of them, so that nothing but sending is left for the clock."""
        await self._warm_up()
        if self.limits.trials:
            self.trials = await ask_trials(self._trial, isl=self.workload.isl)
        if self.trials.length is not None:
            self.prompts = Prompts(self.workload.seed, words=self.trials.length.words)
        self.prompts.prepare(self.workload.num_requests)
        self.due_s = moments_s(self.workload)

    async def _trial(self, words: int, counted: bool) -> RequestResult:
        """One request with a prompt of `words`, on the first node, counted nowhere."""
        http, target = self.nodes[0]
        self.tried += 1
        text = Prompts(self.workload.seed, words=words).text(FIRST_TRIAL - self.tried)
        asked = json.dumps(body(target, self.workload, text, counted=counted)).encode()
        answer = await self._ask(http, target, asked, FIRST_TRIAL - self.tried)
        if counted and answer.error is not None and answer.error.startswith("http_4"):
            return await self._trial(words, False)  # an engine that gives no log probabilities
        return answer

    async def _warm_up(self) -> None:
        """Every node by itself; nothing of it is counted. Refuses when no request is let in, all for one and the same reason."""
        number = self.limits.warmup_requests * len(self.nodes)
        found = await asyncio.gather(*(self._one(-1 - index, slot=index) for index in range(number)))
        kinds = {one.error for one in found}
        if len(kinds) == 1 and (kind := kinds.pop()) in HOPELESS:
            why, message, hint = HOPELESS[kind]
            raise CloudRefused(message, kind=why, hint=hint)

    def _most_in_flight(self) -> int:
        asked = self.workload.load.in_flight or self.workload.num_requests
        return min(int(asked), MAX_CONCURRENCY)

    async def _all(self) -> None:
        if self.due_s is None:
            waiting = iter(range(self.workload.num_requests))
            await asyncio.gather(*(self._worker(waiting, slot=slot) for slot in range(self._most_in_flight())))
            return
        # An arrival beyond what one client can hold waits here, and is late by it: the verdict then says so.
        free = asyncio.Semaphore(MAX_CONCURRENCY)
        async with asyncio.TaskGroup() as arrivals:
            for index, due_s in enumerate(self.due_s):
                await asyncio.sleep(max(0.0, self.epoch + due_s - time.perf_counter()))
                await free.acquire()
                arrivals.create_task(self._arrival(index, due_s=due_s, free=free))

    async def _arrival(self, index: int, *, due_s: float, free: asyncio.Semaphore) -> None:
        try:
            await self._counted(index, slot=index, due_s=due_s)
        finally:
            free.release()

    async def _worker(self, waiting: Iterator[int], *, slot: int) -> None:
        for index in waiting:
            await self._counted(index, slot=slot)

    async def _counted(self, index: int, *, slot: int, due_s: float | None = None) -> None:
        self.in_flight[index] = time.perf_counter() - self.epoch
        found = await self._one(index, slot=slot)
        late_ms = None if due_s is None else 1000 * max(0.0, found.started_s - due_s)
        self.results[index] = replace(found, late_ms=late_ms)
        del self.in_flight[index]
        self._report()

    async def _one(self, index: int, *, slot: int) -> RequestResult:
        http, target = self.nodes[slot % len(self.nodes)]
        before, after = self.frames[slot % len(self.nodes)]
        return await self._ask(http, target, before + self.prompts.text(index).encode() + after, index)

    async def _ask(self, http: httpx.AsyncClient, target: Target, asked: bytes, index: int) -> RequestResult:
        return await ask(
            http,
            target,
            asked,
            index=index,
            epoch=self.epoch,
            close=self.limits.close_connections,
            on_chunk=self._chunk,
            lag_ms=self._lag_ms,
        )

    async def _until(self, work: Coroutine[Any, Any, None], *, end: float) -> Stopped | None:
        """Why the work was ended before its end, if it was."""
        task = asyncio.ensure_future(work)
        stopped: Stopped | None = None
        while stopped is None and not task.done():
            await asyncio.wait({task}, timeout=min(TICK_S, max(0.0, end - time.perf_counter())))
            self._report()
            if not task.done():
                stopped = "cancelled" if self.cancelled() else "deadline" if time.perf_counter() >= end else None
        if stopped is None:
            task.result()
            return None
        task.cancel()
        await asyncio.wait({task})
        return stopped

    def _chunk(self) -> None:
        self.chunks += 1

    def _lag_ms(self) -> float:
        return self.lag.latest_ms

    def _report(self) -> None:
        if not self.epoch:
            return
        elapsed_s = time.perf_counter() - self.epoch
        failed = sum(1 for one in self.results.values() if one.error is not None)
        self.on_progress(
            LoadProgress(
                done=len(self.results) - failed,
                failed=failed,
                total=self.workload.num_requests,
                in_flight=len(self.in_flight),
                elapsed_s=elapsed_s,
                tokens_per_s=self.chunks / elapsed_s if elapsed_s else 0.0,
            )
        )

    def _result(self, started_at: datetime, duration_s: float, stopped: Stopped | None) -> LoadResult:
        return LoadResult(
            workload=self.workload,
            started_at=started_at,
            duration_s=duration_s,
            requests=tuple(self._whole(index, stopped) for index in range(self.workload.num_requests)),
            stopped=stopped,
            closed_connections=self.limits.close_connections,
            prompt_length=self.trials.length,
            usage_witness=self.trials.witness,
            cache_hits=self.cache_hits,
            client=self.client_load,
        )

    def _whole(self, index: int, stopped: Stopped | None) -> RequestResult:
        """A request that the end cut off or kept from starting is a failed one, by that name."""
        if index in self.results:
            return self.results[index]
        started = self.in_flight.get(index)
        kind = "not_started" if started is None else stopped or "cancelled"
        return RequestResult(index=index, started_s=started or 0.0, error=kind)


def _frame(asked: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return what of a body stands before and after the prompt, which holds nothing that JSON would escape."""
    empty = '"content": "'
    before, found, after = json.dumps(asked).partition(empty)
    assert found
    return (before + empty).encode(), after.encode()
