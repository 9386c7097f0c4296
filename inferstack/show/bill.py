"""A bill for people: a tree by resource in a hundred columns, the totals, and what must be said beside them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import groupby

from rich.text import Text

from inferstack.cli import printable
from inferstack.cli.screen import Screen
from inferstack.records.preview import Bill, BillLine
from inferstack.show import tables

WIDTH = 100
NAME, SUM, DATED, HOURLY, MONTHLY = 33, 34, 11, 10, 12
BRANCH, LAST, DOWN, NOTHING = "├─ ", "└─ ", "│  ", "   "
ASSUMED = "~"
UNVERIFIED = "?"
KEY = f"{ASSUMED} by an assumption, not in the total   {UNVERIFIED} price from memory, not verified"


def show(screen: Screen, bill: Bill) -> None:
    tree(screen, bill)
    totals(screen, bill)
    remarks(screen, bill)


def tree(screen: Screen, bill: Bill) -> None:
    """What is free stands in one line at the end."""
    title = _clipped(f"What it costs in {_regions(bill)}", NAME + SUM - 1)
    _print(screen, f"{title:<{NAME + SUM}}{'price of':<{DATED}}{'$/h':>{HOURLY}}{'$/month':>{MONTHLY}}", "bold")
    charged = [line for line in bill.lines if line.bucket != "free"]
    for resource, lines in groupby(charged, key=lambda line: line.resource):
        for text, style in _branch(resource, list(lines)):
            _print(screen, text, style)
    _print(screen, f"{bill.resources_by_bucket.get('free', 0)} resources without a charge", "dim")
    if any(_sign(line) for line in charged):
        _print(screen, KEY, "dim")


def totals(screen: Screen, bill: Bill) -> None:
    screen.say(f"Resources: {', '.join(f'{number} {name}' for name, number in bill.resources_by_bucket.items() if number)}")
    screen.say(total(bill))


def total(bill: Bill) -> str:
    """One line: the totals and the date of their prices, `at least` where a part has no price; or why there is none."""
    if bill.usd_per_hour is None:
        return f"No total: {(bill.refused or '').removeprefix('no total: ')}"
    floor = "at least " if bill.at_least else ""
    return f"Total: {floor}{tables.usd(bill.usd_per_hour)}/h, {_month(bill.usd_per_month)}/month{_until(bill)}; {dated(bill)}"


def dated(bill: Bill) -> str:
    """`prices of 2026-07-20 (99 % of it), the oldest of 2024-07-01`."""
    if bill.price_date is None:
        return "no price has a date"
    if bill.oldest_price_date in (None, bill.price_date):
        return f"prices of {bill.price_date}"
    share = f" ({_share(bill.price_date_share)} of it)" if bill.price_date_share else ""
    return f"prices of {bill.price_date}{share}, the oldest of {bill.oldest_price_date}"


def remarks(screen: Screen, bill: Bill) -> None:
    if bill.usd_once:
        screen.say(f"Due at purchase: {tables.usd(bill.usd_once)}")
    if bill.usd_used_once:
        screen.say(f"Used once, in no hour and no month: {tables.usd(bill.usd_used_once)}")
    if bill.usd_per_hour is not None and bill.usd_per_hour_min != bill.usd_per_hour_max:
        ends = f"{tables.usd(bill.usd_per_hour_min)}/h to {tables.usd(bill.usd_per_hour_max)}/h"
        screen.say(f"With every group at its smallest and its largest size: {ends}")
    for one in bill.remarks:
        if one.kind != "refused":
            screen.say_block(_wrapped(f"{one.kind}: {one.sentence}", indent="  ", first="  "))


def _branch(resource: str, lines: list[BillLine]) -> Iterator[tuple[str, str]]:
    kind, _, name = resource.rpartition("::")
    known = any(line.bucket != "unpriced" for line in lines)
    hourly = sum(line.usd_per_hour or 0.0 for line in lines) if known else None
    monthly = sum(line.usd_per_month or 0.0 for line in lines) if known else None
    where = f" in {lines[0].region}" if lines[0].region else ""
    head = _clipped(f"{name}  {kind}{where}", NAME + SUM + DATED - 1)
    yield f"{head:<{NAME + SUM + DATED}}{tables.usd(hourly):>{HOURLY}}{_month(monthly):>{MONTHLY}}", "bold"
    for number, line in enumerate(lines, 1):
        last = number == len(lines)
        yield from _leaf(line, LAST if last else BRANCH, NOTHING if last else DOWN)


def _leaf(line: BillLine, branch: str, below: str) -> Iterator[tuple[str, str]]:
    name = _clipped(f"{branch}{line.component}{_sign(line)}", NAME - 1)
    dated = str(line.as_of) if line.as_of else ""
    cells = f"{name:<{NAME}}{_clipped(_sum(line), SUM - 1):<{SUM}}{dated:<{DATED}}"
    yield f"{cells}{tables.usd(line.usd_per_hour):>{HOURLY}}{_monthly(line):>{MONTHLY}}", _style(line)
    for said in _said(line):
        yield _wrapped(said, indent=f"{below}    ", first=f"{below}  "), "dim"


def _said(line: BillLine) -> Iterator[str]:
    if line.purchase_option:
        ends = line.range if line.range and line.range.quantity_min != line.range.quantity_max else None
        sizes = f", {ends.quantity_min:,.10g} to {ends.quantity_max:,.10g} of them" if ends else ""
        cost = f": {tables.usd(ends.usd_per_hour_min)}/h to {tables.usd(ends.usd_per_hour_max)}/h" if ends else ""
        yield f"{line.purchase_option}{sizes}{cost}"
    if line.assumption:
        one = line.assumption
        value = f"{one.value:,.10g}" if isinstance(one.value, float) else one.value
        basis = f" ({one.basis})" if one.basis else ""
        yield f"{one.key} {value}, {one.unit}: {one.set_by}{basis}"
    if line.note:
        yield line.note


def _sum(line: BillLine) -> str:
    if line.quantity is None or line.unit_price_usd is None:
        return line.bucket
    return f"{line.quantity:,.10g} x ${line.unit_price_usd:,.10g}/{line.unit}"


def _monthly(line: BillLine) -> str:
    if line.assumed_usd_per_month is not None:
        return f"{ASSUMED}{_month(line.assumed_usd_per_month)}"
    return _month(line.usd_per_month)


def _month(amount: float | None) -> str:
    return "-" if amount is None else f"${amount:,.2f}"


def _sign(line: BillLine) -> str:
    return f" {UNVERIFIED}" if line.confidence == "recalled" else (f" {ASSUMED}" if line.assumed_usd_per_month is not None else "")


def _style(line: BillLine) -> str:
    return {"unpriced": "red", "usage-based": "yellow"}.get(line.bucket, "")


def _until(bill: Bill) -> str:
    if bill.usd_until_expiry is None or bill.hours_until_expiry is None:
        return ""
    return f", {tables.usd(bill.usd_until_expiry)} until it expires in {bill.hours_until_expiry:.1f} h"


def _share(share: float) -> str:
    """Never rounded to the whole."""
    return f"{min(share, 0.999):.1%}".replace("%", " %")


def _regions(bill: Bill) -> str:
    """The program's region, and those of resources that lie elsewhere."""
    found = dict.fromkeys(line.region or bill.region for line in bill.lines if line.bucket != "free")
    return " and ".join(found) if found else bill.region


def _wrapped(text: str, *, indent: str, first: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _clipped(text: str, width: int) -> str:
    text = printable.line(text)
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _print(screen: Screen, text: str, style: str) -> None:
    if screen.colour:
        tables.console(screen).print(Text(printable.block(text), style=style), soft_wrap=True)
    else:
        screen.say_block(text.rstrip())
