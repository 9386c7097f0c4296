"""The bill of a program: every resource ends in exactly one of priced, free, usage-based and unpriced.

An unpriced resource that may bear a GPU refuses the total.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date

from pricing import classes, compute, network, operations, storage, volumes
from pricing.lines import Pricer
from pricing.rates import HOURS_PER_MONTH
from pricing.registration import UNKNOWN, Registration, Whole
from records.preview import Bill, BillLine, Bucket

__all__ = ["UNKNOWN", "Registration", "bill", "bucket"]

BUCKETS: tuple[Bucket, ...] = ("unpriced", "priced", "usage-based", "free")


def bill(registrations: Iterable[Registration], *, region: str, hours_until_expiry: float | None) -> Bill:
    """USD from list prices of the region. Lines stand in the order of the registrations."""
    whole = Whole(region, tuple(registrations))
    pricers = _pricers()
    by_resource = [tuple(pricers.get(one.type, classes.other)(one, whole)) for one in whole.registrations]
    lines = tuple(line for group in by_resource for line in group)
    refused = _refusal(lines)
    hourly = None if refused else math.fsum(line.usd_per_hour or 0.0 for line in lines)
    buckets = [bucket(group) for group in by_resource]
    return Bill(
        region=region,
        lines=lines,
        usd_per_hour=hourly,
        usd_per_month=None if hourly is None else hourly * HOURS_PER_MONTH,
        usd_until_expiry=None if hourly is None or hours_until_expiry is None else hourly * hours_until_expiry,
        hours_until_expiry=hours_until_expiry,
        price_date=None if refused else _oldest(lines),
        resources_by_bucket={name: buckets.count(name) for name in BUCKETS},
        refused=refused,
    )


def bucket(lines: Iterable[BillLine]) -> Bucket:
    """Of one resource: its worst line counts, so that a part without a price is never hidden behind one that has it."""
    have = {line.bucket for line in lines}
    return next(name for name in BUCKETS if name in have)


def _refusal(lines: Iterable[BillLine]) -> str | None:
    missing = [line for line in lines if line.bucket == "unpriced" and line.gpu_bearing]
    if not missing:
        return None
    more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"no total: {missing[0].resource} may bear a GPU and has no price ({missing[0].note}){more}"


def _oldest(lines: Iterable[BillLine]) -> date | None:
    return min((line.as_of for line in lines if line.bucket == "priced" and line.as_of), default=None)


def _pricers() -> Mapping[str, Pricer]:
    families = (compute, network, volumes, storage, operations)
    return {kind: pricer for family in families for kind, pricer in family.PRICERS.items()}
