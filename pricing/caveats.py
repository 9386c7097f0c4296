"""What a reader of a bill must be told beside the total: old prices, prices from memory, what is billed by use, what has no price."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from records.preview import Bill, BillLine

STALE_AFTER_DAYS = 30


@dataclass(frozen=True)
class Caveat:
    """`sentence` is whole and plain; `lines` are those that it is about."""

    kind: Literal["refused", "stale", "unverified", "usage-based", "unpriced"]
    sentence: str
    lines: tuple[BillLine, ...]


def caveats(bill: Bill, *, today: date) -> tuple[Caveat, ...]:
    """Worst first; empty for a bill that is complete, fresh and verified."""
    found = (_refused(bill), _unpriced(bill), stale(bill, today=today), _unverified(bill), _usage(bill))
    return tuple(one for one in found if one is not None)


def stale(bill: Bill, *, today: date) -> Caveat | None:
    """Prices that count in the total and are older than 30 days."""
    dated = [(line.as_of, line) for line in bill.lines if line.bucket == "priced" and line.as_of]
    old = [(as_of, line) for as_of, line in dated if (today - as_of).days > STALE_AFTER_DAYS]
    if not old:
        return None
    oldest = min(as_of for as_of, _ in old)
    sentence = (
        f"{len(old)} of {len(dated)} prices are older than {STALE_AFTER_DAYS} days, the oldest of {oldest} ({(today - oldest).days} days): "
        "check the list price before a large run"
    )
    return Caveat("stale", sentence, tuple(line for _, line in old))


def _refused(bill: Bill) -> Caveat | None:
    lines = tuple(line for line in bill.lines if line.bucket == "unpriced" and line.gpu_bearing)
    return Caveat("refused", bill.refused, lines) if bill.refused else None


def _unpriced(bill: Bill) -> Caveat | None:
    lines = tuple(line for line in bill.lines if line.bucket == "unpriced")
    return Caveat("unpriced", f"{_count(lines)} no price and {_verb(lines)} not in the total", lines) if lines else None


def _unverified(bill: Bill) -> Caveat | None:
    lines = tuple(line for line in bill.lines if line.bucket == "priced" and line.confidence == "recalled")
    return Caveat("unverified", f"{_prices(lines)} from memory or assumed, not read from AWS", lines) if lines else None


def _usage(bill: Bill) -> Caveat | None:
    lines = tuple(line for line in bill.lines if line.bucket == "usage-based")
    return Caveat("usage-based", f"{_parts(lines)} billed by use and {_verb(lines)} not in the total", lines) if lines else None


def _count(lines: tuple[BillLine, ...]) -> str:
    return "1 part has" if len(lines) == 1 else f"{len(lines)} parts have"


def _parts(lines: tuple[BillLine, ...]) -> str:
    return "1 part is" if len(lines) == 1 else f"{len(lines)} parts are"


def _prices(lines: tuple[BillLine, ...]) -> str:
    return "1 price is" if len(lines) == 1 else f"{len(lines)} prices are"


def _verb(lines: tuple[BillLine, ...]) -> str:
    return "is" if len(lines) == 1 else "are"
