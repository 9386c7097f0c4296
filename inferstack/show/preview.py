"""A preview for people: what would change, the cost tree, and the totals."""

from __future__ import annotations

from collections import Counter

from inferstack.cli.screen import Screen
from inferstack.records.preview import Bill, Preview
from inferstack.show import bill as render_bill
from inferstack.show import difference

SIGNS = {"create": "+", "update": "~", "delete": "-", "replace": "±", "create-replacement": "±", "delete-replaced": "-"}
GROUPINGS = ("pulumi:", "inferstack:")


def show(screen: Screen, preview: Preview) -> None:
    _changes(screen, preview)
    render_bill.tree(screen, preview.bill)
    _totals(screen, preview.bill)
    render_bill.remarks(screen, preview.bill)
    if preview.difference:
        difference.show(screen, preview.difference)


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


def _totals(screen: Screen, bill: Bill) -> None:
    buckets = ", ".join(f"{number} {name}" for name, number in bill.resources_by_bucket.items() if number)
    screen.say(f"Resources: {buckets}")
    screen.say(render_bill.total(bill))
