"""A difference of two bills, as lines for people and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from inferstack.cli.screen import Screen
from inferstack.records.difference import CostSide, Difference, LineChange, Totals
from inferstack.show import markdown as marked
from inferstack.show import tables

NOT_COUNTED = "not in the total"
SIGNS = ("`+`", "`-`", "`~`")


def show(screen: Screen, found: Difference) -> None:
    for line in lines(found):
        screen.say(line)


def lines(found: Difference) -> Iterator[str]:
    """The changes by resource, then old total -> new total."""
    yield f"What the change costs: {found.old.name} -> {found.new.name}"
    for resource, changes in groupby(found.changes, key=lambda one: one.resource):
        yield f"  {resource}"
        yield from (f"    {one.sign} {_line(one)}" for one in changes)
    yield f"  {counted(found)}"
    yield from (f"  {name} is replaced: old and new are paid until the old one is deleted" for name in found.replaced_resources)
    yield from (f"No total of {side.name}: {side.refused}" for side in (found.old, found.new) if side.refused)
    yield from (f"{side.name}: {unpriced(side)}" for side in (found.old, found.new) if side.unpriced and not side.refused)
    if found.change_usd_per_hour is not None:
        yield f"Total: {totals(found)}"
    if found.peak_usd_per_hour is not None:
        yield f"While the update runs: at most {tables.usd(found.peak_usd_per_hour)}/h"


def totals(found: Difference) -> str:
    """`$55.20/h -> $110.41/h: +$55.21/h, +$40,301.84/month (+100.0 %)`."""
    was, will = (f"{tables.usd(side.usd_per_hour)}/h" for side in (found.old, found.new))
    return f"{was} -> {will}: {signed(found.change_usd_per_hour)}/h, {signed(found.change_usd_per_month)}/month{_share(found)}"


def counted(found: Difference) -> str:
    """`2 lines change, 11 stay`."""
    changed = len(found.changes)
    return (
        f"{changed or 'no'} line{' changes' if changed == 1 else 's change'}, {found.unchanged} stay{'s' if found.unchanged == 1 else ''}"
    )


def unpriced(side: Totals) -> str:
    """Said of a side wherever its total is: what is not in it."""
    one = side.unpriced == 1
    return f"{side.unpriced} resource{' has' if one else 's have'} no price and {'is' if one else 'are'} in no total"


def signed(amount: float | None) -> str:
    if not amount:
        return "-" if amount is None else "$0"
    return f"{'-' if amount < 0 else '+'}{tables.usd(abs(amount))}"


def markdown(found: Difference) -> str:
    """Return the difference for GitHub: the totals open, the lines folded."""
    blocks = [_headline(found), _table_of_totals(found), *_notes(found), _folded(found)]
    return "\n\n".join(blocks) + "\n"


def _headline(found: Difference) -> str:
    if found.change_usd_per_hour is None:
        return f"**Cost: no difference can be given.** {marked.text(found.refused or '')}"
    return f"**Cost: {totals(found).replace(' -> ', ' → ')}**"


def _table_of_totals(found: Difference) -> str:
    rows = [(side.name, _usd(side.usd_per_hour), _usd(side.usd_per_month), str(side.price_date or "-")) for side in (found.old, found.new)]
    rows.append(("change", signed(found.change_usd_per_hour), signed(found.change_usd_per_month), ""))
    return _table(("", "$/h", "$/month", "prices of"), rows, right=(1, 2))


def _notes(found: Difference) -> Iterator[str]:
    if found.peak_usd_per_hour is not None:
        yield f"While the update runs: at most {tables.usd(found.peak_usd_per_hour)}/h."
    yield from (f"{marked.code(name)} is replaced: old and new are paid until the old one is deleted." for name in found.replaced_resources)
    yield from (f"{marked.text(side.name)}: {unpriced(side)}." for side in (found.old, found.new) if side.unpriced and not side.refused)


def _folded(found: Difference) -> str:
    rows = [
        (f"`{one.sign}`", one.resource, *_components(one), _price(one.old), _price(one.new), *_costs(one), ", ".join(one.reasons))
        for one in found.changes
    ]  # fmt: skip
    heads = ("", "resource", "component", "before", "after", "$/h", "$/month", "why")
    inside = f"\n{_table(heads, rows, right=(5, 6))}\n\n" if rows else ""
    return f"<details>\n<summary>{counted(found)}</summary>\n{inside}</details>"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]], *, right: tuple[int, ...]) -> str:
    heads = list(heads)
    rule = ["---:" if number in right else "---" for number in range(len(heads))]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in (heads, rule, *rows))


def _cell(text: str) -> str:
    return text if text in SIGNS else marked.text(text)


def _line(one: LineChange) -> str:
    before, after = _price(one.old), _price(one.new)
    prices = f"{before} -> {after}" if one.sign == "~" else after if one.sign == "+" else before
    hourly, monthly = _costs(one)
    costs = f"{hourly}/h  {monthly}/month" if hourly != NOT_COUNTED else NOT_COUNTED
    return "  ".join((*_components(one), prices, costs, f"({', '.join(one.reasons)})"))


def _costs(one: LineChange) -> tuple[str, str]:
    """USD an hour and a month; what has no fixed price on either side is in no total."""
    if all(side is None or side.usd_per_hour is None for side in (one.old, one.new)):
        return NOT_COUNTED, NOT_COUNTED
    return signed(one.change_usd_per_hour), signed(one.change_usd_per_month)


def _components(one: LineChange) -> tuple[str]:
    old, new = (side.component if side else None for side in (one.old, one.new))
    return (f"{old} -> {new}" if old and new and old != new else str(new or old),)


def _price(side: CostSide | None) -> str:
    """`2 x $55.04/instance-hour spot`, or the bucket where there is no price."""
    if side is None:
        return "-"
    if side.quantity is None or side.unit_price_usd is None or side.usd_per_hour is None:
        return side.bucket
    option = f" {side.purchase_option}" if side.purchase_option not in (None, "on-demand") else ""
    return f"{side.quantity:g} x ${side.unit_price_usd:g}/{side.unit}{option}"


def _share(found: Difference) -> str:
    return "" if found.change_share is None else f" ({found.change_share:+.1%})".replace("%", " %")


def _usd(amount: float | None) -> str:
    return tables.usd(amount) if amount is not None else "no total"
