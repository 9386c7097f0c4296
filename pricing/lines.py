"""One line of the bill in each of its four buckets. A rate or a quantity that is not known makes the line unpriced, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pricing import rates
from pricing.registration import Registration, Whole
from records.preview import BillLine

Pricer = Callable[[Registration, Whole], Iterable[BillLine]]

HOURS_PER_DAY = 24


@dataclass(frozen=True)
class Component:
    """A part of a resource that is charged by itself, and the rate that it is charged at."""

    name: str
    key: str
    gpu_bearing: bool = False
    option: str | None = None


def priced(one: Registration, part: Component, *, quantity: float | None, whole: Whole, note: str = "") -> BillLine:
    """`quantity` of the rate's unit, all the time that the resource exists. None says that the quantity is not known yet."""
    rate = rates.rate(part.key, whole.region)
    if rate is None:
        return unpriced(one, part.name, f"no price of {part.key} is known for {whole.region}", gpu_bearing=part.gpu_bearing)
    if quantity is None:
        return unpriced(one, part.name, "the quantity is known only after up", gpu_bearing=part.gpu_bearing)
    hourly = quantity * rate.usd / hours_of(rate.unit)
    return _line(one, part, rate, bucket="priced", quantity=quantity, usd_per_hour=hourly, note=_joined(note, rate.note))


def usage_based(one: Registration, part: Component, *, whole: Whole, note: str) -> BillLine:
    """Charged by what is used, which no preview knows; the note says by what."""
    rate = rates.rate(part.key, whole.region)
    if rate is None:
        return unpriced(one, part.name, f"no price of {part.key} is known for {whole.region}")
    return _line(one, part, rate, bucket="usage-based", note=_joined(note, rate.note))


def free(one: Registration, why: str) -> BillLine:
    return BillLine(resource=resource(one), resource_type=one.type, component="resource", bucket="free", usd_per_hour=0.0, note=why)


def unpriced(one: Registration, component: str, why: str, *, gpu_bearing: bool = False) -> BillLine:
    return BillLine(
        resource=resource(one), resource_type=one.type, component=component, bucket="unpriced", gpu_bearing=gpu_bearing, note=why
    )


def resource(one: Registration) -> str:
    return f"{one.type}::{one.name}"


def hours_of(unit: str) -> int:
    """Hours in the time that a unit such as GB-month or instance-hour ends in."""
    return {"hour": 1, "day": HOURS_PER_DAY, "month": rates.HOURS_PER_MONTH}[unit.rsplit("-", 1)[-1]]


def _line(one: Registration, part: Component, rate: rates.Rate, **more: Any) -> BillLine:
    return BillLine(
        resource=resource(one),
        resource_type=one.type,
        component=part.name,
        unit=rate.unit,
        unit_price_usd=rate.usd,
        gpu_bearing=part.gpu_bearing,
        purchase_option=part.option,
        source=rate.source,
        as_of=rate.as_of,
        confidence=rate.confidence,
        **more,
    )


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)
