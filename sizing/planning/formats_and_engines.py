"""The search over formats and engines: the asked on every instance type, others where they could be cheaper; the best of a type stays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from inferstack.records.plan import Searched
from sizing.catalog import instances
from sizing.models.quantisation.formats import nominal_bits
from sizing.planning.candidates import fits, no_worse, of_instance
from sizing.planning.checkpoint import Checkpoint
from sizing.planning.ranking import as_dear_as, preference, the_front_first
from sizing.planning.reasons import PASSED_BY_CHOICE
from sizing.planning.search import CONSTRAINTS, Fit, Loss, Search
from sizing.planning.variants import Untried, Variant, variants


@dataclass(frozen=True)
class FoundFits:
    """`good` cheapest first, one for each instance type. `narrower` says what a format that may not be chosen would save,
    or is None; `closed` are all such formats, each with its cheapest way."""

    good: list[Fit]
    bad: list[Loss]
    searched: tuple[Searched, ...]
    narrower: str | None
    tried: tuple[tuple[Search, Checkpoint], ...]
    closed: tuple[tuple[Variant, Fit], ...] = ()

    def of(self, fit: Fit) -> tuple[Search, Checkpoint]:
        """The search that gave this way to serve, and the file that it loads."""
        r = fit.replica
        return next(one for one in self.tried if one[0].engine is r.engine and one[0].bits == r.bits and one[0].shape is r.shape)


def over(asked: Search) -> FoundFits:
    """All that the request leaves open. A type of which one instance serves the load is not tried again: nothing on it is cheaper."""
    ways, losses = fits(asked)
    best, lost = {one.instance.instance_type: one for one in ways}, {one.instance_type: one for one in losses}
    first, *others = variants(asked.request, asked.shape)
    assert isinstance(first, Variant), "the requested format on the requested engine is tried"
    tried, said = [(asked, first.files)], [_said(first, _cheapest(ways))]
    for one in others:
        if isinstance(one, Variant) and one.allowed:
            tried.append((on(asked, one), one.files))
            said.append(_said(one, _better(list(_improve(tried[-1][0], best, lost, prefer=asked)))))
    good = the_front_first(asked, list(best.values()))
    closed = [(one, cheaper(on(asked, one), good)) for one in others if isinstance(one, Variant) and not one.allowed]
    said += [_said(one, _cheapest([fit] if fit else [], else_="not cheaper")) for one, fit in closed]
    said += [_said(one, f"not tried: {one.reason}") for one in others if isinstance(one, Untried)]
    saving = tuple((one, fit) for one, fit in closed if fit)
    return FoundFits(good, list(lost.values()), tuple(said), _narrower(closed, good), tuple(tried), saving)


def assumptions(asked: Search, found: FoundFits) -> Iterator[str]:
    """Where the plan takes another engine, file or format than the asked or the default one."""
    chosen = found.of(found.good[0])[0]
    if chosen.engine is not asked.engine:
        first = f"{asked.engine.name} in {asked.bits.format}: {found.searched[0].says}"
        yield f"engine {chosen.engine.name}: the request names none; {first}; to plan that: --engine {asked.engine.name}"
    if chosen.shape is not asked.shape:
        yield f"weights: {chosen.shape.id} replaces {asked.shape.id}: the same model in {chosen.bits.format}, published by others"
    if chosen.bits.format != asked.bits.format:
        yield f"{chosen.bits.format} instead of {asked.bits.format}: any_quant allows it; answers differ from the original model's"


def on(asked: Search, one: Variant) -> Search:
    return replace(asked, shape=one.shape, bits=one.bits, engine=one.engine)


def _improve(search: Search, best: dict[str, Fit], lost: dict[str, Loss], *, prefer: Search) -> Iterator[Fit]:
    """Puts what is better into `best` and takes it out of `lost`; a loss that came farther replaces the one that is there."""
    rank = preference(prefer)
    for instance in instances():
        name = instance.instance_type
        has = best.get(name)
        if has.count == 1 if has else lost[name].constraint in PASSED_BY_CHOICE:
            continue
        found = no_worse(search, instance, rank(has), prefer=prefer) if has else of_instance(search, instance)
        if isinstance(found, Loss):
            if CONSTRAINTS.index(found.constraint) > CONSTRAINTS.index(lost[name].constraint):
                lost[name] = found
        elif found and (has is None or rank(found) < rank(has)):
            best[name] = found
            lost.pop(name, None)
            yield found


def cheaper(search: Search, good: list[Fit]) -> Fit | None:
    """Return the cheapest way that costs less than the plan; a type of which one instance costs as much is not looked at."""
    best, limit, rank = None, good[0].usd_per_hour if good else math.inf, preference(search)
    for instance in instances():
        rate = search.rate(instance.instance_type)
        if rate is None or (rate.usd >= limit and (best is None or rate.usd > limit)):
            continue
        found = no_worse(search, instance, rank(best) if best else as_dear_as(limit), prefer=search)
        if found and (found.usd_per_hour < limit if best is None else rank(found) < rank(best)):
            best, limit = found, found.usd_per_hour
    return best


def _narrower(closed: list[tuple[Variant, Fit | None]], good: list[Fit]) -> str | None:
    """The cheapest of the widest format that would save something: it gives up the least."""
    saving = [(one, fit) for one, fit in closed if fit]
    if not saving:
        return None
    one, fit = min(saving, key=lambda pair: (-nominal_bits(pair[0].bits.format), pair[1].usd_per_hour))
    way, now = ("cheaper", f" instead of ${good[0].usd_per_hour:.2f}/h") if good else ("possible", "")
    file = "" if one.files.online else f" ({one.shape.id})"
    return (
        f"{way} with {one.bits.format}{file} on {one.engine.name}: {fit.count} x {fit.instance.instance_type}, "
        f"${fit.usd_per_hour:.2f}/h{now} (add --any-quant {nominal_bits(one.bits.format)}; answers then differ from the original model's)"
    )


def _cheapest(ways: list[Fit], else_: str = "no instance type serves the load") -> str:
    if not ways:
        return else_
    best = min(ways, key=lambda fit: fit.usd_per_hour)
    return f"{best.count} x {best.instance.instance_type} at ${best.usd_per_hour:.2f}/h"


def _better(ways: list[Fit]) -> str:
    return f"better on {len(ways)} instance types, cheapest {_cheapest(ways)}" if ways else "no better on any instance type"


def _said(one: Variant | Untried, says: str) -> Searched:
    format_, model = (one.bits.format, one.shape.id) if isinstance(one, Variant) else (one.format, one.model)
    return Searched(
        engine=one.engine.name, engine_version=one.engine.text, weight_quant=format_, model=model, allowed=one.allowed, says=says
    )  # fmt: skip
