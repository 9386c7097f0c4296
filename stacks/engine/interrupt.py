"""Ctrl-C while the engine works: the first lets what is in flight finish, the second stops at once. The handler never raises.

An exception out of a signal handler would drop the engine's pipe and kill it in mid-update, with its lock and pending creates left.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
FIRST = "stopping after the resources in flight"
SECOND = "stopping at once"


@dataclass
class Patience:
    """While entered, `asked` counts the signals; `pass_on` reaches the running engine."""

    pass_on: Callable[[], object]
    say: Callable[[str], object] | None = None
    asked: int = 0
    _before: dict[int, Any] = field(default_factory=dict)

    def __enter__(self) -> Patience:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.asked += 1
        with contextlib.suppress(Exception):
            if self.asked <= 2:
                self.pass_on()
            if self.say and self.asked <= 2:
                self.say(FIRST if self.asked == 1 else SECOND)
        self._hand_on(number, frame)

    def _hand_on(self, number: int, frame: FrameType | None) -> None:
        """The command line's own handler learns of the first one; it raises on the second, which must not happen here."""
        handler = self._before.get(number)
        if self.asked == 1 and callable(handler) and handler is not signal.default_int_handler:
            with contextlib.suppress(BaseException):
                handler(number, frame)
