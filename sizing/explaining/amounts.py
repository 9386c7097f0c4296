"""Amounts with units in a sentence: a load, a length, money, a latency, a memory size. Each is taken by its unit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "tokens_per_day", "tokens_per_s", "request_rate", "users", "concurrency", "isl", "osl", "context", "ttft_ms", "itl_ms", "e2e_ms",
    "usd_per_hour", "usd", "memory_gb", "share",
]  # fmt: skip

SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mio": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9, "g": 1e9, "trillion": 1e12}
WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "dozen": 12, "twenty": 20,
    "fifty": 50, "hundred": 100,
}  # fmt: skip
SECONDS = {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600, "day": 86400, "d": 86400,
           "week": 604800, "month": 730 * 3600, "year": 365 * 86400, "yr": 365 * 86400}  # fmt: skip
ADVERBS = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month", "yearly": "year", "annually": "year"}

NUMBER = (
    rf"(?<![\w.$])(?P<number>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?|(?:a )?(?:{'|'.join(WORDS)}))"
    rf"(?: ?(?P<scale>{'|'.join(sorted(SCALES, key=len, reverse=True))})(?![a-z0-9]))?"
)
PER = (
    rf"(?: ?(?:/|per|an?|each|every) ?(?:single )?(?P<time>{'|'.join(sorted(SECONDS, key=len, reverse=True))})s?(?![a-z])"
    rf"|(?: (?P<adverb>{'|'.join(ADVERBS)})(?![a-z])))"
)
WHOLE = 1000
"""From here on an amount is told in whole units."""
TOKENS = r"(?:(?:input|output|prompt|generated|answer|total) )?(?:tokens?|toks?)"
REQUESTS = r"(?:requests?|reqs?|queries|calls|prompts|messages|completions)"


@dataclass(frozen=True, slots=True)
class Amount:
    """`text` is what the sentence says, `span` where; `value` is in the unit of the kind. `flag` of `plan` reads it, where one does."""

    kind: Kind
    value: float
    text: str
    span: tuple[int, int]

    @property
    def flag(self) -> str | None:
        """Such as `--users 50`; None for what no flag of `plan` reads."""
        if self.kind in ("usd", "memory_gb", "share"):
            return None
        name = {"context": "max-model-len", "usd_per_hour": "max-usd-per-hour"}.get(self.kind, self.kind.replace("_", "-"))
        return f"--{name} {round(self.value) if self.value >= WHOLE else round(self.value, 4):.15g}"


EACH_USER = r"(?: ?(?:/|per|for each|each|a) ?(?:user|stream|request))"
A_SECOND = r"(?:/|per|a|each) ?(?:s|sec|second)"
WITHIN = r"(?: within| in| under| below| of| <| at most|:|=)*"
UNIT = r"(?P<unit>ms|milliseconds?|s|sec|seconds?)(?![a-z])"
OF = r"(?: of| =|:|=)"
MONEY = (
    r"[$€£] ?(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    rf"(?: ?(?P<scale>k|m|thousand|million|billion|bn)(?![a-z0-9]))?(?:{PER})?"
)
PEOPLE = r"(?:users?|people|clients|employees|developers|chats|sessions)(?![a-z])"
AT_ONCE = r"(?:concurrent|simultaneous|parallel)"
PATTERNS: tuple[tuple[Kind, str], ...] = (
    ("itl_ms", rf"{NUMBER} ?(?:tokens?|toks?|tps) ?{A_SECOND}{EACH_USER}"),
    ("tokens_per_s", rf"{NUMBER} ?(?:{TOKENS} ?{A_SECOND}|tps)(?![a-z])"),
    ("tokens_per_day", rf"{NUMBER} ?{TOKENS}{PER}"),
    ("request_rate", rf"{NUMBER} ?(?:{REQUESTS}{PER}|(?:rps|qps|req/s)(?![a-z]))"),
    ("users", rf"{NUMBER} ?(?:(?:{AT_ONCE}|active) )?{PEOPLE}"),
    ("concurrency", rf"{NUMBER} ?{AT_ONCE} ?(?:{REQUESTS}|connections|streams|sequences|generations)?(?![a-z])"),
    ("concurrency", rf"(?:concurrency|batch(?: size)?){OF}? ?{NUMBER}"),
    ("usd", MONEY),
    ("usd", rf"{NUMBER} ?(?:usd|us dollars|dollars?|euros?|eur|bucks)(?![a-z])(?:{PER})?"),
    ("ttft_ms", rf"(?:ttft|time to first token|first token){WITHIN} ?{NUMBER} ?{UNIT}"),
    ("ttft_ms", rf"{NUMBER} ?{UNIT} ?(?:ttft|(?:time )?to (?:the )?first token)"),
    ("itl_ms", rf"(?:itl|tpot|between (?:two )?tokens|inter token latency){WITHIN} ?{NUMBER} ?{UNIT}"),
    ("e2e_ms", rf"{NUMBER} ?{UNIT}"),
    ("isl", rf"(?:isl|prompts?(?: length)?|inputs?){OF} ?{NUMBER}(?: ?{TOKENS})?|isl ?{NUMBER}"),
    ("isl", rf"{NUMBER} ?(?:{TOKENS} in|(?:{TOKENS} )?(?:isl|of prompt|prompts?|input)|in(?= ?(?:,|and |/|\d|$)))(?![a-z])"),
    ("osl", rf"(?:osl|answers?(?: length)?|outputs?){OF} ?{NUMBER}(?: ?{TOKENS})?|osl ?{NUMBER}"),
    ("osl", rf"{NUMBER} ?(?:{TOKENS} )?(?:out|osl|of answer|answers?|output)(?![a-z])"),
    ("context", rf"{NUMBER} ?{TOKENS}(?: of)?(?: context)?(?: window| length)?"),
    ("context", rf"{NUMBER} ?(?:context|ctx)(?: window| length)?"),
    ("context", rf"(?:context|ctx|max model len|sequences?)(?: window| length)?(?:{OF}| up to)? ?{NUMBER}"),
    ("memory_gb", rf"{NUMBER} ?(?:gi?b|gigabytes?)(?: of)?(?: vram| memory| hbm| gpu memory)?(?![a-z])"),
    ("share", rf"{NUMBER} ?(?:%|percent)"),
    ("context", r"(?<![\w.$])(?P<number>\d+(?:\.\d+)?) ?(?P<scale>k|m)(?![a-z0-9])"),
)
"""Tried in this order: what says more stands before what says less."""


def find(words: str) -> tuple[Amount, ...]:
    """Find the amounts of a sentence in small letters with single blanks, in its order. What one amount takes no other takes again."""
    found: list[Amount] = []
    left = words
    for kind, pattern in PATTERNS:
        for match in re.finditer(_unique(pattern), left):
            amount = _amount(kind, match)
            if amount:
                found.append(amount)
        for one in found:
            left = left[: one.span[0]] + "\0" * (one.span[1] - one.span[0]) + left[one.span[1] :]
    return tuple(sorted(found, key=lambda one: one.span))


def _amount(kind: Kind, match: re.Match[str]) -> Amount | None:
    groups = {name.rstrip("0123456789"): value for name, value in match.groupdict().items() if value is not None}
    said = groups["number"].removeprefix("a ")
    number = float(WORDS[said]) if said in WORDS else float(said.replace(",", ""))
    number *= SCALES.get(groups.get("scale", ""), 1.0)
    seconds = SECONDS.get(groups.get("time") or ADVERBS.get(groups.get("adverb", ""), ""), 0)
    value = _in_unit(kind, number, seconds, groups.get("unit", ""))
    kind = "usd_per_hour" if kind == "usd" and seconds else kind
    return Amount(kind, value, match.group(0).strip(), match.span()) if value > 0 else None


def _in_unit(kind: Kind, number: float, seconds: float, unit: str) -> float:
    if kind == "tokens_per_day":
        return number / seconds * SECONDS["day"]
    if kind == "request_rate":
        return number / seconds if seconds else number
    if kind == "usd":
        return number / seconds * SECONDS["hour"] if seconds else number
    if kind == "itl_ms" and not unit:
        return 1000 / number if number else 0.0
    if unit:
        return number if unit.startswith("m") else number * 1000
    return number


def _unique(pattern: str) -> str:
    """A name of a group may stand once in a pattern: each further one gets a number."""
    return "".join(_numbered(pattern))


def _numbered(pattern: str) -> Iterator[str]:
    seen: dict[str, int] = {}
    for part in re.split(r"(\(\?P<[a-z]+>)", pattern):
        if part.startswith("(?P<"):
            name = part[4:-1]
            seen[name] = seen.get(name, -1) + 1
            yield f"(?P<{name}{seen[name] or ''}>"
        else:
            yield part
