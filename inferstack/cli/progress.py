"""What a person sees while a step runs: its name, each resource or host as it comes, elapsed and expected time.

On a terminal the lines are redrawn (`render_live`); elsewhere each finished item is one plain line.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Literal, Protocol

from inferstack.cli.durations import Durations
from inferstack.cli.screen import Screen

UNREMARKABLE = ("ok", "skipped")
State = Literal["begun", "done", "failed"]


@dataclass
class ProgressItem:
    """A resource or a host within a step."""

    name: str
    doing: str
    begun: float
    ended: float | None = None
    state: State = "begun"

    def elapsed(self, now: float) -> float:
        return (self.ended or now) - self.begun


class View(Protocol):
    """Draws one step while it runs."""

    def __enter__(self) -> View: ...

    def __exit__(self, *error: object) -> None: ...

    def changed(self, item: ProgressItem) -> None: ...

    def told(self, line: str, share: float) -> None: ...

    def paused(self) -> AbstractContextManager[None]: ...


@dataclass
class Progress:
    screen: Screen
    durations: Durations
    items: dict[str, ProgressItem] = field(default_factory=dict)
    view: View | None = None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        self.items = {}
        with self._drawn(name, self.durations.expected(name), begun) as self.view:
            yield
        seconds = time.monotonic() - begun
        self.view = None
        self.durations.learn(name, seconds)
        self.screen.say(f"  {name}: done in {seconds:.1f} s")

    def item(self, name: str, state: State, doing: str = "") -> None:
        """A resource or host began, ended or failed; `doing` says what is done with it."""
        now = time.monotonic()
        known = self.items.get(name)
        if known is None or (state == "begun" and known.ended is not None):
            known = self.items[name] = ProgressItem(name, doing, now)
        known.doing, known.state = doing or known.doing, state
        known.ended = None if state == "begun" else now
        if self.view:
            self.view.changed(known)

    def tell(self, line: str, *, share: float) -> None:
        """How far a step of many equal parts is."""
        if self.view:
            self.view.told(line, share)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While it holds nothing is redrawn, so that a person can be asked."""
        with self.view.paused() if self.view else nullcontext():
            yield

    def _drawn(self, name: str, expected: float | None, begun: float) -> View:
        if self.screen.live:
            from inferstack.show.live import LiveView

            return LiveView(self.screen, name, expected, begun, self.items)
        return PlainView(self.screen, name, expected)


@dataclass
class PlainView:
    screen: Screen
    name: str
    expected: float | None
    quarters: int = 0

    def __enter__(self) -> PlainView:
        self.screen.say(f"  {self.name} ..." + (f" (last time {self.expected:.0f} s)" if self.expected else ""))
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def changed(self, item: ProgressItem) -> None:
        if item.state != "begun" and (self.screen.verbose or item.doing not in UNREMARKABLE):
            self.screen.say(f"    {item.doing or item.state:<10} {item.name}  {item.elapsed(time.monotonic()):.1f} s")

    def told(self, line: str, share: float) -> None:
        """Four lines for the whole, not one for each part."""
        if int(share * 4) > self.quarters:
            self.quarters = int(share * 4)
            self.screen.say(f"    {line}")

    def paused(self) -> AbstractContextManager[None]:
        return nullcontext()
