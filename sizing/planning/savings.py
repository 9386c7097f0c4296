"""What would cost less than a plan: a narrower format, another region, a looser target, less load, another way to pay; with prices."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from inferstack.pricing.rates.rates import all_on_demand, regions, spot_zones
from inferstack.records.plan import PurchaseOption, Saving, SavingKind
from sizing.models.quantisation.formats import nominal_bits
from sizing.planning import formats_and_engines
from sizing.planning.formats_and_engines import FoundFits
from sizing.planning.search import TARGETS, Fit, Search
from sizing.planning.sensitivity import largest_load_factor, scaled_load
from sizing.planning.variants import Variant

# Below one percent the prices' own dates matter more.
WORTH_SAYING = 0.99


def savings(search: Search, found: FoundFits, options: tuple[PurchaseOption, ...]) -> tuple[Saving, ...]:
    """Return what the person can change, the cheapest first; then the ways to pay that `up` does not know."""
    best = found.good[0]
    changes = [*_formats(found), *_regions(search, best), *_targets(search, found), *_load(search, best)]
    dear = best.usd_per_hour * WORTH_SAYING
    own = sorted((one for one in changes if one.usd_per_hour < dear), key=lambda one: one.usd_per_hour)
    return (*own, *(one for one in _purchases(search, best, options) if one.usd_per_hour < dear))


def _formats(found: FoundFits) -> Iterator[Saving]:
    """Yield the cheapest way in each format that the request does not let a plan choose."""
    cheapest: dict[str, tuple[Variant, Fit]] = {}
    for one, fit in sorted(found.closed, key=lambda pair: pair[1].usd_per_hour):
        cheapest.setdefault(one.bits.format, (one, fit))
    for format_, (one, fit) in cheapest.items():
        yield _saving(
            "format", f"with {format_.upper()} weights", fit, f"--any-quant {nominal_bits(format_)}",
            lacks=f"answers differ from the original model's{'' if one.files.online else f'; the file is {one.shape.id}'}",
        )  # fmt: skip


def _regions(search: Search, best: Fit) -> Iterator[Saving]:
    """Yield the cheapest other region that sells these instances; the same plan holds there."""
    name = best.instance.instance_type
    priced = [(rate.usd, region) for region in regions() if region != search.region and (rate := all_on_demand(region).rate(name))]
    if priced:
        usd, region = min(priced)
        yield Saving(
            kind="region", change=f"in {region}", instance_type=name, instance_count=best.count, usd_per_hour=usd * best.count,
            flag=f"--region {region}", lacks="another region",
        )  # fmt: skip


def _targets(search: Search, found: FoundFits) -> Iterator[Saving]:
    """Yield for each latency target the cheapest plan without it, and the value that this plan would keep."""
    for name in TARGETS:
        limit = search.targets.get(name)
        if limit is None:
            continue
        tried = [replace(one, request=one.request.replaced(**{name: None})) for one, _ in found.tried]
        fits = [fit for one in tried for fit in _cheaper(one, found.good[0])]
        if not fits:
            continue
        fit = min(fits, key=lambda one: one.usd_per_hour)
        loose = _kept_ms(next(one for one in tried if one.engine is fit.replica.engine and one.bits == fit.replica.bits), fit, name)
        if loose > limit:
            flag = f"--{name.replace('_', '-')} {loose:g}"
            yield _saving("target", f"with {name.removesuffix('_ms').replace('_', ' ').upper()} up to {loose:,g} ms", fit, flag, lacks="")


def _cheaper(search: Search, best: Fit) -> list[Fit]:
    fit = formats_and_engines.cheaper(search, [best])
    return [fit] if fit else []


def _kept_ms(search: Search, fit: Fit, name: str) -> float:
    """Return the target that the fit keeps, rounded up to two digits."""
    from sizing.speed import percentiles

    traffic = search.demand.share(fit.replicas)
    point = search.point(fit.replica, traffic)
    figure = name.removesuffix("_ms").removesuffix("_p99")
    if name.endswith("_p99_ms"):
        value = percentiles.p99_s(fit.replica, traffic, point)[figure]  # type: ignore[index]
    else:
        value = {"ttft": point.ttft_s, "itl": point.itl_s, "e2e": point.e2e_s(search.request.osl)}[figure]
    step = 10 ** max(math.floor(math.log10(value * 1e3)) - 1, 0)
    return float(math.ceil(value * 1e3 / step) * step)


def _load(search: Search, best: Fit) -> Iterator[Saving]:
    """Yield how much load one group of instances fewer serves."""
    fewer = best.count - best.nodes_per_replica
    if search.request.dp or fewer < 1:
        return
    factor = largest_load_factor(search, best, fewer // best.nodes_per_replica)
    if 0 < factor < 1:
        yield Saving(
            kind="load", change=f"at {scaled_load(factor, search.demand.says)} or less", instance_type=best.instance.instance_type,
            instance_count=fewer, usd_per_hour=fewer * best.rate.usd, flag="", lacks="less load",
        )  # fmt: skip


def _purchases(search: Search, best: Fit, options: tuple[PurchaseOption, ...]) -> Iterator[Saving]:
    """Yield spot at its cheapest zone, and commitments; `up` buys on demand only."""
    for one in options:
        if one.deployable or one.usd_per_hour is None:
            continue
        usd = one.usd_per_hour
        if one.option == "spot":
            zones, _ = spot_zones(best.instance.instance_type, search.region)
            usd = min(zone.usd for zone in zones) * best.count
        yield Saving(
            kind="purchase", change=f"as {one.option}", instance_type=best.instance.instance_type, instance_count=best.count,
            usd_per_hour=usd, flag="", lacks="up cannot buy this yet",
        )  # fmt: skip


def _saving(kind: SavingKind, change: str, fit: Fit, flag: str, *, lacks: str) -> Saving:
    return Saving(
        kind=kind, change=change, instance_type=fit.instance.instance_type, instance_count=fit.count,
        usd_per_hour=fit.usd_per_hour, flag=flag, lacks=lacks,
    )  # fmt: skip
