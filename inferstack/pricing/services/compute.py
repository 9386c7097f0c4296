"""Auto Scaling groups joined with their launch templates, and single instances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from inferstack.pricing.bill.lines import Component, free, joined, priced, unpriced
from inferstack.pricing.bill.platforms import of_image
from inferstack.pricing.bill.ranges import ranged
from inferstack.pricing.bill.registration import Registration, mapping, rows, switched_on
from inferstack.pricing.bill.whole import Whole
from inferstack.pricing.services import reservations, transfer, volumes, warm
from inferstack.pricing.services.instances import (
    DEDICATED,
    GROUP,
    INSTANCE,
    TEMPLATE,
    InstanceOffer,
    capacity,
    known_type,
    market,
    overrides,
    running,
    shared,
    split,
    spot_maximum,
)
from inferstack.records.preview import BillLine

EMPTY: Mapping[str, Any] = {}
ADDRESS = Component("public IPv4 addresses", "vpc/public-ipv4/hour")
DETAILED = Component("detailed monitoring", "cloudwatch/metric")
METRICS_OF_AN_INSTANCE = 7  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html
FIXED_ADDRESSES = ("aws:ec2/eip:Eip", "aws:ec2/eipAssociation:EipAssociation")


def group(one: Registration, whole: Whole) -> Iterator[BillLine]:
    template = whole.referred(one, by=("launchTemplate", "mixedInstancesPolicy"), kind=TEMPLATE)
    if template is None:
        yield unpriced(one, "instances", "its launch template is not among the resources of this program", gpu_bearing=True)
        return
    size = capacity(one.inputs)
    at = [tuple(_of_group(one, template, count, whole, size.note)) for count in (size.billed, size.least, size.most)]
    yield from ranged(*at) if None not in (size.least, size.most) and size.least != size.most else at[0]
    yield from warm.pool(one, template, size, whole)
    yield from transfer.of_instances(one, whole)


def template(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield free(one, "billed with the instances that start from it")


def instance(one: Registration, whole: Whole) -> Iterator[BillLine]:
    launched_from = whole.referred(one, by=("launchTemplate",), kind=TEMPLATE)
    inputs = {**(launched_from.inputs if launched_from else {}), **one.inputs}
    yield from _instances(
        one, launched_from or one, (InstanceOffer(known_type(inputs.get("instanceType"))),), market(inputs), inputs, 1, whole
    )
    if launched_from and "rootBlockDevice" not in one.inputs:
        yield from volumes.of_instances(one, rows(inputs.get("blockDeviceMappings")), count=1, whole=whole)
    else:
        yield from volumes.of_instance(one, whole)
    automatic = switched_on(one.inputs.get("associatePublicIpAddress")) or (launched_from and _public_addresses(launched_from.inputs))
    if automatic and not any(whole.referring(one, kind=kind) for kind in FIXED_ADDRESSES):
        yield priced(one, ADDRESS, quantity=1, whole=whole)
    if switched_on(one.inputs.get("monitoring")) or (launched_from and _monitored(launched_from.inputs)):
        yield _detailed(one, 1, whole)
    yield from transfer.of_instances(one, whole)


def _of_group(one: Registration, template: Registration, count: float | None, whole: Whole, note: str) -> Iterator[BillLine]:
    """Everything that grows with the group, at a capacity of `count`."""
    policy = mapping(one.inputs.get("mixedInstancesPolicy"))
    offers = overrides(policy) or (InstanceOffer(known_type(template.inputs.get("instanceType"))),)
    for option, part in split(policy, count, default=market(template.inputs)):
        yield from _instances(one, template, offers, option, template.inputs, part, whole, policy=policy, note=note)
    most = _most_instances(offers, count)
    yield from volumes.of_instances(one, rows(template.inputs.get("blockDeviceMappings")), count=most, whole=whole)
    addresses = _public_addresses(template.inputs)
    if addresses:
        yield priced(one, ADDRESS, quantity=None if most is None else most * addresses, whole=whole)
    if _monitored(template.inputs):
        yield _detailed(one, most, whole)


def _instances(
    one: Registration,
    starts_from: Registration,
    offers: tuple[InstanceOffer, ...],
    option: str,
    inputs: Mapping[str, Any],
    count: float | None,
    whole: Whole,
    *,
    policy: Mapping[str, Any] = EMPTY,
    note: str = "",
) -> Iterator[BillLine]:
    """`inputs` are those that the instances start with."""
    if not shared(inputs):
        yield unpriced(one, "instances", DEDICATED, gpu_bearing=True)
        return
    platform = of_image(inputs)
    cover = reservations.cover(one, starts_from, offers, option, platform=platform, count=count, whole=whole)
    yield running(
        one,
        offers,
        option,
        capacity=count,
        covered=cover.count,
        whole=whole,
        platform=platform,
        usd_at_most=spot_maximum(policy, inputs),
        note=joined(note, cover.note),
    )


def _detailed(one: Registration, count: float | None, whole: Whole) -> BillLine:
    metrics = None if count is None else count * METRICS_OF_AN_INSTANCE
    return priced(one, DETAILED, quantity=metrics, whole=whole, note=f"{METRICS_OF_AN_INSTANCE} metrics of each instance")


def _most_instances(offers: tuple[InstanceOffer, ...], count: float | None) -> float | None:
    """Return the most instances that fill a weighted capacity: those of the lightest type."""
    return None if count is None else -(-count // min(offer.weight for offer in offers))


def _public_addresses(inputs: Mapping[str, Any]) -> int:
    return sum(1 for interface in rows(inputs.get("networkInterfaces")) if switched_on(interface.get("associatePublicIpAddress")))


def _monitored(inputs: Mapping[str, Any]) -> bool:
    return switched_on(mapping(inputs.get("monitoring")).get("enabled"))


PRICERS = {GROUP: group, TEMPLATE: template, INSTANCE: instance}
