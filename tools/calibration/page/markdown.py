"""Tables and paragraphs of the page."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

Row = tuple[str, ...]
WIDTH = 138
"""Characters of a line of prose."""


def table(head: Sequence[str], rows: Sequence[Row]) -> str:
    """A pipe table with a line break at its end."""
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join('---' for _ in head)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def prose(text: str) -> str:
    """Paragraphs filled anew after figures were put in; a heading stays as it is."""
    return "\n\n".join(one if one.startswith("#") else _filled(one) for one in text.strip().split("\n\n")) + "\n"


def _filled(paragraph: str) -> str:
    return textwrap.fill(" ".join(paragraph.split()), WIDTH, break_long_words=False, break_on_hyphens=False)
