"""The choice among ways to serve a load where guards were asked for: their cost is in the total, their checks are in the targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from inferstack.records.errors import Finding
from inferstack.records.plan import Guard
from sizing.planning.formats_and_engines import FoundFits
from sizing.planning.guards import guards
from sizing.planning.search import Breach, Fit, Loss, Search
from sizing.speed import percentiles

FIGURES = ("ttft", "e2e")


def chosen(asked: Search, found: FoundFits) -> tuple[FoundFits, tuple[Guard, ...]]:
    """`found` with the way first that is cheapest together with its guards, and these. Ways that the guards put out of the question are
    losses of it. Raises Finding where none is left."""
    if not asked.request.guards:
        return found, ()
    best: tuple[float, Fit, tuple[Guard, ...]] | None = None
    lost: list[Loss] = []
    for fit in found.good:
        if best and fit.usd_per_hour >= best[0]:
            break
        beside = guards.beside(asked.request, fit, region=asked.region)
        usd, why = fit.usd_per_hour + cost(beside), _broken(found.of(fit)[0], fit, beside)
        if why:
            lost.append(Loss(fit.instance.instance_type, why.constraint, why.reason, fit.layout, fit.rate.usd, why.excess))
        elif best is None or usd < best[0]:
            best = usd, fit, beside
    if best is None:
        raise _refused(asked, lost)
    total, first, kept = best
    out = {one.instance_type for one in lost}
    dear = f"more with its guards than ${total:.2f}/h in total"
    dearer = [
        Loss(fit.instance.instance_type, "cost", f"${fit.usd_per_hour:.2f}/h alone, {dear}", fit.layout)
        for fit in found.good if fit is not first and fit.usd_per_hour < first.usd_per_hour and fit.instance.instance_type not in out
    ]  # fmt: skip
    out |= {one.instance_type for one in dearer}
    rest = [fit for fit in found.good if fit is not first and fit.instance.instance_type not in out]
    return replace(found, good=[first, *rest], bad=[*lost, *dearer, *found.bad]), kept


def cost(beside: tuple[Guard, ...]) -> float:
    """Dollars an hour that guards cost beyond the instances of the model."""
    return sum(one.usd_per_hour for one in beside)


def waits_s(beside: tuple[Guard, ...]) -> dict[str, float]:
    """Return by how much checks delay a first token and an answer: those of the prompt come before the model, those of the answer after
    it."""
    ms = {"ttft": 0.0, "e2e": 0.0}
    for one in beside:
        each = one.latency_ms.value if one.latency_ms else 0.0
        ms["ttft"] += each * one.sides.count("input") / len(one.sides)
        ms["e2e"] += each
    return {name: value / 1e3 for name, value in ms.items()}


def assumptions(search: Search, fit: Fit, beside: tuple[Guard, ...]) -> Iterator[str]:
    """What the total and the targets hold."""
    if not beside:
        return
    first, answer = (waits_s(beside)[name] * 1e3 for name in FIGURES)
    point, total = fit.point, fit.usd_per_hour + cost(beside)
    yield (
        f"guards are in the total (${cost(beside):.2f} of ${total:.2f} an hour), in its limit and in the targets: "
        f"first token {point.ttft_s * 1e3:,.0f} + {first:,.0f} ms, answer {point.e2e_s(search.request.osl) * 1e3:,.0f} + {answer:,.0f} ms; "
        "predicted figures are for the model alone, and up deploys no guards"
    )


def _broken(search: Search, fit: Fit, beside: tuple[Guard, ...]) -> Breach | None:
    missing = next((one for one in beside if not one.runs), None)
    if missing:
        return Breach("capacity", f"guard {missing.id} cannot be placed: {missing.basis}")
    return _late(search, fit, beside) or _too_dear(search, fit, beside)


def _late(search: Search, fit: Fit, beside: tuple[Guard, ...]) -> Breach | None:
    traffic, more = search.demand.share(fit.replicas), waits_s(beside)
    means = {"ttft": fit.point.ttft_s, "e2e": fit.point.e2e_s(search.request.osl)}
    late = percentiles.p99_s(fit.replica, traffic, fit.point) if any("p99" in name for name in search.targets) else {}
    for name in FIGURES:
        for key, alone in ((f"{name}_ms", means[name]), (f"{name}_p99_ms", late.get(name, 0.0))):  # type: ignore[call-overload]
            limit, whole = search.targets.get(key), (alone + more[name]) * 1e3
            if limit is not None and whole > limit:
                reason = f"{name.upper()} {alone * 1e3:.0f} ms + {more[name] * 1e3:.0f} ms of its guards, above {limit:g} ms"
                return Breach(name, reason, whole / limit)
    return None


def _too_dear(search: Search, fit: Fit, beside: tuple[Guard, ...]) -> Breach | None:
    limit, usd = search.request.max_usd_per_hour, fit.usd_per_hour + cost(beside)
    if limit is None or usd <= limit:
        return None
    reason = f"{fit.count} x ${fit.rate.usd:.2f} = ${fit.usd_per_hour:.2f}/h + ${cost(beside):.2f}/h of guards, above ${limit:.2f}/h"
    return Breach("budget", reason, usd / limit)


def _refused(asked: Search, lost: list[Loss]) -> Finding:
    names = ", ".join(asked.request.guards or ())
    reasons = "; ".join(f"{one.instance_type}: {one.reason}" for one in lost[:3])
    return Finding(
        f"with {names} no instance type serves {asked.demand.says} of {asked.shape.id} ({asked.bits.format}) in {asked.region}; "
        f"without them {len(lost)} would; limited by {lost[0].constraint}: {reasons}",
        hint="remove a guard, use a smaller one, or raise the target or limit that it breaks",
    )
