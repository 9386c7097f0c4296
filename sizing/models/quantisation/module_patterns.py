"""How lists of a quantised checkpoint name modules: whole names, parts of a name, wildcards and regular expressions."""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from inferstack.records.errors import InputError

MOST_PATTERNS, LONGEST_PATTERN = 100_000, 1000
MOST_EXPRESSIONS = 1000
# A repeated group that repeats inside tries exponentially many ways on a name that it does not match; no published list needs one.
RUNAWAY = re.compile(r"\((?:[^()\\]|\\.)*[*+}](?:[^()\\]|\\.)*\)[*+{]")
Way = Literal["exact", "part", "anywhere"]


@dataclass(frozen=True)
class Patterns:
    """`exact`: a name; `part`: components of a name that follow each other; `anywhere`: also a piece of a component."""

    names: frozenset[str]
    pieces: tuple[str, ...]
    expressions: tuple[re.Pattern[str], ...]
    way: Way

    def match(self, names: Iterable[str]) -> bool:
        return any(self._matches(name) for name in names)

    def _matches(self, name: str) -> bool:
        if name in self.names or any(one.match(name) for one in self.expressions):
            return True
        if self.way == "exact":
            return False
        if self.expressions and any(one.match(above) for above in _above(name) for one in self.expressions):
            return True
        if self.names and any(run in self.names for run in _runs(name)):
            return True
        return any(piece in name for piece in self.pieces)


def patterns(given: Any, *, where: str, way: Way) -> Patterns:
    """Read a list of texts: `re:` begins a regular expression, `*` and `?` are wildcards. Raises InputError for another thing."""
    entries = list(given) if isinstance(given, list | tuple) else [] if given is None else None
    if entries is None or len(entries) > MOST_PATTERNS or not all(isinstance(one, str) and len(one) <= LONGEST_PATTERN for one in entries):
        raise InputError(f"{where}: must be a list of names, at most {MOST_PATTERNS:,} of {LONGEST_PATTERN} characters")
    told = [one for one in entries if one.startswith("re:")]
    wild = [one for one in entries if not one.startswith("re:") and re.search(r"[*?\[]", one)]
    plain = [one for one in entries if one not in told and one not in wild] if told or wild else entries
    if len(told) + len(wild) > MOST_EXPRESSIONS:
        raise InputError(f"{where}: {len(told) + len(wild):,} patterns are more than the limit of {MOST_EXPRESSIONS:,}")
    made = [expression(one.removeprefix("re:"), where=where) for one in told]
    made += [re.compile("|".join(map(fnmatch.translate, wild)))] if wild else []
    pieces = tuple(one for one in plain if one and "." not in one) if way == "anywhere" else ()
    return Patterns(frozenset(plain), pieces, tuple(made), way)


def expression(text: str, *, where: str) -> re.Pattern[str]:
    """Raises InputError for one that is none, or that may run without end."""
    try:
        if RUNAWAY.search(text):
            raise re.error("a repeated group contains a repetition")
        return re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise InputError(f"{where}: re:{text[:80]} is not a supported regular expression: {error}") from None


def _above(name: str) -> list[str]:
    """The modules that this one lies in."""
    parts = name.split(".")
    return [".".join(parts[:i]) for i in range(2, len(parts))]


@functools.lru_cache(65536)
def _runs(name: str) -> tuple[str, ...]:
    """Components of the name that follow each other: `self_attn`, `layers.3`, `layers.3.self_attn` ..."""
    parts = name.split(".")
    return tuple(".".join(parts[i:j]) for i in range(len(parts)) for j in range(i + 1, len(parts) + 1))
