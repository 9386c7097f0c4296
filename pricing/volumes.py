"""EBS volumes: of their own, and those that every instance of a launch template brings along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pricing.lines import Component, priced, unpriced, usage_based
from pricing.registration import Registration, Whole, mapping, number, rows
from records.preview import BillLine

# Included in every gp3 volume: https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html
GP3_IOPS = 3000
GP3_MIB_S = 125
IO2_TIERS = (("iops-to-32000", 0, 32_000), ("iops-to-64000", 32_000, 64_000), ("iops-over-64000", 64_000, None))


def volume(one: Registration, whole: Whole) -> Iterator[BillLine]:
    inputs = {**one.inputs, "volumeType": one.inputs.get("type"), "volumeSize": one.inputs.get("size")}
    yield from lines(one, inputs, device="volume", count=1, whole=whole)


def snapshot(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield usage_based(one, Component("snapshot storage", "ebs/snapshot/standard"), whole=whole, note="by the blocks that changed")


def of_instances(one: Registration, devices: Iterable[Mapping[str, Any]], *, count: float | None, whole: Whole) -> Iterator[BillLine]:
    """`devices` are blockDeviceMappings; `one` is the resource that starts `count` instances with them."""
    volumes = [(str(device.get("deviceName", "volume")), mapping(device.get("ebs"))) for device in devices if device.get("ebs")]
    if not volumes:
        yield unpriced(one, "root volume", "its size and type are left to the image")
    for device, ebs in volumes:
        yield from lines(one, ebs, device=device, count=count, whole=whole)


def of_instance(one: Registration, whole: Whole) -> Iterator[BillLine]:
    root = mapping(one.inputs.get("rootBlockDevice"))
    if not root:
        yield unpriced(one, "root volume", "its size and type are left to the image")
    else:
        yield from lines(one, root, device="root volume", count=1, whole=whole)
    for device in rows(one.inputs.get("ebsBlockDevices")):
        yield from lines(one, device, device=str(device.get("deviceName", "volume")), count=1, whole=whole)


def lines(one: Registration, ebs: Mapping[str, Any], *, device: str, count: float | None, whole: Whole) -> Iterator[BillLine]:
    kind = ebs.get("volumeType")
    if kind not in ("gp3", "io2"):
        yield unpriced(one, f"{device} storage", f"no price of volume type {kind or 'left to the image'} is known")
        return
    parts = (("storage", number(ebs, "volumeSize")), *(_gp3(ebs) if kind == "gp3" else _io2(ebs)))
    for part, quantity in parts:
        if quantity != 0:
            yield priced(one, Component(f"{device} {part}", f"ebs/{kind}/{part}"), quantity=_times(quantity, count), whole=whole)


def _gp3(ebs: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    yield "iops", _above(number(ebs, "iops", default=GP3_IOPS), GP3_IOPS)
    yield "throughput", _above(number(ebs, "throughput", default=GP3_MIB_S), GP3_MIB_S)


def _io2(ebs: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    iops = number(ebs, "iops")
    for part, low, high in IO2_TIERS:
        yield part, None if iops is None else max(0.0, min(iops, high or iops) - low)


def _above(value: float | None, included: float) -> float | None:
    return None if value is None else max(0.0, value - included)


def _times(quantity: float | None, count: float | None) -> float | None:
    return None if quantity is None or count is None else quantity * count


PRICERS = {"aws:ebs/volume:Volume": volume, "aws:ebs/snapshot:Snapshot": snapshot}
