"""Tables for people, of the width that there is.

Where a table is wider than the terminal, columns leave by their rank, the highest first; then columns of words are broken between words.
A number or a name is never broken: a table that fits in no other way becomes one block of lines for each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inferstack.cli import lines, printable
from inferstack.cli.screen import Screen

GAP = 2
LEAST_WORDS = 16
"""A column of words narrower than this reads worse than a block of lines."""


@dataclass(frozen=True)
class TableColumn:
    """A head, how its cells stand, and when it leaves: rank 0 stays, the highest rank leaves first. `words` may be broken between words."""

    head: str
    right: bool = False
    rank: int = 0
    words: bool = False


def name(head: str, rank: int = 0) -> TableColumn:
    """Return a column of names, flush left."""
    return TableColumn(head, rank=rank)


def number(head: str, rank: int = 0) -> TableColumn:
    """Return a column of numbers, flush right."""
    return TableColumn(head, right=True, rank=rank)


def words(head: str, rank: int = 0) -> TableColumn:
    """Return a column of prose, which may be broken between words."""
    return TableColumn(head, rank=rank, words=True)


def table(
    screen: Screen, columns: Sequence[TableColumn], rows: Sequence[Sequence[object]], *, marked: int | None = None, indent: str = ""
) -> tuple[str, ...]:
    """Print the rows; `marked` is the row that was chosen. Returns the heads of the columns that found no place."""
    cells = [tuple(printable.line(str(cell)) for cell in row) for row in rows]
    kept = _kept(columns, cells, screen.width, len(indent))
    if kept is None:
        _blocks(screen, columns, cells, marked, indent)
        return ()
    widths = _widths(kept, columns, cells)
    if screen.width is not None:
        widths = _narrowed(kept, columns, widths, screen.width - len(indent))
    _line(screen, [columns[at].head for at in kept], kept, columns, widths, "bold", indent)
    for row_number, row in enumerate(cells):
        _line(screen, [row[at] for at in kept], kept, columns, widths, "chosen" if row_number == marked else "", indent)
    return tuple(column.head for at, column in enumerate(columns) if at not in kept)


def heading(screen: Screen, text: str) -> None:
    screen.say(text, "bold")


def usd(amount: float | None) -> str:
    if amount is None:
        return "-"
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"


def _kept(columns: Sequence[TableColumn], cells: Sequence[Sequence[str]], width: int | None, indent: int) -> list[int] | None:
    """Return the columns that fit, None where the ones that must stay do not."""
    kept = list(range(len(columns)))
    if width is None:
        return kept
    leaving = sorted((at for at in kept if columns[at].rank), key=lambda at: (columns[at].rank, at))
    while _least(kept, columns, cells) > width - indent:
        if not leaving:
            return None
        kept.remove(leaving.pop())
    return kept


def _least(kept: Sequence[int], columns: Sequence[TableColumn], cells: Sequence[Sequence[str]]) -> int:
    """Return the width below which a number, a name or a long word would be broken."""
    whole = _widths(kept, columns, cells)
    least = [
        min(whole[at], max(LEAST_WORDS, *(lines.cells(word) for text in _column(at, columns, cells) for word in text.split() or [""])))
        if columns[at].words
        else whole[at]
        for at in kept
    ]
    return sum(least) + GAP * (len(kept) - 1)


def _column(at: int, columns: Sequence[TableColumn], cells: Sequence[Sequence[str]]) -> list[str]:
    return [columns[at].head, *(row[at] for row in cells)]


def _widths(kept: Sequence[int], columns: Sequence[TableColumn], cells: Sequence[Sequence[str]]) -> dict[int, int]:
    return {at: max(lines.cells(text) for text in _column(at, columns, cells)) for at in kept}


def _narrowed(kept: Sequence[int], columns: Sequence[TableColumn], widths: dict[int, int], width: int) -> dict[int, int]:
    """Return the widths with the columns of words made as narrow as they must be, the widest first."""
    over = sum(widths.values()) + GAP * (len(kept) - 1) - width
    widths = dict(widths)
    while over > 0:
        widest = max((at for at in kept if columns[at].words), key=lambda at: widths[at])
        widths[widest] -= 1
        over -= 1
    return widths


def _line(
    screen: Screen, row: Sequence[str], kept: Sequence[int], columns: Sequence[TableColumn], widths: dict[int, int], style: str, indent: str
) -> None:
    pieces = [lines.wrapped(text, widths[at], hanging="") if columns[at].words else [text] for text, at in zip(row, kept, strict=True)]
    for depth in range(max(len(piece) for piece in pieces)):
        laid = [
            _padded(piece[depth] if depth < len(piece) else "", widths[at], columns[at]) for piece, at in zip(pieces, kept, strict=True)
        ]
        screen.lay([(indent, ""), ((" " * GAP).join(laid).rstrip(), style)])


def _padded(text: str, width: int, column: TableColumn) -> str:
    missing = " " * (width - lines.cells(text))
    return missing + text if column.right else text + missing


def _blocks(screen: Screen, columns: Sequence[TableColumn], cells: Sequence[Sequence[str]], marked: int | None, indent: str) -> None:
    """Print each row as lines of `head: cell`, the first of them flush left."""
    for row_number, row in enumerate(cells):
        style = "chosen" if row_number == marked else ""
        said = [(column.head, text) for column, text in zip(columns, row, strict=True) if text]
        for depth, (head, text) in enumerate(said):
            lead = f"{indent}{'  ' if depth else ''}{head.strip()}{': ' if head.strip() else ''}"
            if " " in text.strip():
                screen.say(f"{lead}{text.strip()}", style)
            else:
                screen.lay([(f"{lead}{text.strip()}", style)])
