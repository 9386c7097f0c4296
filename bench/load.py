"""The closed loop: as many requests in flight as the workload says, until all are done, the time is over, or somebody stops it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from bench.prompts import prompt
from bench.result import LoadResult, Progress, RequestResult, Stopped
from bench.stream import ask, body
from bench.target import Target, client
from records.errors import CloudRefused, RefusalKind
from records.measurement import Workload

__all__ = ["Limits", "LoadResult", "Progress", "Target", "run"]

TICK_S = 0.1
HOPELESS: dict[str, tuple[RefusalKind, str, str]] = {
    "http_401": ("permission", "the endpoint refused the API key (HTTP 401)", "inferstack configure puts the stack's key on its nodes"),
    "http_403": ("permission", "the endpoint refused the API key (HTTP 403)", "inferstack configure puts the stack's key on its nodes"),
    "http_404": ("host", "the endpoint does not serve this model (HTTP 404)", "inferstack status"),
    "tls": ("host", "the endpoint's certificate is not the one that this stack made", "inferstack configure makes it anew"),
    "connect": ("host", "nothing listens behind the forwarded port", "inferstack status"),
}


@dataclass(frozen=True)
class Limits:
    """`warmup_requests` are of each node. `close_connections` makes a connection for each request: engines sometimes close a kept one
    unanswered, which is then counted as a failure.
    """

    deadline_s: float = 1800.0
    request_timeout_s: float = 600.0
    warmup_requests: int = 2
    close_connections: bool = True


def run(
    target: Target | Sequence[Target],
    workload: Workload,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    cancelled: Callable[[], bool] = lambda: False,
    limits: Limits | None = None,
) -> LoadResult:
    """Of several targets (the nodes of a cluster) each has its share of the requests in flight.

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
    on_progress: Callable[[Progress], None]
    cancelled: Callable[[], bool]
    nodes: list[tuple[httpx.AsyncClient, Target]] = field(default_factory=list)
    results: dict[int, RequestResult] = field(default_factory=dict)
    in_flight: dict[int, float] = field(default_factory=dict)
    chunks: int = 0
    epoch: float = 0.0

    async def run(self) -> LoadResult:
        connections = max(self.workload.concurrency, self.limits.warmup_requests)
        end = time.perf_counter() + self.limits.deadline_s
        async with AsyncExitStack() as open_clients:
            for target in self.targets:
                http = client(target, connections=connections, timeout_s=self.limits.request_timeout_s)
                self.nodes.append((await open_clients.enter_async_context(http), target))
            stopped = await self._until(self._warm_up(), end=end)
            started_at, self.epoch, self.chunks = datetime.now(UTC), time.perf_counter(), 0
            if stopped is None:
                stopped = await self._until(self._all(), end=end)
            duration_s = max(time.perf_counter() - self.epoch, 1e-6)
        self._report()
        return self._result(started_at, duration_s, stopped)

    async def _warm_up(self) -> None:
        """Every node by itself; nothing of it is counted. Refuses when no request is let in, all for one and the same reason."""
        number = self.limits.warmup_requests * len(self.nodes)
        found = await asyncio.gather(*(self._one(-1 - index, slot=index) for index in range(number)))
        kinds = {one.error for one in found}
        if len(kinds) == 1 and (kind := kinds.pop()) in HOPELESS:
            why, message, hint = HOPELESS[kind]
            raise CloudRefused(message, kind=why, hint=hint)

    async def _all(self) -> None:
        waiting = iter(range(self.workload.num_requests))
        workers = min(self.workload.concurrency, self.workload.num_requests)
        await asyncio.gather(*(self._worker(waiting, slot=slot) for slot in range(workers)))

    async def _worker(self, waiting: Iterator[int], *, slot: int) -> None:
        for index in waiting:
            self.in_flight[index] = time.perf_counter() - self.epoch
            self.results[index] = await self._one(index, slot=slot)
            del self.in_flight[index]
            self._report()

    async def _one(self, index: int, *, slot: int) -> RequestResult:
        http, target = self.nodes[slot % len(self.nodes)]
        asked = body(target, self.workload, prompt(self.workload.seed, index, tokens=self.workload.isl))
        close = self.limits.close_connections
        return await ask(http, target, asked, index=index, epoch=self.epoch, close=close, on_chunk=self._chunk)

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

    def _report(self) -> None:
        if not self.epoch:
            return
        elapsed_s = time.perf_counter() - self.epoch
        failed = sum(1 for one in self.results.values() if one.error is not None)
        self.on_progress(
            Progress(
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
        )

    def _whole(self, index: int, stopped: Stopped | None) -> RequestResult:
        """A request that the end cut off or kept from starting is a failed one, by that name."""
        if index in self.results:
            return self.results[index]
        started = self.in_flight.get(index)
        kind = "not_started" if started is None else stopped or "cancelled"
        return RequestResult(index=index, started_s=started or 0.0, error=kind)
