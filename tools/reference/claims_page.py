"""docs/reference/claims.md: claims in circulation that are wrong, each with what is true, the sum and the command that says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.reference.markdown import page

INTRODUCTION = """
People repeat these. `inferstack explain "..."` contradicts each in the words in which it is asked, and `plan` where a request
names what does not exist. The figures below are computed from the facts and the calibration of this version when the page is
made, as they are when a person asks; none is written down with the claim.
"""


def text() -> str:
    from sizing.explaining import wrong_claims

    return page("Claims that are wrong", INTRODUCTION, *(part for record in wrong_claims.records() for part in _claim(record)))


def _claim(record: dict[str, Any]) -> Iterator[str]:
    from sizing.explaining import wrong_claims

    says = record["says"]
    yield f"## {record['claim'][0].upper()}{record['claim'][1:]}\n"
    yield f"{says[0].upper()}{says[1:]}.\n"
    yield "\n".join(f"- {line.strip()}" for line in wrong_claims.contradiction(record)) + "\n"
    yield f'Source: {record["source"]}. Asked as: `inferstack explain "{_shell(record["claim"])}"`\n'


def _shell(text: str) -> str:
    return text.replace("$", "\\$")
