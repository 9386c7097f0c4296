"""Asking AWS again, by stamina: a call that was throttled, an answer that has not come yet. Tests switch the pauses off."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import stamina
from stamina.instrumentation import set_on_retry_hooks

from infra.calls import refusals
from infra.calls.aws import code_of

Answer = TypeVar("Answer")

THROTTLED_S = 120.0
"""So long a throttled question is asked again. Each attempt is already five of botocore's own, within some seconds."""

set_on_retry_hooks(())  # without a hook of ours stamina writes a line for each attempt to the screen


class _NotYet(Exception):
    """The answer is not the one that is waited for."""


def when_throttled(ask: Callable[[], Answer]) -> Answer:
    """Ask again, with growing and random pauses, while AWS limits how often it may be asked. Raises what AWS answers at last."""
    for attempt in stamina.retry_context(on=_is_throttled, attempts=None, timeout=THROTTLED_S, wait_initial=1.0, wait_max=20.0):
        with attempt:
            answer = ask()
    return answer


def until(done: Callable[[], bool], *, timeout_s: float, pause_s: float) -> bool:
    """Ask at equal pauses until `done` says yes; whether it did within the time. It is asked at least once."""
    pauses = {"wait_initial": pause_s, "wait_max": pause_s, "wait_jitter": 0.0}
    often = None if timeout_s else 1
    with suppress(_NotYet):
        for attempt in stamina.retry_context(on=_NotYet, attempts=often, timeout=timeout_s or None, **pauses):
            with attempt:
                if not done():
                    raise _NotYet
        return True
    return False


def _is_throttled(error: Exception) -> bool:
    return refusals.kind_of(code_of(error)) == "throttled"
