"""Tables for people: one console for each screen, wide enough where nobody's terminal limits it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from inferstack.cli import printable
from inferstack.cli.screen import Screen

WIDE = 150


class VisibleConsole(Console):
    """Lets through the control sequences that rich itself makes, and none that stand in a text."""

    def on_broken_pipe(self) -> None:
        """Leave it to the edge: rich would end the program with code 1 when a reader such as `head` has had enough."""
        raise BrokenPipeError

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable.block(segment.text), segment.style)


def console(screen: Screen) -> Console:
    width = None if screen.live else WIDE
    return VisibleConsole(file=screen.human, no_color=not screen.colour, highlight=False, markup=False, width=width, soft_wrap=False)


def table(
    screen: Screen, heads: Sequence[str], rows: Sequence[Sequence[object]], *, marked: int | None = None, right: Sequence[int] = ()
) -> None:
    """`marked` is the row that was chosen; `right` the columns of numbers."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for number, head in enumerate(heads):
        made.add_column(head, justify="right" if number in right else "left", overflow="fold")
    for number, row in enumerate(rows):
        made.add_row(*(Text(printable.line(str(cell))) for cell in row), style="bold green" if number == marked else None)
    console(screen).print(made)


def heading(screen: Screen, text: str) -> None:
    console(screen).print(Text(printable.line(text), style="bold"))


def usd(amount: float | None) -> str:
    if amount is None:
        return "-"
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"
