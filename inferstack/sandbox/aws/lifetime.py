"""When the daemon ends: asked to, after the last rehearsal stack is released, or after two idle hours."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

IDLE_S = 2 * 3600.0


class Lifetime:
    def __init__(self, *, idle_s: float = IDLE_S, now: Callable[[], float] = time.monotonic) -> None:
        self._idle_s = idle_s
        self._now = now
        self._last_call = now()
        self._stacks: set[str] = set()
        self._ended = threading.Event()
        self.reason = ""

    @property
    def stacks(self) -> tuple[str, ...]:
        return tuple(sorted(self._stacks))

    def seen(self) -> None:
        self._last_call = self._now()

    def attach(self, stack: str) -> None:
        self.seen()
        self._stacks.add(stack)

    def release(self, stack: str) -> bool:
        """True when nothing is left to live for."""
        self._stacks.discard(stack)
        if not self._stacks:
            self.end("the last rehearsal stack was released")
        return not self._stacks

    def stop(self) -> bool:
        """Stop on request: nobody will miss the stacks."""
        self._stacks.clear()
        self.end("it was asked to")
        return True

    def end(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._ended.set()

    def over(self) -> bool:
        if self._now() - self._last_call > self._idle_s:
            self.end(f"nobody called it for {self._idle_s / 3600:.0f} h")
        return self._ended.is_set()

    def wait(self, *, every_s: float = 1.0) -> None:
        while not self.over():
            self._ended.wait(every_s)
