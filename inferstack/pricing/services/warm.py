"""Warm pools: instances that a group keeps ready beside those that serve. Running ones are billed whole, the others by their volumes."""

from __future__ import annotations

from collections.abc import Iterator

from inferstack.pricing.bill.lines import joined, unpriced
from inferstack.pricing.bill.platforms import of_image
from inferstack.pricing.bill.ranges import ranged
from inferstack.pricing.bill.registration import Registration, mapping, number, rows, word
from inferstack.pricing.bill.whole import Whole
from inferstack.pricing.services import volumes
from inferstack.pricing.services.instances import InstanceOffer, Size, known_type, running
from inferstack.records.preview import BillLine

STATES = ("Stopped", "Running", "Hibernated")
NO_MAXIMUM = -1
# https://docs.aws.amazon.com/goto/WebAPI/autoscaling/PutWarmPool: without MaxGroupPreparedCapacity the pool may hold the difference between
# the group's maximum and its desired capacity; MinSize is what it holds always.


def pool(one: Registration, template: Registration, size: Size, whole: Whole) -> Iterator[BillLine]:
    """Charge a warm pool at the size that it always has; the range goes to what AWS may keep ready."""
    said = mapping(one.inputs.get("warmPool"))
    if not said:
        return
    state = word(said, "poolState", default=STATES[0])
    prepared = one.inputs.get("maxSize") if said.get("maxGroupPreparedCapacity") in (None, NO_MAXIMUM) else said["maxGroupPreparedCapacity"]
    least, most = number(said, "minSize", default=0), number({"most": prepared}, "most")
    if state not in STATES or least is None or most is None or size.billed is None:
        yield unpriced(one, "warm pool", "its size or its state is known only after up", gpu_bearing=True)
        return
    # A group at 0 keeps its whole maximum ready; at its largest size only what it always keeps.
    now, at_least, at_most = (max(least, most - (count or 0.0)) for count in (size.billed, size.most, size.least))
    billed = least or now
    note = f"{state.lower()}, {least:g} always and up to {now:g} at this size of the group" if now != billed else state.lower()
    lines = [tuple(_lines(one, template, count, state, note, whole)) for count in (billed, at_least, at_most)]
    yield from ranged(*lines) if at_least != at_most else lines[0]


def _lines(one: Registration, template: Registration, count: float, state: str, note: str, whole: Whole) -> Iterator[BillLine]:
    if state == "Running":
        offers = (InstanceOffer(known_type(template.inputs.get("instanceType"))),)
        line = running(one, offers, "on-demand", capacity=count, whole=whole, platform=of_image(template.inputs))
        yield line.model_copy(update={"component": f"warm pool: {line.component}", "note": joined(note, line.note)})
    for line in volumes.of_instances(one, rows(template.inputs.get("blockDeviceMappings")), count=count, whole=whole):
        yield line.model_copy(update={"component": f"warm pool: {line.component}", "note": joined(note, line.note)})
