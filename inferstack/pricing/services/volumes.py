"""EBS: volumes of their own, those that every instance of a launch template brings along, snapshots, and the snapshots behind images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from inferstack.pricing.bill.lines import Component, priced, unpriced, usage_based
from inferstack.pricing.bill.registration import Registration, mapping, number, rows
from inferstack.pricing.bill.whole import Whole
from inferstack.pricing.services.tiers import Tier, parts
from inferstack.records.preview import BillLine

# Included in every gp3 volume: https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html
GP3_IOPS = 3000
GP3_MIB_S = 125
IO2_IOPS = (Tier("iops-to-32000", 32_000), Tier("iops-to-64000", 64_000), Tier("iops-over-64000", None))
BY_SIZE_ALONE = ("gp2", "st1", "sc1", "standard")
KINDS = ("gp3", "io2", "io1", *BY_SIZE_ALONE)
DEFAULT_KIND = "gp2"  # of CreateVolume: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVolume.html
VOLUME = "aws:ebs/volume:Volume"
SNAPSHOT = "aws:ebs/snapshot:Snapshot"
ARCHIVE = Component("archived snapshot", "ebs/snapshot/archive")
ARCHIVED_AT_LEAST_H = 90 * 24
RESTORED_AT_LEAST_H = 1.0
# Minimum durations: https://aws.amazon.com/ebs/pricing/ (fast snapshot restore by the hour with a minimum of one, archive with 90 days)


def volume(one: Registration, whole: Whole) -> Iterator[BillLine]:
    inputs = {**one.inputs, "volumeType": one.inputs.get("type") or DEFAULT_KIND, "volumeSize": one.inputs.get("size")}
    yield from lines(one, inputs, device="volume", count=1, whole=whole)
    if inputs["volumeType"] == "standard":
        yield from usage_based(one, Component("volume requests", "ebs/standard/io"), "io_requests", whole=whole)


def snapshot(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """The whole volume, where the program shows it: later ones keep the blocks that changed."""
    if one.inputs.get("storageTier") == "archive":
        for line in usage_based(one, ARCHIVE, "snapshot_gb", whole=whole, default=_size_behind(one, whole)):
            yield line.model_copy(update={"hours_at_least": ARCHIVED_AT_LEAST_H})
        return
    yield from usage_based(one, _kept(), "snapshot_gb", whole=whole, default=_size_behind(one, whole))


def image(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """An image that is made keeps a snapshot of each volume; the image itself has no charge."""
    yield from usage_based(one, _kept(), "snapshot_gb", whole=whole)


def fast_restore(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """Charge fast snapshot restore in one zone, by the hour; a begun first hour is billed whole."""
    line = priced(one, Component("fast snapshot restore", "ebs/snapshot/fast-restore"), quantity=1, whole=whole)
    yield line.model_copy(update={"hours_at_least": RESTORED_AT_LEAST_H})


def of_instances(one: Registration, devices: Iterable[Mapping[str, Any]], *, count: float | None, whole: Whole) -> Iterator[BillLine]:
    """`devices` are blockDeviceMappings; `one` is the resource that starts `count` instances with them."""
    volumes = [(str(device.get("deviceName", "volume")), mapping(device.get("ebs"))) for device in devices if device.get("ebs")]
    if not volumes:
        yield unpriced(one, "root volume", "the image sets its size and type")
    for device, ebs in volumes:
        yield from lines(one, ebs, device=device, count=count, whole=whole)


def of_instance(one: Registration, whole: Whole) -> Iterator[BillLine]:
    root = mapping(one.inputs.get("rootBlockDevice"))
    if not root:
        yield unpriced(one, "root volume", "the image sets its size and type")
    else:
        yield from lines(one, root, device="root volume", count=1, whole=whole)
    for device in rows(one.inputs.get("ebsBlockDevices")):
        yield from lines(one, device, device=str(device.get("deviceName", "volume")), count=1, whole=whole)


def lines(one: Registration, ebs: Mapping[str, Any], *, device: str, count: float | None, whole: Whole) -> Iterator[BillLine]:
    kind = ebs.get("volumeType")
    if kind not in KINDS:
        yield unpriced(one, f"{device} storage", f"no price of volume type {kind or 'set by the image'} is known")
        return
    outlives = str(ebs.get("deleteOnTermination", "")).lower() == "false"
    for part, quantity in (("storage", number(ebs, "volumeSize")), *_performance(str(kind), ebs)):
        # The size always has its line: a resource without any would be in no bucket of the bill.
        if quantity != 0 or part == "storage":
            line = priced(one, Component(f"{device} {part}", f"ebs/{kind}/{part}"), quantity=_times(quantity, count), whole=whole)
            yield line.model_copy(update={"outlives": outlives and line.bucket == "priced"})


def _performance(kind: str, ebs: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    """What is charged beside the size."""
    iops = number(ebs, "iops")
    if kind == "gp3":
        yield "iops", _above(number(ebs, "iops", default=GP3_IOPS), GP3_IOPS)
        yield "throughput", _above(number(ebs, "throughput", default=GP3_MIB_S), GP3_MIB_S)
    elif kind == "io1":
        yield "iops", iops
    elif kind == "io2":
        yield from ((tier.key, within) for tier, within in parts(iops, IO2_IOPS)) if iops is not None else ((IO2_IOPS[0].key, None),)


def _kept() -> Component:
    return Component("snapshot storage", "ebs/snapshot/standard")


def _size_behind(one: Registration, whole: Whole) -> float | None:
    """GB of the volume that a snapshot, or the snapshot that a copy, was made of."""
    of = whole.referred(one, by=("volumeId",), kind=VOLUME)
    if of is not None:
        return number(of.inputs, "size")
    source = whole.referred(one, by=("sourceSnapshotId",), kind=SNAPSHOT)
    return None if source is None or source is one else _size_behind(source, whole)


def _above(value: float | None, included: float) -> float | None:
    return None if value is None else max(0.0, value - included)


def _times(quantity: float | None, count: float | None) -> float | None:
    return None if quantity is None or count is None else quantity * count


PRICERS = {
    VOLUME: volume,
    SNAPSHOT: snapshot,
    "aws:ebs/snapshotCopy:SnapshotCopy": snapshot,
    "aws:ec2/amiFromInstance:AmiFromInstance": image,
    "aws:ec2/amiCopy:AmiCopy": image,
    "aws:ebs/fastSnapshotRestore:FastSnapshotRestore": fast_restore,
}
