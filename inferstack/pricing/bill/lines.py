"""One line of the bill in each of its four buckets. A rate or a quantity that is not known makes the line unpriced, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from inferstack.pricing.bill import usage
from inferstack.pricing.bill.registration import Registration
from inferstack.pricing.bill.whole import Whole
from inferstack.pricing.rates import rates
from inferstack.pricing.services import tiers
from inferstack.records.preview import Assumption, BillLine

Pricer = Callable[[Registration, Whole], Iterable[BillLine]]

HOURS_PER_DAY = 24
REGION_UNKNOWN = "its region is known only after up"


@dataclass(frozen=True)
class Component:
    """A part of a resource that is charged by itself, and the rate that it is charged at."""

    name: str
    key: str
    gpu_bearing: bool = False
    option: str | None = None


def priced(one: Registration, part: Component, *, quantity: float | None, whole: Whole, note: str = "") -> BillLine:
    """`quantity` of the rate's unit, all the time that the resource exists. None says that the quantity is not known yet."""
    rate = whole.rate(part.key, one)
    if rate is None:
        return unpriced(one, part.name, no_rate(part.key, one, whole), gpu_bearing=part.gpu_bearing)
    if quantity is None:
        return unpriced(one, part.name, "the quantity is known only after up", gpu_bearing=part.gpu_bearing)
    return at_rate(one, part, rate, quantity=quantity, note=note)


def at_rate(one: Registration, part: Component, rate: rates.Rate, *, quantity: float, note: str = "") -> BillLine:
    """A priced line by a rate that is already found."""
    hourly = quantity * rate.usd / hours_of(rate.unit)
    return _line(one, part, rate, bucket="priced", quantity=quantity, usd_per_hour=hourly, note=joined(note, rate.note))


def usage_based(
    one: Registration, part: Component, key: str, *, whole: Whole, default: float | None = None, times: float = 1, note: str = ""
) -> Iterator[BillLine]:
    """Yield the lines of what is charged by use, which no preview knows: by the assumption `key` of a usage.yaml, or else of `default` or
    the facts.

    `times` is how often each of it is charged. One line for each step of the price that holds something.
    """
    for taken in whole.usage.said(one, key, default=default):
        for step, quantity in tiers.parts(float(taken.value) * times, tiers.steps(part.key)):
            name = part.name if step.key == part.key else f"{part.name}, {step.key.rsplit('/', 1)[-1].replace('-', ' ')}"
            yield _used(one, Component(name, step.key), taken, quantity=quantity, whole=whole, note=note)


def _used(one: Registration, part: Component, taken: Assumption, *, quantity: float, whole: Whole, note: str) -> BillLine:
    """`quantity` in the assumption's unit. What the user set counts in the totals, a default does not.

    What is used once falls into no hour and no month: it counts whole, as a fee does.
    """
    rate = whole.rate(part.key, one)
    if rate is None:
        return unpriced(one, part.name, no_rate(part.key, one, whole))
    counted = usage.per_month(rate.unit, quantity)
    usd = counted * rate.usd
    if taken.once:
        cost = {"usd_per_hour": 0.0, "usd_per_month": 0.0, "usd_once": usd}
    elif taken.set_by != usage.DEFAULT:
        cost = {"usd_per_hour": usd / rates.HOURS_PER_MONTH}
    else:
        cost = {"assumed_usd_per_month": usd}
    return _line(one, part, rate, bucket="usage-based", quantity=counted, assumption=taken, note=joined(note, rate.note), **cost)


def free(one: Registration, why: str) -> BillLine:
    return BillLine(
        resource=resource(one),
        resource_type=one.type,
        component="resource",
        bucket="free",
        usd_per_hour=0.0,
        usd_per_month=0.0,
        usd_until_expiry=0.0,
        note=why,
    )


def unpriced(one: Registration, component: str, why: str, *, gpu_bearing: bool = False) -> BillLine:
    return BillLine(
        resource=resource(one), resource_type=one.type, component=component, bucket="unpriced", gpu_bearing=gpu_bearing, note=why
    )


def no_rate(key: str, one: Registration, whole: Whole) -> str:
    region = whole.region_of(one)
    return REGION_UNKNOWN if region is None else f"no price of {key} is known for {region}"


def resource(one: Registration) -> str:
    return f"{one.type}::{one.name}"


def hours_of(unit: str) -> int:
    """Hours in the time that a unit such as GB-month or instance-hour ends in."""
    return {"hour": 1, "day": HOURS_PER_DAY, "month": rates.HOURS_PER_MONTH}[unit.rsplit("-", 1)[-1]]


def joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _line(one: Registration, part: Component, rate: rates.Rate, **more: Any) -> BillLine:
    return BillLine(
        resource=resource(one),
        resource_type=one.type,
        component=part.name,
        unit=rate.unit,
        unit_price_usd=rate.usd,
        gpu_bearing=part.gpu_bearing,
        purchase_option=part.option,
        rate_id=rate.key,
        source=rate.source,
        as_of=rate.as_of,
        confidence=rate.confidence,
        **more,
    )
