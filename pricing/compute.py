"""Auto Scaling groups joined with their launch templates, single instances, and reserved capacity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pricing import volumes
from pricing.instances import Offer, bears_gpu, known_type, market, overrides, running, split
from pricing.lines import Component, free, priced, unpriced, usage_based
from pricing.registration import Registration, Whole, mapping, number, rows, switched_on
from records.preview import BillLine

GROUP = "aws:autoscaling/group:Group"
INSTANCE = "aws:ec2/instance:Instance"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
ADDRESS = Component("public IPv4 addresses", "vpc/public-ipv4/hour")
DETAILED = Component("detailed monitoring", "cloudwatch/metric")


def group(one: Registration, whole: Whole) -> Iterator[BillLine]:
    template = whole.referred(one, by=("launchTemplate", "mixedInstancesPolicy"), kind=TEMPLATE)
    if template is None:
        yield unpriced(one, "instances", "its launch template is not among the resources of this program", gpu_bearing=True)
        return
    count, note = capacity(one.inputs)
    policy = mapping(one.inputs.get("mixedInstancesPolicy"))
    offers = overrides(policy) or (Offer(known_type(template.inputs.get("instanceType"))),)
    for option, share in split(policy, count, default=market(template.inputs)):
        yield running(one, offers, option, capacity=share, whole=whole, note=note)
    most = _most_instances(offers, count)
    yield from volumes.of_instances(one, rows(template.inputs.get("blockDeviceMappings")), count=most, whole=whole)
    addresses = _public_addresses(template.inputs)
    if addresses:
        yield priced(one, ADDRESS, quantity=None if most is None else most * addresses, whole=whole)
    if switched_on(mapping(template.inputs.get("monitoring")).get("enabled")):
        yield usage_based(one, DETAILED, whole=whole, note="by the metrics that each instance sends")


def capacity(inputs: Mapping[str, Any]) -> tuple[float | None, str]:
    """The size that a group is billed at, and why where that is not its desired size."""
    smallest, largest = number(inputs, "minSize", default=0), number(inputs, "maxSize")
    desired = number(inputs, "desiredCapacity", default=smallest)
    if desired:
        return desired, f"between {smallest:g} and {largest:g}" if _ranges(smallest, largest) else ""
    if largest is None:
        return None, ""
    return largest, f"created empty, billed here at its largest size {largest:g}, to which up raises it"


def template(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield free(one, "billed by the instances that start from it")


def instance(one: Registration, whole: Whole) -> Iterator[BillLine]:
    launched_from = whole.referred(one, by=("launchTemplate",), kind=TEMPLATE)
    inputs = {**(launched_from.inputs if launched_from else {}), **one.inputs}
    yield running(one, (Offer(known_type(inputs.get("instanceType"))),), market(inputs), capacity=1, whole=whole)
    if launched_from and "rootBlockDevice" not in one.inputs:
        yield from volumes.of_instances(one, rows(inputs.get("blockDeviceMappings")), count=1, whole=whole)
    else:
        yield from volumes.of_instance(one, whole)
    if switched_on(one.inputs.get("associatePublicIpAddress")) or (launched_from and _public_addresses(launched_from.inputs)):
        yield priced(one, ADDRESS, quantity=1, whole=whole)
    if switched_on(one.inputs.get("monitoring")):
        yield usage_based(one, DETAILED, whole=whole, note="by the metrics that the instance sends")


def reservation(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """On-demand capacity reservation: billed from its creation, whether used or not; what runs in it is billed there, not twice."""
    kind, reserved = known_type(one.inputs.get("instanceType")), number(one.inputs, "instanceCount")
    groups = (user for holder in whole.referring(one, kind=TEMPLATE) for user in whole.referring(holder, kind=GROUP))
    used = sum(capacity(user.inputs)[0] or 0 for user in groups) + len(whole.referring(one, kind=INSTANCE))
    idle = None if reserved is None else max(0.0, reserved - used)
    part = Component("reserved, not used", f"ec2/on-demand/{kind}", gpu_bearing=bears_gpu(kind), option="capacity reservation")
    yield priced(one, part, quantity=idle, whole=whole, note=f"{used:g} of it billed with the instances that use it" if used else "")


def block(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield unpriced(one, "fee paid up front", "the fee is that of the offering, known when the block is bought", gpu_bearing=True)


def _most_instances(offers: tuple[Offer, ...], count: float | None) -> float | None:
    """Weighted capacity is filled by the most instances when the lightest type is started."""
    return None if count is None else -(-count // min(offer.weight for offer in offers))


def _public_addresses(inputs: Mapping[str, Any]) -> int:
    return sum(1 for interface in rows(inputs.get("networkInterfaces")) if switched_on(interface.get("associatePublicIpAddress")))


def _ranges(smallest: float | None, largest: float | None) -> bool:
    return smallest is not None and largest is not None and smallest != largest


PRICERS = {
    GROUP: group,
    TEMPLATE: template,
    INSTANCE: instance,
    "aws:ec2/capacityReservation:CapacityReservation": reservation,
    "aws:ec2/capacityBlockReservation:CapacityBlockReservation": block,
}
