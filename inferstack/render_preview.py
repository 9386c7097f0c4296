"""A preview for people: what would change, the cost tree, and the totals."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from rich.text import Text
from rich.tree import Tree

from inferstack import render, render_difference
from inferstack.screen import Screen
from records.preview import Bill, BillLine, Preview

SIGNS = {"create": "+", "update": "~", "delete": "-", "replace": "±", "create-replacement": "±", "delete-replaced": "-"}
GROUPINGS = ("pulumi:", "inferstack:")
HOURS_A_MONTH = 730


def show(screen: Screen, preview: Preview) -> None:
    _changes(screen, preview)
    _tree(screen, preview.bill)
    _totals(screen, preview.bill)
    if preview.difference:
        render_difference.show(screen, preview.difference)


def counts(preview: Preview) -> str:
    """`12 create, 3 same`."""
    counted = Counter(change.op for change in preview.changes if not change.type.startswith(GROUPINGS))
    return ", ".join(f"{number} {op}" for op, number in counted.most_common()) or "no resources"


def _changes(screen: Screen, preview: Preview) -> None:
    screen.say(f"Changes to {preview.stack}: {counts(preview)}")
    for change in preview.changes:
        if change.op in ("same", "read") or change.type.startswith(GROUPINGS):
            continue
        more = f"  ({', '.join(change.diff)})" if change.diff else ""
        screen.say(f"  {SIGNS.get(change.op, change.op)} {change.type}  {change.name}{more}")


def _tree(screen: Screen, bill: Bill) -> None:
    root = Tree(Text("What it costs", style="bold"), guide_style="dim")
    shown = [line for line in bill.lines if line.bucket != "free"]
    for resource, lines in groupby(shown, key=lambda line: line.resource):
        branch = root.add(Text(resource))
        for line in lines:
            branch.add(Text(_line(line), style="" if line.bucket == "priced" else "yellow"))
    render.console(screen).print(root)


def _line(line: BillLine) -> str:
    if line.bucket != "priced":
        return f"{line.component}: {line.bucket}{' - ' + line.note if line.note else ''}"
    quantity = (
        f"{line.quantity:g} x {line.unit_price_usd:g} $/{line.unit}"
        if line.quantity is not None and line.unit_price_usd is not None
        else ""
    )
    cost = (
        f"{render.usd(line.usd_per_hour)}/h  {render.usd((line.usd_per_hour or 0) * HOURS_A_MONTH)}/month"
        if line.usd_per_hour is not None
        else ""
    )
    return "  ".join(filter(None, (line.component, quantity, cost, line.note)))


def _totals(screen: Screen, bill: Bill) -> None:
    buckets = ", ".join(f"{number} {name}" for name, number in bill.resources_by_bucket.items() if number)
    screen.say(f"Resources: {buckets}")
    if bill.refused:
        screen.say(f"No total: {bill.refused}")
        return
    until = f", {render.usd(bill.usd_until_expiry)} until it expires in {bill.hours_until_expiry:.1f} h" if bill.hours_until_expiry else ""
    screen.say(f"Total: {render.usd(bill.usd_per_hour)}/h, {render.usd(bill.usd_per_month)}/month{until}; prices of {bill.price_date}")
