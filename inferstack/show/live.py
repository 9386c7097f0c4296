"""A step on a terminal: one line for it, one for each resource or host at work, redrawn in place."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.segment import Segment
from rich.spinner import Spinner
from rich.text import Text

from inferstack.cli import printable
from inferstack.cli.progress import ProgressItem
from inferstack.cli.screen import Screen

SHOWN = 12
MARKS = {"begun": "…", "done": "✓", "failed": "✗"}


class VisibleConsole(Console):
    """Lets through the control sequences that rich itself makes, and none that stand in a text."""

    def on_broken_pipe(self) -> None:
        """Leave it to the edge: rich would end the program with code 1 when a reader such as `head` has had enough."""
        raise BrokenPipeError

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable.block(segment.text), segment.style)


@dataclass
class LiveView:
    screen: Screen
    name: str
    expected: float | None
    begun: float
    items: dict[str, ProgressItem]
    said: str = ""
    share: float | None = None

    def __enter__(self) -> LiveView:
        console = VisibleConsole(file=self.screen.human, no_color=not self.screen.colour, highlight=False)
        self.spinner = Spinner("dots")
        self.live = Live(console=console, get_renderable=self._drawn, refresh_per_second=8, transient=True)
        self.live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.live.__exit__(None, None, None)

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.live.stop()
        try:
            yield
        finally:
            self.live.start(refresh=True)

    def changed(self, item: ProgressItem) -> None:
        if item.state == "failed":
            self.live.console.print(Text(printable.line(f"    ✗ {item.name}: {item.doing}"), style="red"))

    def told(self, line: str, share: float) -> None:
        self.said, self.share = line, share

    def _drawn(self) -> Group:
        now = time.monotonic()
        self.spinner.update(text=Text(f"{self.name}  {now - self.begun:.0f} s{self._of()}{self._count()}"))
        at_work = [item for item in list(self.items.values()) if item.state == "begun"]
        lines: list[RenderableType] = [
            Text(printable.line(f"    {MARKS[item.state]} {item.doing:<10} {item.name}  {item.elapsed(now):.0f} s"))
            for item in at_work[:SHOWN]
        ]
        more: list[RenderableType] = [Text(f"      and {len(at_work) - SHOWN} more", style="dim")] if len(at_work) > SHOWN else []
        bar: list[RenderableType] = (
            [ProgressBar(total=1.0, completed=self.share, width=40), Text(printable.line(f"    {self.said}"))]
            if self.share is not None
            else []
        )
        return Group(self.spinner, *bar, *lines, *more)

    def _of(self) -> str:
        return f" of about {self.expected:.0f} s" if self.expected else ""

    def _count(self) -> str:
        done = sum(item.state == "done" for item in self.items.values())
        return f", {done} done" if done else ""
