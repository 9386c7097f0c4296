"""Instances by how they are bought: a rate for each type and option, and which types are known to bear no accelerator."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from inferstack.pricing.bill.lines import Component, at_rate, joined, no_rate, priced, unpriced
from inferstack.pricing.bill.platforms import LINUX
from inferstack.pricing.bill.registration import UNKNOWN, Registration, mapping, number, rows
from inferstack.pricing.bill.whole import Whole
from inferstack.pricing.rates import rates
from inferstack.pricing.rates.rates import Rate
from inferstack.records.preview import BillLine

GROUP = "aws:autoscaling/group:Group"
INSTANCE = "aws:ec2/instance:Instance"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
DEDICATED = "no price of a dedicated host or dedicated tenancy is known"
NOT_OURS = "paid when the block was bought, which this program does not do; no hourly charge"
OURS = "inferstack:stack"
MAXIMUM = "the maximum price set in the program"
SPOT = "the most expensive zone with spare capacity in the last snapshot; spot prices vary"


@dataclass(frozen=True)
class InstanceOffer:
    """An instance type that a group may start; `weight` is how much of the group's capacity one of it fills."""

    instance_type: str | None
    weight: float = 1.0


@dataclass(frozen=True)
class Size:
    """Capacity of a group: what is billed, and what it may become. None where it is known only after `up`."""

    billed: float | None
    least: float | None
    most: float | None
    note: str = ""


def bears_gpu(instance_type: str | None) -> bool:
    """False only where a fact says that the type has no accelerator."""
    return instance_type is None or rates.accelerators(instance_type) != 0


def market(template: Mapping[str, Any]) -> str:
    """Return the pricing option of a launch template's or an instance's inputs: on-demand, spot or capacity-block."""
    return str(mapping(template.get("instanceMarketOptions")).get("marketType") or "on-demand")


def known_type(value: Any) -> str | None:
    return value if isinstance(value, str) and value and value != UNKNOWN else None


def capacity(inputs: Mapping[str, Any]) -> Size:
    """The size that a group is billed at, and why where that is not its desired size.

    A group of this project's own program is created empty and raised by `up`; one of somebody else that is written as 0 runs nothing.
    """
    least, most = number(inputs, "minSize", default=0), number(inputs, "maxSize")
    desired = number(inputs, "desiredCapacity", default=least)
    if desired is None or (most is None and not desired):
        return Size(None, None, None)
    if desired or most is None:
        return Size(desired, least, desired if most is None else most)
    if any(row.get("key") == OURS for row in rows(inputs.get("tags"))):
        return Size(most, least, most, f"created empty; billed here at its largest size {most:g}, which up sets")
    return Size(0.0, least, most, f"0 as written, up to {most:g}; the range shows the cost")


def spot_maximum(policy: Mapping[str, Any], template: Mapping[str, Any]) -> float | None:
    """USD an hour that one spot instance may cost at most, as the program says it; None where it says nothing."""
    options = mapping(mapping(template.get("instanceMarketOptions")).get("spotOptions"))
    said = mapping(policy.get("instancesDistribution")).get("spotMaxPrice") or options.get("maxPrice")
    return number({"usd": said}, "usd") if said else None


def running(
    one: Registration,
    offers: tuple[InstanceOffer, ...],
    option: str,
    *,
    capacity: float | None,
    whole: Whole,
    covered: float = 0,
    platform: str | None = None,
    usd_at_most: float | None = None,
    note: str = "",
) -> BillLine:
    """The dearest of the offers: which of them AWS will start is known only afterwards. `covered` of them are billed elsewhere.

    `platform` is that of the image, None where Linux is assumed; `usd_at_most` is the maximum price of a spot request.
    """
    if any(offer.instance_type is None for offer in offers) or not offers:
        return unpriced(one, "instances", "the instance type is known only after up", gpu_bearing=True)
    sold = option if platform is None else f"{option}-{platform}"
    bills = [_running(one, offer, option, sold, capacity=capacity, covered=covered, whole=whole, most=usd_at_most) for offer in offers]
    missing = [line for line in bills if line.bucket == "unpriced"]
    gpu_bearing = any(line.gpu_bearing for line in bills)
    if missing:
        return missing[0].model_copy(update={"gpu_bearing": gpu_bearing})
    dearest = max(bills, key=lambda line: (line.usd_per_hour or 0.0, line.unit_price_usd or 0.0))
    notes = joined(note, _each(offers, bills), dearest.note, "" if platform else LINUX)
    return dearest.model_copy(update={"note": notes, "gpu_bearing": gpu_bearing})


def shared(template: Mapping[str, Any]) -> bool:
    """Say whether the instance shares hardware with others; a dedicated host or tenancy has prices of its own."""
    placement = mapping(template.get("placement"))
    hosted = any(where.get(name) for where in (placement, template) for name in ("hostId", "hostResourceGroupArn"))
    return not hosted and (placement.get("tenancy") or template.get("tenancy") or "default") == "default"


def split(policy: Mapping[str, Any], capacity: float | None, *, default: str) -> Iterator[tuple[str, float | None]]:
    """(option, capacity) of a mixed instances policy; AWS rounds the on-demand share up."""
    shares = mapping(policy.get("instancesDistribution"))
    base = number(shares, "onDemandBaseCapacity", default=0)
    percent = number(shares, "onDemandPercentageAboveBaseCapacity", default=100)
    if default != "on-demand":
        yield default, capacity
    elif capacity is None or base is None or percent is None:
        yield "on-demand", None
    else:
        base = min(base, capacity)
        fixed = base + math.ceil((capacity - base) * percent / 100)
        if fixed or capacity <= 0:
            yield "on-demand", fixed
        if capacity > fixed:
            yield "spot", capacity - fixed


def overrides(policy: Mapping[str, Any]) -> tuple[InstanceOffer, ...]:
    listed = rows(mapping(policy.get("launchTemplate")).get("overrides"))
    return tuple(InstanceOffer(known_type(row.get("instanceType")), number(row, "weightedCapacity", default=1) or 1) for row in listed)


def _running(
    one: Registration,
    offer: InstanceOffer,
    option: str,
    sold: str,
    *,
    capacity: float | None,
    covered: float,
    whole: Whole,
    most: float | None,
) -> BillLine:
    count = None if capacity is None else max(0.0, math.ceil(capacity / offer.weight) - covered)
    kind = str(offer.instance_type)
    part = Component(f"{kind} instances", f"ec2/{sold}/{kind}", gpu_bearing=bears_gpu(kind), option=option)
    if option == "capacity-block":
        return priced(one, part, quantity=None if count is None else 0.0, whole=whole, note="" if covered else NOT_OURS)
    if option != "spot":
        return priced(one, part, quantity=count, whole=whole)
    return _spot(one, part, count, most=most, whole=whole)


def _spot(one: Registration, part: Component, count: float | None, *, most: float | None, whole: Whole) -> BillLine:
    """Never above the maximum price that the program sets; a maximum is a price even where no reading of the market is known."""
    rate = whole.rate(part.key, one)
    if most is None or count is None or (rate is not None and rate.usd <= most):
        return priced(one, part, quantity=count, whole=whole, note=SPOT)
    day = rate.as_of if rate else whole.now.date() if whole.now else None
    if day is None:
        return unpriced(one, part.name, no_rate(part.key, one, whole), gpu_bearing=part.gpu_bearing)
    seen = f"; the latest spot price is ${rate.usd:,.10g}, at which none starts" if rate else ""
    note = f"its maximum price, ${most:,.10g} an hour, which is never exceeded{seen}"
    own = Rate(part.key, whole.region_of(one) or whole.region, most, "instance-hour", MAXIMUM, day, "verified")
    return at_rate(one, part, own, quantity=count, note=note)


def _each(offers: tuple[InstanceOffer, ...], bills: list[BillLine]) -> str:
    """What every type that the group may start would cost, so that the range of a mixed group is seen."""
    if len(offers) == 1:
        return ""
    costs = ", ".join(f"{offer.instance_type} ${line.usd_per_hour:,.2f}/h" for offer, line in zip(offers, bills, strict=True))
    return f"the most expensive of {len(offers)} types that the group may start: {costs}"
