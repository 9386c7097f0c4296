"""What the load generator itself takes: how late its loop comes to what has arrived, and its share of a core."""

from __future__ import annotations

import asyncio
import threading
import time

from inferstack.records.measurement import ClientLoad, Quantiles

EVERY_S = 0.005


class LoopLag:
    """A thread knocks at the loop at fixed times; how late the loop answers is how late it comes to a socket that became readable.

    A timer of the loop itself would not do: asyncio rounds timeouts up to whole milliseconds.
    """

    def __init__(self) -> None:
        self.latest_ms = 0.0
        self._samples: list[float] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._cpu_s = self._began = 0.0

    def start(self) -> None:
        """Raises RuntimeError outside a running loop."""
        loop = asyncio.get_running_loop()
        self._cpu_s, self._began = time.process_time(), time.perf_counter()
        self._thread = threading.Thread(target=self._knock, args=(loop,), name="loop-lag", daemon=True)
        self._thread.start()

    def stop(self, first_token_lags_ms: list[float]) -> ClientLoad | None:
        """End the thread and say what was seen; None when it was never started."""
        if self._thread is None:
            return None
        self._stop.set()
        self._thread.join()
        seconds = max(time.perf_counter() - self._began, 1e-6)
        # The least lag is the clock's and the thread's own grain.
        grain = min(self._samples, default=0.0)
        firsts = [max(0.0, lag - grain) for lag in first_token_lags_ms]
        return ClientLoad(
            cpu_share=(time.process_time() - self._cpu_s) / seconds,
            lag_ms=Quantiles.of(lag - grain for lag in self._samples),
            first_token_lag_ms=sum(firsts) / len(firsts) if firsts else None,
        )

    def _knock(self, loop: asyncio.AbstractEventLoop) -> None:
        due = time.perf_counter()
        while not self._stop.wait(max(0.0, due - time.perf_counter())):
            try:
                loop.call_soon_threadsafe(self._answer, due)
            except RuntimeError:  # the loop has ended
                return
            due = max(due + EVERY_S, time.perf_counter())

    def _answer(self, due: float) -> None:
        self.latest_ms = 1000 * (time.perf_counter() - due)
        self._samples.append(self.latest_ms)
