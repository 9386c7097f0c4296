"""Ctrl-C: the first stops after the current step, the second stops at once; the state is safe both times."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

from inferstack.records.errors import Interrupted

SAID = "Stopping after the current step. Ctrl-C again stops at once; both are safe."
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Stop:
    """While it is entered, SIGINT and SIGTERM only set `asked`. `hint` names the command that goes on."""

    say: Callable[[str], None]
    hint: str = ""
    asked: bool = False
    _before: dict[int, Any] | None = None

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        for number, handler in (self._before or {}).items():
            # After a stop the command only says its last line; a late second Ctrl-C must not break into that.
            signal.signal(number, signal.SIG_IGN if self.asked else handler)
        self._before = None

    def check(self, coming: str) -> None:
        """Raises Interrupted when a stop was asked for."""
        if self.asked:
            raise Interrupted(f"stopped before: {coming}; the state is safe", hint=self.hint)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self.say(SAID)
