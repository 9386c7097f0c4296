"""Instances by how they are bought: a rate for each type and option, and which types are known to bear no accelerator."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pricing import rates
from pricing.lines import Component, priced, unpriced
from pricing.registration import UNKNOWN, Registration, Whole, mapping, number, rows
from records.preview import BillLine


@dataclass(frozen=True)
class Offer:
    """An instance type that a group may start; `weight` is how much of the group's capacity one of it fills."""

    instance_type: str | None
    weight: float = 1.0


def bears_gpu(instance_type: str | None) -> bool:
    """False only where a fact says that the type has no accelerator."""
    return instance_type is None or rates.accelerators(instance_type) != 0


def market(template: Mapping[str, Any]) -> str:
    """on-demand, spot or capacity-block, of a launch template's or an instance's inputs."""
    return str(mapping(template.get("instanceMarketOptions")).get("marketType") or "on-demand")


def known_type(value: Any) -> str | None:
    return value if isinstance(value, str) and value and value != UNKNOWN else None


def running(one: Registration, offers: tuple[Offer, ...], option: str, *, capacity: float | None, whole: Whole, note: str = "") -> BillLine:
    """The dearest of the offers: which of them AWS will start is known only afterwards."""
    if any(offer.instance_type is None for offer in offers) or not offers:
        return unpriced(one, "instances", "the instance type is known only after up", gpu_bearing=True)
    bills = [_running(one, offer, option, capacity=capacity, whole=whole) for offer in offers]
    missing = [line for line in bills if line.bucket == "unpriced"]
    gpu_bearing = any(line.gpu_bearing for line in bills)
    if missing:
        return missing[0].model_copy(update={"gpu_bearing": gpu_bearing})
    dearest = max(bills, key=lambda line: line.usd_per_hour or 0.0)
    several = f"the dearest of {len(offers)} types that the group may start" if len(offers) > 1 else ""
    notes = "; ".join(text for text in (note, several, dearest.note) if text)
    return dearest.model_copy(update={"note": notes, "gpu_bearing": gpu_bearing})


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


def _running(one: Registration, offer: Offer, option: str, *, capacity: float | None, whole: Whole) -> BillLine:
    count = None if capacity is None else math.ceil(capacity / offer.weight)
    kind = str(offer.instance_type)
    part = Component(f"{kind} instances", f"ec2/{option}/{kind}", gpu_bearing=bears_gpu(kind), option=option)
    if option == "capacity-block":
        count = None if count is None else count * (rates.accelerators(kind) or 1)
        return priced(one, part, quantity=count, whole=whole, note="paid up front for the whole block")
    note = "the dearest zone of the last snapshot; spot prices move" if option == "spot" else ""
    return priced(one, part, quantity=count, whole=whole, note=note)
