"""Instances by how they are bought: a rate for each type and option, and which types are known to bear no accelerator."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pricing import rates
from pricing.lines import Component, joined, priced, unpriced
from pricing.registration import UNKNOWN, Registration, Whole, mapping, number, rows
from records.preview import BillLine

GROUP = "aws:autoscaling/group:Group"
INSTANCE = "aws:ec2/instance:Instance"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
DEDICATED = "no price of a dedicated host or dedicated tenancy is known"
NOT_OURS = "paid up front for the whole block, which this program does not buy"


@dataclass(frozen=True)
class Offer:
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
    """on-demand, spot or capacity-block, of a launch template's or an instance's inputs."""
    return str(mapping(template.get("instanceMarketOptions")).get("marketType") or "on-demand")


def known_type(value: Any) -> str | None:
    return value if isinstance(value, str) and value and value != UNKNOWN else None


def capacity(inputs: Mapping[str, Any]) -> Size:
    """The size that a group is billed at, and why where that is not its desired size."""
    least, most = number(inputs, "minSize", default=0), number(inputs, "maxSize")
    desired = number(inputs, "desiredCapacity", default=least)
    if desired:
        return Size(desired, least, desired if most is None else most)
    if most is None:
        return Size(None, None, None)
    return Size(most, least, most, f"created empty, billed here at its largest size {most:g}, to which up raises it")


def running(
    one: Registration,
    offers: tuple[Offer, ...],
    option: str,
    *,
    capacity: float | None,
    whole: Whole,
    covered: float = 0,
    note: str = "",
) -> BillLine:
    """The dearest of the offers: which of them AWS will start is known only afterwards. `covered` of them are billed elsewhere."""
    if any(offer.instance_type is None for offer in offers) or not offers:
        return unpriced(one, "instances", "the instance type is known only after up", gpu_bearing=True)
    bills = [_running(one, offer, option, capacity=capacity, covered=covered, whole=whole) for offer in offers]
    missing = [line for line in bills if line.bucket == "unpriced"]
    gpu_bearing = any(line.gpu_bearing for line in bills)
    if missing:
        return missing[0].model_copy(update={"gpu_bearing": gpu_bearing})
    dearest = max(bills, key=lambda line: (line.usd_per_hour or 0.0, line.unit_price_usd or 0.0))
    notes = joined(note, _each(offers, bills), dearest.note)
    return dearest.model_copy(update={"note": notes, "gpu_bearing": gpu_bearing})


def shared(template: Mapping[str, Any]) -> bool:
    """On hardware that others use too; a dedicated host or tenancy has prices of its own."""
    placement = mapping(template.get("placement"))
    return (placement.get("tenancy") or template.get("tenancy") or "default") == "default"


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


def overrides(policy: Mapping[str, Any]) -> tuple[Offer, ...]:
    listed = rows(mapping(policy.get("launchTemplate")).get("overrides"))
    return tuple(Offer(known_type(row.get("instanceType")), number(row, "weightedCapacity", default=1) or 1) for row in listed)


def _running(one: Registration, offer: Offer, option: str, *, capacity: float | None, covered: float, whole: Whole) -> BillLine:
    count = None if capacity is None else max(0.0, math.ceil(capacity / offer.weight) - covered)
    kind = str(offer.instance_type)
    part = Component(f"{kind} instances", f"ec2/{option}/{kind}", gpu_bearing=bears_gpu(kind), option=option)
    if option == "capacity-block":
        count = None if count is None else count * (rates.accelerators(kind) or 1)
        return priced(one, part, quantity=count, whole=whole, note="" if covered else NOT_OURS)
    note = "the dearest zone of the last snapshot; spot prices move" if option == "spot" else ""
    return priced(one, part, quantity=count, whole=whole, note=note)


def _each(offers: tuple[Offer, ...], bills: list[BillLine]) -> str:
    """What every type that the group may start would cost, so that the range of a mixed group is seen."""
    if len(offers) == 1:
        return ""
    costs = ", ".join(f"{offer.instance_type} ${line.usd_per_hour:,.2f}/h" for offer, line in zip(offers, bills, strict=True))
    return f"the dearest of {len(offers)} types that the group may start: {costs}"
