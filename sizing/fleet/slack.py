"""Room that is paid for anyway: models on a share of a GPU get more of it while the nodes of their type have units left, at no cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from sizing.fleet.gpu_shares import UNITS
from sizing.fleet.placement import Taken
from sizing.fleet.serving_options import ServingWay, on_gpus, on_share
from sizing.planning.candidates import layouts_on


def widened(everything: Sequence[Taken]) -> list[Taken]:
    """Return the shares, widened, in the given order. The smallest share grows first, to twice its size, until nothing fits any more."""
    found = list(everything)
    by_type: dict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(found):
        by_type[one.column.instance.instance_type].append(number)
    for numbers in by_type.values():
        _widen(found, numbers)
    return found


def _widen(found: list[Taken], numbers: Sequence[int]) -> None:
    node_units = found[numbers[0]].column.node_units
    room = -sum(found[number].way.all_units for number in numbers) % node_units
    growing = [number for number in numbers if found[number].way.units < UNITS]
    while room and growing:
        number = min(growing, key=lambda one: (found[one].way.units, one))
        wider = _wider(found[number], room)
        if wider is None:
            growing.remove(number)
            continue
        room -= wider.all_units - found[number].way.all_units
        found[number] = replace(found[number], way=wider, point=wider.point())
        if wider.units >= UNITS:
            growing.remove(number)


def _wider(one: Taken, room: int) -> ServingWay | None:
    """The same engine and format on twice the share, where that takes no more than what is left and answers sooner."""
    now, instance = one.way, one.column.instance
    most, units = now.all_units + room, now.units * 2
    if units < UNITS:
        found = on_share((now.search, now.files), instance, units, most)
    else:
        layout = next((layout for layout in layouts_on(now.search, instance) if layout.gpus == 1), None)
        found = on_gpus((now.search, now.files), instance, layout, most) if layout else None
    osl = now.search.request.osl
    return found if found and found.point().e2e_s(osl) < one.point.e2e_s(osl) else None
