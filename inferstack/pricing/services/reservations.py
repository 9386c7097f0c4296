"""Capacity that is paid whether it is used or not: reservations, capacity blocks, savings plans. What runs in it costs no more."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from inferstack.pricing.bill import platforms, usage
from inferstack.pricing.bill.lines import Component, joined, priced, resource, unpriced
from inferstack.pricing.bill.registration import UNKNOWN, Registration, mapping, number, word
from inferstack.pricing.bill.whole import Whole
from inferstack.pricing.rates import rates
from inferstack.pricing.services import blocks
from inferstack.pricing.services.instances import (
    DEDICATED,
    GROUP,
    INSTANCE,
    TEMPLATE,
    InstanceOffer,
    bears_gpu,
    capacity,
    known_type,
    market,
    overrides,
    split,
)
from inferstack.records.preview import Assumption, BillLine

RESERVATION = "aws:ec2/capacityReservation:CapacityReservation"
BLOCK = "aws:ec2/capacityBlockReservation:CapacityBlockReservation"
SUBNET = "aws:ec2/subnet:Subnet"
HELD_BY = ("capacityReservationSpecification",)
NO_BLOCK = (
    "the offering sets the fee: state duration_hours in a usage.yaml (and instance_type and instance_count if no group of "
    "this program runs in the block)"
)
NOT_SPREAD = "the savings on other lines are not in this bill"


@dataclass(frozen=True)
class Cover:
    """How many instances of a resource run in capacity that is billed with its reservation."""

    count: float = 0
    note: str = ""


@dataclass(frozen=True)
class CapacityBlock:
    """A capacity block as a usage.yaml and the program say it."""

    kind: str
    instances: float
    hours: float
    fee_usd: Assumption | None
    said: Assumption

    @property
    def accelerator_hours(self) -> float:
        return self.hours * self.instances * (rates.accelerators(self.kind) or 1)


def cover(
    one: Registration,
    starts_from: Registration,
    offers: tuple[InstanceOffer, ...],
    option: str,
    *,
    platform: str | None,
    count: float | None,
    whole: Whole,
) -> Cover:
    """Return how many of `count` instances of `one` a reservation pays for. Reservations are filled in the order of the program, at the
    size that each user is billed at.

    One that ends by itself covers nothing: what runs in it goes on at the on-demand price, and a bill that counts both is never too low.
    """
    if count is None or option == "spot":
        return Cover()
    kind = BLOCK if option == "capacity-block" else RESERVATION
    held = whole.referred(starts_from, by=HELD_BY, kind=kind) or whole.referred(one, by=HELD_BY, kind=kind)
    if held is None and option == "on-demand":
        held = _open_match(one, offers, whole)
    if held is not None and held.type == RESERVATION and platforms.named(held.inputs.get("instancePlatform")) != platform:
        return Cover(note=f"not in {held.name}, which is for another platform")
    if held is not None and held.type == RESERVATION and _hours_left(held, whole) is not None:
        return Cover(note=f"billed in addition to {held.name}, which ends earlier")
    if held is None:
        return Cover(note=_outside(starts_from) if option == "on-demand" else "")
    if held.type == BLOCK:
        return Cover(count, f"run in {held.name} and are billed with it")
    if not _fits(held, offers):
        return Cover()
    free = max(0.0, (number(held.inputs, "instanceCount") or 0) - _taken_before(held, one, whole))
    taken = min(count, free)
    return Cover(taken, f"{taken:g} of {count:g} run in {held.name} and are billed with it")


def reservation(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """Charge a reservation from its creation at the on-demand price, used or not; with a limited end only as long as it lives."""
    kind, reserved = known_type(one.inputs.get("instanceType")), number(one.inputs, "instanceCount")
    platform = platforms.named(one.inputs.get("instancePlatform"))
    sold = "on-demand" if platform is None else f"on-demand-{platform}"
    part = Component("reserved instances", f"ec2/{sold}/{kind}", gpu_bearing=bears_gpu(kind), option="capacity reservation")
    if kind is None:
        yield unpriced(one, part.name, "the instance type is known only after up", gpu_bearing=True)
        return
    if (one.inputs.get("tenancy") or "default") != "default":
        yield unpriced(one, part.name, DEDICATED, gpu_bearing=True)
        return
    used = min(reserved or 0, sum(count for _, count in _users(one, whole)))
    ends = f"; ends {one.inputs['endDate']}" if one.inputs.get("endDate") else ""
    line = priced(one, part, quantity=reserved, whole=whole, note=f"billed from its creation; {used:g} of it used by this program{ends}")
    yield line.model_copy(update={"hours_at_most": _hours_left(one, whole)})


def block(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """A fee for the whole block, due when it is bought: by the offering's fee, or by the list rate of an accelerator-hour."""
    found = _block(one, whole)
    if found is None:
        yield unpriced(one, "fee paid up front", NO_BLOCK, gpu_bearing=True)
        return
    wrong = blocks.refused(hours=found.hours, instances=found.instances)
    if wrong:
        yield unpriced(one, "fee paid up front", wrong, gpu_bearing=True)
        return
    part = Component(f"{found.kind} block", f"ec2/capacity-block/{found.kind}", gpu_bearing=bears_gpu(found.kind), option="capacity-block")
    line = priced(one, part, quantity=found.accelerator_hours, whole=whole)
    if found.fee_usd is None and line.bucket == "unpriced":
        yield line
        return
    fee = _number(found.fee_usd) if found.fee_usd else found.accelerator_hours * (line.unit_price_usd or 0.0)
    yield _spread(line if found.fee_usd is None else _own_fee(one, part, found, fee), found, fee)


def savings_plan(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """The commitment is in the program itself: USD an hour for the whole term, used or not."""
    committed = number(one.inputs, "commitment")
    if committed is None:
        yield unpriced(one, "commitment", "the commitment is known only after up")
        return
    yield BillLine(
        resource=resource(one),
        resource_type=one.type,
        component="commitment",
        bucket="priced",
        quantity=committed,
        unit="USD-hour",
        unit_price_usd=1.0,
        usd_per_hour=committed,
        purchase_option="savings-plan",
        source="the commitment set in the program",
        note=NOT_SPREAD,
    )


def _block(one: Registration, whole: Whole) -> CapacityBlock | None:
    said = {key: whole.usage.of(one, key) for key in usage.keys(one.type)}
    hours = said["duration_hours"]
    kind, count = _kind_and_count(one, whole)
    kind = str(said["instance_type"].value) if said["instance_type"] else kind
    count = _number(said["instance_count"]) if said["instance_count"] else count
    if hours is None or not _number(hours) or kind is None or not count:
        return None
    return CapacityBlock(kind, count, _number(hours), said["fee_usd"], hours)


def _kind_and_count(one: Registration, whole: Whole) -> tuple[str | None, float]:
    """Return type and number of the instances that the program starts in the block."""
    holders = whole.referring(one, kind=TEMPLATE)
    kinds = {known_type(holder.inputs.get("instanceType")) for holder in holders}
    groups = (user for holder in holders for user in whole.referring(holder, kind=GROUP))
    count = sum(capacity(user.inputs).billed or 0 for user in groups)
    return (kinds.pop() if len(kinds) == 1 else None), count


def _spread(line: BillLine, found: CapacityBlock, fee: float) -> BillLine:
    hourly = fee / found.hours
    note = joined(f"${fee:,.2f} due at purchase, over {found.hours:g} h; cannot be cancelled", line.note)
    within_a_month = min(fee, hourly * rates.HOURS_PER_MONTH)
    told: dict[str, Any] = {"usd_per_hour": hourly, "usd_per_month": within_a_month, "usd_once": fee, "unit": line.unit, "note": note}
    return line.model_copy(update={**told, "assumption": found.said})


def _own_fee(one: Registration, part: Component, found: CapacityBlock, fee: float) -> BillLine:
    assert found.fee_usd
    return BillLine(
        resource=resource(one),
        resource_type=one.type,
        component=part.name,
        bucket="priced",
        quantity=1,
        unit="block",
        unit_price_usd=fee,
        gpu_bearing=part.gpu_bearing,
        purchase_option=part.option,
        source=f"the fee of the offering, from {found.fee_usd.set_by}",
    )


def _hours_left(one: Registration, whole: Whole) -> float | None:
    """Hours until a reservation ends by itself; None where it has no end, or nobody knows the hour of the bill."""
    said = one.inputs.get("endDate")
    if not said or whole.now is None or one.inputs.get("endDateType") == "unlimited":
        return None
    try:
        ends = datetime.fromisoformat(str(said).replace("Z", "+00:00"))
    except ValueError:
        return None
    ends = ends if ends.tzinfo else ends.replace(tzinfo=UTC)
    return max(0.0, (ends - whole.now).total_seconds() / 3600)


def _open_match(one: Registration, offers: tuple[InstanceOffer, ...], whole: Whole) -> Registration | None:
    """An open reservation takes every instance of its type in its zone; joined only where all subnets of `one` lie there."""
    zones = _zones(one, whole)
    for held in whole.registrations:
        is_open = held.type == RESERVATION and (held.inputs.get("instanceMatchCriteria") or "open") == "open"
        if is_open and _fits(held, offers) and _zone(held) != UNKNOWN and zones == {_zone(held)}:
            return held
    return None


def _zones(one: Registration, whole: Whole) -> set[str]:
    named = one.inputs.get("availabilityZones") or one.inputs.get("availabilityZone")
    if named:
        return {str(zone) for zone in named} if isinstance(named, list | tuple) else {str(named)}
    urns = {urn for name in ("vpcZoneIdentifiers", "subnetId") for urn in one.refs.get(name, ())}
    return {_zone(found) for found in whole.registrations if found.urn in urns and found.type == SUBNET}


def _zone(one: Registration) -> str:
    return word(one.inputs, "availabilityZone", default=UNKNOWN)


def _fits(held: Registration, offers: tuple[InstanceOffer, ...]) -> bool:
    return all(offer.instance_type == held.inputs.get("instanceType") and offer.weight == 1 for offer in offers)


def _outside(starts_from: Registration) -> str:
    target = mapping(mapping(starts_from.inputs.get(HELD_BY[0])).get("capacityReservationTarget"))
    return "runs in a reservation outside this program, billed here at the on-demand price" if target else ""


def _taken_before(held: Registration, one: Registration, whole: Whole) -> float:
    taken = 0.0
    for user, count in _users(held, whole):
        if user.urn == one.urn:
            return taken
        taken += count
    return taken


def _users(held: Registration, whole: Whole) -> list[tuple[Registration, float]]:
    """Who runs in the reservation, with how many on-demand instances, in the order of the program."""
    found = []
    for user in whole.registrations:
        if user.type not in (GROUP, INSTANCE):
            continue
        template = whole.referred(user, by=("launchTemplate", "mixedInstancesPolicy"), kind=TEMPLATE)
        starts_from = template or user
        policy = mapping(user.inputs.get("mixedInstancesPolicy"))
        offers = overrides(policy) or (InstanceOffer(known_type({**starts_from.inputs, **user.inputs}.get("instanceType"))),)
        if not _fits(held, offers):
            continue
        targeted = (whole.referred(where, by=HELD_BY, kind=RESERVATION) for where in (starts_from, user))
        if held in (*targeted, _open_match(user, offers, whole)):
            found.append((user, _on_demand(user, starts_from, policy)))
    return found


def _on_demand(user: Registration, starts_from: Registration, policy: Any) -> float:
    count = 1.0 if user.type == INSTANCE else capacity(user.inputs).billed
    parts = split(policy, count, default=market(starts_from.inputs))
    return math.fsum(part or 0.0 for option, part in parts if option == "on-demand")


def _number(taken: Assumption | None) -> float:
    return float(taken.value) if taken is not None else 0.0


PRICERS = {
    RESERVATION: reservation,
    BLOCK: block,
    "aws:savingsplans/savingsPlan:SavingsPlan": savings_plan,
}
