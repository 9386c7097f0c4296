"""What a change does to the bill: lines of two bills paired by resource and component, each change with its reasons.

Pure. The same two bills always give the same difference; the other way round it is the mirror image.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator

from inferstack.records.difference import CostSide, Difference, LineChange, Reason, Sign, Totals
from inferstack.records.preview import Bill, BillLine

Pair = tuple[BillLine | None, BillLine | None]
SAME = 1e-9
"""Relative: a quantity that went through JSON is still the same quantity."""


def difference(old: Bill, new: Bill, *, old_name: str, new_name: str, replaced: Collection[str] | None = None) -> Difference:
    """USD an hour and a month of 730 hours.

    `replaced` are the resources (type::name) that an update creates anew before it deletes them; None where nobody knows, which leaves the
    peak out.
    """
    pairs = [pair for pair in _pairs(old.lines, new.lines) if not _free(pair)]
    changed = [pair for pair in pairs if _reasons(*pair)]
    refused = _refused((old_name, old), (new_name, new))
    change = _minus(new.usd_per_hour, old.usd_per_hour)
    return Difference(
        old=_totals(old_name, old),
        new=_totals(new_name, new),
        change_usd_per_hour=change,
        change_usd_per_month=_minus(new.usd_per_month, old.usd_per_month),
        change_share=change / old.usd_per_hour if change is not None and old.usd_per_hour else None,
        peak_usd_per_hour=None if refused or replaced is None else peak(old, new, replaced=replaced),
        replaced_resources=tuple(sorted(replaced or ())),
        changes=tuple(_change(*pair) for pair in changed),
        unchanged=len(pairs) - len(changed),
        refused=refused,
    )


def peak(old: Bill, new: Bill, *, replaced: Collection[str]) -> float:
    """The most USD an hour while an update runs.

    The engine deletes last: what is replaced exists twice, and what goes stays until the end. What is updated in place costs its old or its
    new price, whichever is more.
    """
    before, after = _by_resource(old), _by_resource(new)
    return math.fsum(_at_most(before.get(name), after.get(name), twice=name in replaced) for name in {**before, **after})


def _at_most(before: float | None, after: float | None, *, twice: bool) -> float:
    both = [cost for cost in (before, after) if cost is not None]
    return math.fsum(both) if twice else max(both)


def _by_resource(bill: Bill) -> dict[str, float]:
    found: dict[str, list[float]] = defaultdict(list)
    for line in bill.lines:
        found[line.resource].append(line.usd_per_hour or 0.0)
    return {name: math.fsum(costs) for name, costs in found.items()}


def _pairs(old: Iterable[BillLine], new: Iterable[BillLine]) -> Iterator[Pair]:
    """Yield the pairs in the order of the new bill; what is gone stands after the rest of its resource, or at the end with it.

    First what is named alike, then what is bought otherwise, then what differs in the instance type that its name begins with.
    """
    before, after = list(old), list(new)
    found: list[Pair] = []
    for key in (_named, _bought_otherwise, _kind):
        found += _matched(before, after, key)
    found += [(None, line) for line in after] + [(line, None) for line in before]
    yield from sorted(found, key=_place(list(old), list(new)))


def _place(old: list[BillLine], new: list[BillLine]) -> Callable[[Pair], tuple[int, int]]:
    """(line of the new bill, line of the old bill where it is gone)."""
    after, before = ({id(line): number for number, line in enumerate(lines)} for lines in (new, old))
    last = {line.resource: number for number, line in enumerate(new)}

    def place(pair: Pair) -> tuple[int, int]:
        gone, there = pair
        if there is not None:
            return after[id(there)], -1
        assert gone
        return last.get(gone.resource, len(new)), before[id(gone)]

    return place


def _matched(before: list[BillLine], after: list[BillLine], key: Callable[[BillLine], Hashable]) -> list[Pair]:
    """Takes what it pairs out of both lists; lines of one key are paired in their order."""
    groups: dict[Hashable, tuple[list[BillLine], list[BillLine]]] = defaultdict(lambda: ([], []))
    for side, lines in enumerate((before, after)):
        for line in lines:
            groups[key(line)][side].append(line)
    found: list[Pair] = [(one, other) for group in groups.values() for one, other in zip(*group, strict=False)]
    taken = {id(line) for pair in found for line in pair}
    for lines in (before, after):
        lines[:] = [line for line in lines if id(line) not in taken]
    return found


def _named(line: BillLine) -> Hashable:
    return line.resource, line.component, line.purchase_option


def _bought_otherwise(line: BillLine) -> Hashable:
    return line.resource, line.component


def _kind(line: BillLine) -> Hashable:
    return line.resource, line.component.rsplit(" ", 1)[-1]


def _free(pair: Pair) -> bool:
    return all(line.bucket == "free" for line in pair if line is not None)


def _reasons(old: BillLine | None, new: BillLine | None) -> tuple[Reason, ...]:
    """Why a line costs what it did not; empty where nothing that a bill is made of differs."""
    if old is None or new is None:
        return ("new",) if old is None else ("removed",)
    if old.bucket != new.bucket:
        return ("bucket",)
    told: tuple[tuple[Reason, bool], ...] = (
        ("instance type" if _is_instances(old, new) else "component", old.component != new.component),
        ("purchase option", old.purchase_option != new.purchase_option),
        ("quantity", _differ(old.quantity, new.quantity)),
        ("unit price", _differ(old.unit_price_usd, new.unit_price_usd)),
    )
    found = tuple(reason for reason, holds in told if holds)
    return found or (("unit price",) if _differ(old.usd_per_hour, new.usd_per_hour) else ())


def _is_instances(*lines: BillLine) -> bool:
    return all(line.component.endswith("instances") for line in lines)


def _differ(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is not other
    return not math.isclose(one, other, rel_tol=SAME)


def _change(old: BillLine | None, new: BillLine | None) -> LineChange:
    line = new or old
    assert line
    sign: Sign = "+" if old is None else "-" if new is None else "~"
    return LineChange(
        sign=sign,
        resource=line.resource,
        old=_side(old),
        new=_side(new),
        change_usd_per_hour=_hourly(new) - _hourly(old),
        change_usd_per_month=_monthly(new) - _monthly(old),
        reasons=_reasons(old, new),
    )


def _minus(new: float | None, old: float | None) -> float | None:
    return None if new is None or old is None else new - old


def _hourly(line: BillLine | None) -> float:
    return (line.usd_per_hour if line else None) or 0.0


def _monthly(line: BillLine | None) -> float:
    """The bill's own: of a fee paid up front, what falls into a month is not always 730 hours of its rate."""
    return (line.usd_per_month if line else None) or 0.0


def _side(line: BillLine | None) -> CostSide | None:
    return CostSide(**{name: getattr(line, name) for name in CostSide.model_fields}) if line else None


def _totals(name: str, bill: Bill) -> Totals:
    return Totals(
        name=name,
        usd_per_hour=bill.usd_per_hour,
        usd_per_month=bill.usd_per_month,
        price_date=bill.price_date,
        unpriced=bill.resources_by_bucket.get("unpriced", 0),
        refused=bill.refused,
    )


def _refused(*sides: tuple[str, Bill]) -> str | None:
    return "; ".join(f"{name}: {bill.refused}" for name, bill in sides if bill.refused) or None
