"""Pieces of HTML. Every text that comes in is escaped; what is built here is HTML already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Cell:
    """`sort` is what the column is sorted by; `right` sets figures under each other; `title` shows under the pointer."""

    text: str
    sort: float | str | None = None
    right: bool = False
    title: str = ""
    kind: str = ""


def figure(value: float | None, text: str, *, title: str = "") -> Cell:
    """A number: `text` is how it is shown. Without one the cell is empty and sorts last."""
    return Cell(text if value is not None else "-", sort=value if value is not None else float("inf"), right=True, title=title)


def table(name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]], *, chosen: int | None = None) -> str:
    """Sortable by any column where the page may run its script; in the order of the rows where not."""
    body = list(rows)
    right = {i for row in body[:1] for i, cell in enumerate(row) if cell.right}
    heads = "".join(
        f'<th scope="col"{_class("right" if i in right else "")}><button type="button">{escape(one)}</button></th>'
        for i, one in enumerate(head)
    )
    lines = "".join(
        f"<tr{_class('chosen' if n == chosen else '')}>{''.join(_cell(cell) for cell in row)}</tr>\n" for n, row in enumerate(body)
    )
    return f'<div class="wide"><table id="{name}" class="sortable"><thead><tr>{heads}</tr></thead>\n<tbody>{lines}</tbody></table></div>\n'


def section(name: str, title: str, *parts: str) -> str:
    """Nothing where no part says anything."""
    inner = "".join(parts)
    return f'<section id="{name}"><h2>{escape(title)}</h2>\n{inner}</section>\n' if inner else ""


def paragraph(text: str, kind: str = "") -> str:
    return f"<p{_class(kind)}>{escape(text)}</p>\n" if text else ""


def bullets(texts: Iterable[str]) -> str:
    inside = "".join(f"<li>{escape(one)}</li>" for one in texts)
    return f"<ul>{inside}</ul>\n" if inside else ""


def folded(summary: str, inner: str, *, open_: bool = False) -> str:
    return f"<details{' open' if open_ else ''}><summary>{escape(summary)}</summary>\n{inner}</details>\n" if inner else ""


def cards(shown: Iterable[tuple[str, str, str]]) -> str:
    """(what, figure, under it)."""
    inside = "".join(
        f'<div class="card"><span>{escape(a)}</span><strong>{escape(b)}</strong><small>{escape(c)}</small></div>' for a, b, c in shown
    )
    return f'<div class="cards">{inside}</div>\n'


def _cell(cell: Cell) -> str:
    sort = "" if cell.sort is None else f' data-sort="{escape(str(cell.sort))}"'
    title = f' title="{escape(cell.title)}"' if cell.title else ""
    return f"<td{_class(' '.join(filter(None, ('right' if cell.right else '', cell.kind))))}{sort}{title}>{escape(cell.text)}</td>"


def _class(names: str) -> str:
    return f' class="{names}"' if names else ""
