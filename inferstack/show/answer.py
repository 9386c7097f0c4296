"""The answer to a question in words: what is wrong with it, the sum, where the figures come from."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from inferstack.cli.screen import Screen
from sizing.explaining.wrong_claims import Answer

WIDTH = 80


def show(screen: Screen, found: Answer) -> None:
    for line in lines(found):
        screen.say(line)


def lines(found: Answer) -> Iterator[str]:
    if found.verdict:
        yield from _wrapped(found.verdict)
    yield from _wrapped(f"Interpreted as: {found.understood}")
    if found.claim:
        yield from _wrapped(f"Incorrect: {found.claim}")
    for said in found.says:
        yield from _wrapped(said[:1].upper() + said[1:])
    if found.sum:
        yield "Calculation:"
    for line in found.sum:
        yield from _wrapped(f"  {line}")
    if found.unread:
        yield "Not included:"
    for line in found.unread:
        yield from _wrapped(f"  {line}")
    for source in found.sources:
        yield from _wrapped(f"Source: {source}; as of {found.as_of}")


def _wrapped(text: str) -> list[str]:
    lead = text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(text.strip(), WIDTH, initial_indent=lead, subsequent_indent=lead + "  ", break_on_hyphens=False)
