"""What a reader of a bill must be told beside the total: old prices, prices from memory, what is billed by use, what has no price."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from inferstack.pricing.bill.usage import DEFAULT
from inferstack.records.preview import Bill, BillLine

STALE_AFTER_DAYS = 30


@dataclass(frozen=True)
class Caveat:
    """`sentence` is whole and plain; `lines` are those that it is about."""

    kind: Literal["refused", "unpriced", "outlives", "stale", "unverified", "assumed", "usage-based"]
    sentence: str
    lines: tuple[BillLine, ...]


def caveats(bill: Bill, *, today: date) -> tuple[Caveat, ...]:
    """Worst first; empty for a bill that is complete, fresh and verified."""
    old = stale(bill, today=today)
    found = (_refused(bill), _unpriced(bill), _outlives(bill), old, _unverified(bill), _assumed(bill), _usage(bill))
    return tuple(one for one in found if one is not None)


def stale(bill: Bill, *, today: date) -> Caveat | None:
    """Prices that count in the total and are older than 30 days."""
    dated = [(line.as_of, line) for line in bill.lines if line.as_of and counts(line)]
    old = [(as_of, line) for as_of, line in dated if (today - as_of).days > STALE_AFTER_DAYS]
    if not old:
        return None
    oldest = min(as_of for as_of, _ in old)
    sentence = (
        f"{len(old)} of {len(dated)} prices are older than {STALE_AFTER_DAYS} days, the oldest of {oldest} ({(today - oldest).days} days): "
        "check the list price before a large run"
    )
    return Caveat("stale", sentence, tuple(line for _, line in old))


def counts(line: BillLine) -> bool:
    """Whether the line is part of the totals: priced, or billed by a use that the user said."""
    return line.bucket == "priced" or (line.assumption is not None and line.assumption.set_by != DEFAULT)


def _refused(bill: Bill) -> Caveat | None:
    unpriced = tuple(line for line in bill.lines if line.bucket == "unpriced")
    lines = tuple(line for line in unpriced if line.gpu_bearing) or unpriced
    return Caveat("refused", bill.refused, lines) if bill.refused else None


def _unpriced(bill: Bill) -> Caveat | None:
    lines = tuple(line for line in bill.lines if line.bucket == "unpriced")
    return Caveat("unpriced", f"{_count(lines)} no price and {_verb(lines)} not in the total", lines) if lines else None


def _outlives(bill: Bill) -> Caveat | None:
    """What nobody deletes with the stack."""
    lines = tuple(line for line in bill.lines if line.outlives)
    if not lines:
        return None
    monthly = sum(line.usd_per_month or 0.0 for line in lines)
    stays = f"not deleted with the instances (deleteOnTermination is false): afterwards ${monthly:,.2f} a month continues"
    sentence = f"{_parts(lines)} {stays}"
    return Caveat("outlives", sentence, lines)


def _unverified(bill: Bill) -> Caveat | None:
    lines = tuple(line for line in bill.lines if line.confidence == "recalled" and counts(line))
    return Caveat("unverified", f"{_prices(lines)} recalled or assumed, not read from AWS", lines) if lines else None


def _assumed(bill: Bill) -> Caveat | None:
    lines = tuple(line for line in bill.lines if line.bucket == "usage-based" and counts(line))
    if not lines:
        return None
    monthly = sum(line.usd_per_month or 0.0 for line in lines)
    once = f", and ${bill.usd_used_once:,.2f} once, in no hourly or monthly rate" if bill.usd_used_once else ""
    return Caveat(
        "assumed", f"{_parts(lines)} usage-based, with quantities from usage.yaml: ${monthly:,.2f} a month of the total{once}", lines
    )


def _usage(bill: Bill) -> Caveat | None:
    lines = tuple(line for line in bill.lines if line.bucket == "usage-based" and not counts(line))
    if not lines:
        return None
    sentence = (
        f"{_parts(lines)} usage-based and {_verb(lines)} not in the total: ${bill.assumed_usd_per_month:,.2f} a month "
        "by default assumptions, which a usage.yaml can replace"
    )
    return Caveat("usage-based", sentence, lines)


def _count(lines: tuple[BillLine, ...]) -> str:
    return "1 part has" if len(lines) == 1 else f"{len(lines)} parts have"


def _parts(lines: tuple[BillLine, ...]) -> str:
    return "1 part is" if len(lines) == 1 else f"{len(lines)} parts are"


def _prices(lines: tuple[BillLine, ...]) -> str:
    return "1 price is" if len(lines) == 1 else f"{len(lines)} prices are"


def _verb(lines: tuple[BillLine, ...]) -> str:
    return "is" if len(lines) == 1 else "are"
