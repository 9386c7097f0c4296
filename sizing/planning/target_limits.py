"""The latency targets at which a plan changes: down to which the chosen one stays, and what is chosen below."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sizing.planning.candidates import no_worse
from sizing.planning.ranking import as_dear_as, preference
from sizing.planning.search import Fit, Search

TARGETS = ("ttft", "itl")
# Just below what the chosen plan keeps, so that it must change; the printed limit is rounded up to 0.1 ms.
TIGHTER = 0.999


def of_targets(search: Search, good: Sequence[Fit], tried: Sequence[Search]) -> Iterator[str]:
    """One sentence for TTFT and one for ITL, means in milliseconds. `tried` are the searches whose formats and engines may be chosen."""
    for name in TARGETS if search.demand.traffic.writes_on else ("ttft",):
        lowest = smallest_ms(search, good[0], name)
        asked = getattr(search.request, f"{name}_ms")
        then = below(good, tried, name, limit_ms=lowest * TIGHTER)
        said, now = _said(then, good[0]) if then else "nothing serves the load", f"{asked:g} ms" if asked else "none"
        yield f"{name.upper()} target (now {now}): this plan holds down to {math.ceil(lowest * 10) / 10:g} ms; below that, {said}"


def smallest_ms(search: Search, fit: Fit, name: str) -> float:
    """Return the lowest mean that the plan's instances can keep, with one node lost where the plan has a spare."""
    lost = min(fit.replicas_per_node, fit.replicas - 1) if search.spare_groups else 0
    point = search.point(fit.replica, search.demand.share(fit.replicas - lost))
    return {"ttft": point.ttft_s, "itl": point.itl_s}[name] * 1e3


def below(good: Sequence[Fit], tried: Sequence[Search], name: str, *, limit_ms: float) -> Fit | None:
    """Return the cheapest fit within the tighter target. A tighter target makes no type cheaper, so types that cost more than the best
    fit so far are skipped."""
    request = tried[0].request.replaced(**{f"{name}_ms": limit_ms})
    tight = [replace(one, request=request) for one in tried]
    rank, best = preference(tight[0]), None
    for fit in good:
        if best and fit.usd_per_hour > best.usd_per_hour:
            return best
        ways: list[Fit] = []
        limit = rank(best) if best else as_dear_as(math.inf)
        for one in tight:
            if way := no_worse(one, fit.instance, limit, prefer=tight[0]):
                ways.append(way)
                limit = min(limit, rank(way))
        best = min((*ways, *([best] if best else [])), key=rank, default=None)
    return best


def _said(then: Fit, now: Fit) -> str:
    layout = " ".join(f"{name}{n}" for name in ("tp", "pp", "ep") if (n := getattr(then.layout, name)) > 1) or "tp1"
    format_ = f" {then.replica.bits.format}" if then.replica.bits.format != now.replica.bits.format else ""
    engine = f" on {then.replica.engine.name}{format_}" if format_ or then.replica.engine is not now.replica.engine else ""
    return f"{then.count} x {then.instance.instance_type} ({layout}{engine}) at ${then.usd_per_hour:.2f}/h"
