"""What the prefix cache still holds of requests that were taken back: free memory is taken again in the order in which it was given.

vLLM gives the last block of a request back first, so what is lost of it is its end (`KVCacheManager.free`, `BlockPool.get_new_blocks`).
"""

from __future__ import annotations

from collections import deque

from sizing.simulation.sequence import Sequence


class Kept:
    """Bytes. Nothing is counted while no request waits that was taken back."""

    def __init__(self) -> None:
        self._free: deque[Sequence | None] = deque()
        self._sizes: deque[int] = deque()
        self._owners = 0

    def taken_back(self, s: Sequence, computed: int, *, besides: int, free: int) -> None:
        """Record a preempted request, which held `computed` bytes of computed tokens and `besides` bytes of other blocks, when `free`
        bytes were free."""
        self._append(None, besides + (0 if self._owners else free))
        self._append(s, computed)
        self._owners += 1

    def given(self, size: int) -> None:
        if self._owners:
            self._append(None, size)

    def taken(self, size: int) -> None:
        """Evict `size` bytes, oldest first."""
        while size > 0 and self._owners:
            size -= self._sizes[0]
            if size < 0:
                self._sizes[0] = -size
                return
            self._sizes.popleft()
            self._lost(self._free.popleft())

    def left(self, s: Sequence) -> int:
        """Return the tokens in the cache of a request that waits to begin anew."""
        return self._sizes[self._free.index(s)] if self._owners and s in self._free else 0

    def claimed(self, s: Sequence, size: int) -> None:
        """Let a preempted request start again with `size` bytes: take its own cached blocks first, then evict the oldest."""
        again = self.left(s)
        if again:
            at = self._free.index(s)
            del self._free[at], self._sizes[at]
            self._lost(s)
        self.taken(size - again)

    def _append(self, s: Sequence | None, size: int) -> None:
        self._free.append(s)
        self._sizes.append(size)

    def _lost(self, s: Sequence | None) -> None:
        self._owners -= s is not None
        if not self._owners:
            self._free.clear()
            self._sizes.clear()
