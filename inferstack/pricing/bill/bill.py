"""The bill of a program: every resource ends in exactly one of priced, free, usage-based and unpriced.

An unpriced resource that may bear a GPU refuses the total, and so does a program of which nothing has a price. Where another part has
none, every total is a lower bound.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime

from inferstack.pricing.bill import caveats, classes, deciding
from inferstack.pricing.bill.lines import Pricer
from inferstack.pricing.bill.registration import UNKNOWN, Registration
from inferstack.pricing.bill.usage import Usage
from inferstack.pricing.bill.whole import Whole
from inferstack.pricing.rates.rates import HOURS_PER_MONTH
from inferstack.pricing.services import compute, messages, network, operations, reservations, storage, transfer, volumes
from inferstack.records.preview import Bill, BilledResource, BillLine, Bucket, Remark

__all__ = ["UNKNOWN", "Registration", "bill", "bucket", "pricers", "until_expiry"]

DEFAULTS = Usage()
BUCKETS: tuple[Bucket, ...] = ("unpriced", "priced", "usage-based", "free")


def bill(
    registrations: Iterable[Registration],
    *,
    region: str,
    hours_until_expiry: float | None,
    usage: Usage = DEFAULTS,
    today: date | None = None,
    now: datetime | None = None,
) -> Bill:
    """USD from list prices of each resource's region. Lines stand in the order of the registrations.

    With `today` the bill says what is old in it; with `now` it counts what ends by itself (a reservation) only until then.
    """
    whole = Whole(region, tuple(registrations), usage, now)
    known = pricers()
    groups = [tuple(_over_time(line, hours_until_expiry) for line in _lines(one, whole, known)) for one in whole.registrations]
    found = _summed(groups, whole, hours_until_expiry)
    return found.model_copy(update={"remarks": _remarks(found, today)}) if today else found


def until_expiry(found: Bill, hours: float) -> float | None:
    """USD of the same bill over another time; None where it has no total."""
    return None if found.refused else math.fsum(_until(line, hours) for line in found.lines)


def bucket(lines: Iterable[BillLine]) -> Bucket:
    """Return the bucket of one resource: its worst line counts, so that a part without a price is never hidden behind one that has it."""
    have = {line.bucket for line in lines}
    return next(name for name in BUCKETS if name in have)


def pricers() -> Mapping[str, Pricer]:
    """Return the price rule of each resource type. A type without one is looked up in `facts/classes.yaml`."""
    families = (compute, reservations, network, transfer, volumes, storage, operations, messages)
    return {kind: pricer for family in families for kind, pricer in family.PRICERS.items()}


def _lines(one: Registration, whole: Whole, known: Mapping[str, Pricer]) -> tuple[BillLine, ...]:
    pricer, region = known.get(one.type), whole.region_of(one)
    found = tuple(classes.other(one, whole) if pricer is None else deciding.held(one, pricer(one, whole), region=region))
    return found if region in (None, whole.region) else tuple(line.model_copy(update={"region": region}) for line in found)


def _summed(groups: list[tuple[BillLine, ...]], whole: Whole, hours: float | None) -> Bill:
    lines = tuple(line for group in groups for line in group)
    refused = _refusal(lines)

    def total(amounts: Iterable[float | None]) -> float | None:
        return None if refused else math.fsum(amount or 0.0 for amount in amounts)

    buckets = [bucket(group) for group in groups]
    return Bill(
        region=whole.region,
        lines=lines,
        resources=tuple(_branch(group, name) for group, name in zip(groups, buckets, strict=True)),
        usd_per_hour=total(line.usd_per_hour for line in lines),
        usd_per_month=total(line.usd_per_month for line in lines),
        usd_until_expiry=None if hours is None else total(line.usd_until_expiry for line in lines),
        usd_per_hour_min=total(line.range.usd_per_hour_min if line.range else line.usd_per_hour for line in lines),
        usd_per_hour_max=total(line.range.usd_per_hour_max if line.range else line.usd_per_hour for line in lines),
        usd_once=math.fsum(line.usd_once or 0.0 for line in lines if line.bucket == "priced"),
        usd_used_once=math.fsum(line.usd_once or 0.0 for line in lines if line.bucket == "usage-based"),
        at_least=not refused and any(line.bucket == "unpriced" for line in lines),
        assumed_usd_per_month=math.fsum(line.assumed_usd_per_month or 0.0 for line in lines),
        hours_until_expiry=hours,
        **({"price_date": None} if refused else _dates(lines)),
        resources_by_bucket={name: buckets.count(name) for name in BUCKETS},
        refused=refused,
    )


def _over_time(line: BillLine, hours: float | None) -> BillLine:
    """What the line adds to each total. A fee paid up front, and what is used once, falls due whole, however soon the stack expires."""
    hourly = line.usd_per_hour
    if hourly is None or line.bucket == "free":
        return line
    until = None if hours is None else _until(line, hours)
    if line.usd_once is not None:
        return line.model_copy(update={"usd_until_expiry": until})
    in_a_month = min(HOURS_PER_MONTH, math.inf if line.hours_at_most is None else line.hours_at_most)
    return line.model_copy(update={"usd_per_month": hourly * in_a_month, "usd_until_expiry": until})


def _until(line: BillLine, hours: float) -> float:
    return line.usd_once if line.usd_once is not None else (line.usd_per_hour or 0.0) * _hours(line, hours)


def _hours(line: BillLine, hours: float) -> float:
    """Return how many of the hours are billed."""
    most = math.inf if line.hours_at_most is None else line.hours_at_most
    return min(max(hours, line.hours_at_least or 0.0), most)


def _branch(lines: tuple[BillLine, ...], name: Bucket) -> BilledResource:
    return BilledResource(
        resource=lines[0].resource,
        resource_type=lines[0].resource_type,
        name=lines[0].resource.removeprefix(f"{lines[0].resource_type}::"),
        bucket=name,
        lines=len(lines),
        usd_per_hour=math.fsum(line.usd_per_hour or 0.0 for line in lines),
        usd_per_month=math.fsum(line.usd_per_month or 0.0 for line in lines),
        assumed_usd_per_month=math.fsum(line.assumed_usd_per_month or 0.0 for line in lines),
    )


def _remarks(found: Bill, today: date) -> tuple[Remark, ...]:
    return tuple(Remark(kind=one.kind, sentence=one.sentence) for one in caveats.caveats(found, today=today))


def _refusal(lines: tuple[BillLine, ...]) -> str | None:
    unpriced = [line for line in lines if line.bucket == "unpriced"]
    missing = [line for line in unpriced if line.gpu_bearing]
    if missing:
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        return f"no total: {missing[0].resource} may have a GPU and has no price ({missing[0].note}){more}"
    if unpriced and not any(line.bucket in ("priced", "usage-based") for line in lines):
        return f"no total: no charged resource has a price, such as {unpriced[0].resource} ({unpriced[0].note})"
    return None


def _dates(lines: Iterable[BillLine]) -> dict[str, date | float | None]:
    """The date that most of the money is of, the share of the money that has it, and the oldest date."""
    dated = [line for line in lines if line.as_of and line.usd_per_hour is not None]
    money: dict[date, float] = defaultdict(float)
    for line in dated:
        assert line.as_of
        money[line.as_of] += (line.usd_per_hour or 0.0) or (line.usd_once or 0.0) / HOURS_PER_MONTH
    if not money:
        return {"price_date": None}
    whole = math.fsum(money.values())
    most = max(money, key=lambda day: (money[day], -day.toordinal()))
    return {"price_date": most, "price_date_share": money[most] / whole if whole else None, "oldest_price_date": min(money)}
