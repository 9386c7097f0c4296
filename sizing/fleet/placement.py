"""From the taken columns to nodes, and to what runs on each of their GPUs with which flags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inferstack.pricing.purchase.options import purchase_options
from inferstack.records.fleet import FleetNode, Placement, Purchase, Served
from sizing.engines import flags as engine_flags
from sizing.fleet import gpu_shares
from sizing.fleet.columns import Column, ColumnChoices
from sizing.fleet.gpu_shares import UNITS
from sizing.fleet.serving_options import ServingWay, preferred
from sizing.speed.operating_point import Point


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """One model with its column, and of the column's ways the one that is preferred."""

    one: ColumnChoices
    column: Column
    way: ServingWay
    point: Point


def taken(one: ColumnChoices, column: Column) -> Taken:
    assert one.search is not None, "a model with columns was searched"
    way = preferred(column.ways, one.search)
    return Taken(one, column, way, way.point())


def nodes(everything: Sequence[Taken]) -> tuple[FleetNode, ...]:
    """Largest slots first, each at the next free place: powers of two leave no gap."""
    slots: dict[str, list[Taken]] = defaultdict(list)
    for one in everything:
        slots[one.column.instance.instance_type] += [one] * one.way.slots
    return tuple(node for _, wanted in sorted(slots.items()) for node in _of_a_type(wanted))


def _of_a_type(wanted: Sequence[Taken]) -> list[FleetNode]:
    column = wanted[0].column
    at, held = 0, defaultdict(list)
    for one in sorted(wanted, key=lambda one: -one.way.units):
        held[at // column.node_units].append(_placement(one, at % column.node_units))
        at += one.way.units
    return [
        FleetNode(
            instance_type=column.instance.instance_type, gpu=wanted[0].way.replica.gpu.id, gpu_count=column.instance.gpu_count,
            usd_per_hour=column.rate.usd, placements=tuple(placed),
        )
        for placed in held.values()
    ]  # fmt: skip


def _placement(one: Taken, at: int) -> Placement:
    way, r, first = one.way, one.way.replica, at // UNITS
    gpus = tuple(range(first, first + max(way.units // UNITS, 1)))
    return Placement(
        name=one.one.member.name, gpus=gpus, share=way.share, tp=r.layout.tp, pp=r.layout.pp,
        gpu_memory_utilization=r.settings.utilization if r.engine.takes_share_of_total else None,
        memory_gib=round(gpu_shares.taken_gib(r), 3), environment=gpu_shares.environment(gpus, way.share),
        utilisation=round(one.point.utilisation, 6),
    )  # fmt: skip


def served(one: Taken) -> Served:
    way, r = one.way, one.way.replica
    flags = engine_flags.flags(
        r, online_quantisation=way.files.online, kv_quant=way.search.request.kv_quant, replicas_per_node=1,
        trust_remote_code=way.search.request.trust_remote_code,
    )  # fmt: skip
    assert one.one.search is not None, "a model with columns was searched"
    return Served(
        name=one.one.member.name, model=one.one.search.shape.id, engine=r.engine.name,
        engine_version=r.engine.text, engine_flags=flags, weight_quant=r.bits.format, weights=way.search.shape.id,
        instance_type=one.column.instance.instance_type, replicas=way.replicas, share=way.share,
        ttft_ms=round(one.point.ttft_s * 1e3, 3),
        itl_ms=round(one.point.itl_s * 1e3, 3) if one.one.search.demand.traffic.writes_on else None, alone_usd_per_hour=one.one.alone_usd,
    )  # fmt: skip


def purchases(counts: Mapping[str, int], region: str) -> tuple[Purchase, ...]:
    return tuple(
        Purchase(instance_type=name, count=count, options=purchase_options(name, region, count)) for name, count in sorted(counts.items())
    )
