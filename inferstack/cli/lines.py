"""Lines of a width: prose is broken between words, a number, a name or a path never.

The width is that of `COLUMNS`, else of the terminal. Output that goes elsewhere (a file, a pipe) is not broken.
"""

from __future__ import annotations

import os
import textwrap
import unicodedata
from collections.abc import Mapping
from typing import TextIO

NARROWEST = 20


def width_of(stream: TextIO, environment: Mapping[str, str]) -> int | None:
    """Return how many characters a line may have; None where nothing limits it."""
    stated = environment.get("COLUMNS", "")
    if stated.isdecimal() and int(stated):
        return max(int(stated), NARROWEST)
    try:
        return max(os.get_terminal_size(stream.fileno()).columns, NARROWEST) if stream.isatty() else None
    except (OSError, ValueError):
        return None


def wrapped(text: str, width: int | None, *, hanging: str | None = None) -> list[str]:
    """Break a line between words. The lines that follow are indented by `hanging`, by default two characters more than the first."""
    if width is None or cells(text) <= width:
        return [text]
    lead = text[: len(text) - len(text.lstrip(" "))]
    following = lead + "  " if hanging is None else hanging
    room = max(width, len(following) + NARROWEST)
    return textwrap.wrap(
        text.strip(), room, initial_indent=lead, subsequent_indent=following, break_long_words=False, break_on_hyphens=False
    ) or [""]


def cells(text: str) -> int:
    """Return how many columns of a terminal the text takes: East Asian wide characters take two."""
    return len(text) if text.isascii() else sum(1 + (unicodedata.east_asian_width(one) in "WF") for one in text)
