"""A bill for people: a tree by resource in a hundred columns, the totals, and what must be said beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from inferstack.cli import lines, printable
from inferstack.cli.screen import Screen
from inferstack.records.preview import Bill, BillLine
from inferstack.show import tables

WIDTH = 100
DATED, HOURLY, MONTHLY = 11, 10, 12
BRANCH, LAST, DOWN, NOTHING = "├─ ", "└─ ", "│  ", "   "
ASSUMED = "~"
UNVERIFIED = "?"
KEY = f"{ASSUMED} by an assumption, not in the total   {UNVERIFIED} price from memory, not verified"


def show(screen: Screen, bill: Bill) -> None:
    tree(screen, bill)
    totals(screen, bill)
    remarks(screen, bill)


def tree(screen: Screen, bill: Bill) -> None:
    """Print the resources, the dearest first; what is free stands in one line at the end."""
    across = Across(min(WIDTH, screen.width or WIDTH))
    charged = [line for line in bill.lines if line.bucket != "free"]
    for text, style in across.row(f"What it costs in {_regions(bill)}", "", "price of", "$/h", "$/month", "bold"):
        screen.lay([(text, style)])
    groups = [list(found) for _, found in groupby(charged, key=lambda line: line.resource)]
    for found in sorted(groups, key=_dearest_first):
        for text, style in _branch(across, found):
            screen.lay([(text, style)])
    screen.say(f"{bill.resources_by_bucket.get('free', 0)} resources without a charge", "dim")
    if any(_sign(line) for line in charged):
        screen.say(KEY, "dim")


def _dearest_first(found: list[BillLine]) -> tuple[float, float]:
    return (-sum(line.usd_per_hour or 0.0 for line in found), -sum(line.usd_per_month or 0.0 for line in found))


@dataclass(frozen=True)
class Across:
    """The columns of the tree at a width: on a narrow terminal the date leaves, and what is longer than its column takes a line."""

    width: int

    @property
    def dated(self) -> int:
        return DATED if self.width >= WIDTH else 0

    @property
    def name(self) -> int:
        return (self.width - self.dated - HOURLY - MONTHLY) // 2

    def row(self, name: str, sums: str, dated: str, hourly: str, monthly: str, style: str, below: str = "") -> Iterator[tuple[str, str]]:
        """Give the lines of one row; a name or a sum is never cut."""
        name, sums = printable.line(name), printable.line(sums)
        left = self.width - self.dated - HOURLY - MONTHLY
        money = f"{dated if self.dated else '':<{self.dated}}{hourly:>{HOURLY}}{monthly:>{MONTHLY}}"
        if len(name) < self.name and len(sums) < left - self.name:
            yield f"{name:<{self.name}}{sums:<{left - self.name}}{money}", style
        elif len(name) + len(sums) + 2 < left:
            yield f"{f'{name}  {sums}':<{left}}{money}", style
        else:
            for piece in lines.wrapped(name, self.width, hanging=below + "  "):
                yield piece, style
            yield f"{f'{below}{sums}':<{left}}{money}", style


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
            for line in lines.wrapped(f"  {one.kind}: {one.sentence}", min(WIDTH, screen.width or WIDTH), hanging="  "):
                screen.say(line)


def _branch(across: Across, found: list[BillLine]) -> Iterator[tuple[str, str]]:
    kind, _, name = found[0].resource.rpartition("::")
    known = any(line.bucket != "unpriced" for line in found)
    hourly = sum(line.usd_per_hour or 0.0 for line in found) if known else None
    monthly = sum(line.usd_per_month or 0.0 for line in found) if known else None
    where = f" in {found[0].region}" if found[0].region else ""
    yield from across.row(f"{name}  {kind}{where}", "", "", tables.usd(hourly), _month(monthly), "bold")
    for number, line in enumerate(found, 1):
        last = number == len(found)
        yield from _leaf(across, line, LAST if last else BRANCH, NOTHING if last else DOWN)


def _leaf(across: Across, line: BillLine, branch: str, below: str) -> Iterator[tuple[str, str]]:
    dated = str(line.as_of) if line.as_of else ""
    row = (f"{branch}{line.component}{_sign(line)}", _sum(line), dated, tables.usd(line.usd_per_hour), _monthly(line))
    yield from across.row(*row, _style(line), below + "  ")
    for said in _said(line):
        for piece in lines.wrapped(f"{below}  {printable.line(said)}", across.width, hanging=f"{below}    "):
            yield piece, "dim"


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
    return {"unpriced": "bad", "usage-based": "doubtful"}.get(line.bucket, "")


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
