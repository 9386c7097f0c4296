"""Text of others in GitHub's Markdown: nothing of it is a tag, a picture, a link, a code span, a mention or the end of a cell."""

from __future__ import annotations

import re

from inferstack.cli import printable

ESCAPES = {
    "&": "&amp;",
    "<": "&lt;",
    "\\": "\\\\",
    "`": "\\`",
    "|": "\\|",
    "[": "\\[",
    "]": "\\]",
    "!": "\\!",
    "@": "@&#8203;",  # a zero width space: GitHub finds a mention in the text that it has rendered
}
SPECIAL = re.compile("[&<\\\\`|\\[\\]!@]")
PLAIN = re.compile(r"[A-Za-z0-9_.:/$-]+")


def text(words: str) -> str:
    """Return the words as one line that GitHub shows as they are."""
    return printable.line(SPECIAL.sub(lambda found: ESCAPES[found[0]], " ".join(words.split())))


def code(words: str) -> str:
    """Return a code span; what could end one is shown as plain text instead."""
    return f"`{words}`" if PLAIN.fullmatch(words) else text(words)
