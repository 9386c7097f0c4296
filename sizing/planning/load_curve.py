"""Latency over throughput: a plan's replicas under loads from nearly none to nearly all that they serve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from inferstack.records.curve import Curve, CurvePoint
from inferstack.records.plan import Figure, Plan
from sizing.planning.demand import demand
from sizing.planning.replica_of_plan import replica_of
from sizing.speed import error_bands
from sizing.speed.operating_point import capacity_per_s, operating_point
from sizing.speed.replica import Replica
from sizing.speed.traffic import Traffic

# Of the capacity. Closer together where the curve bends; it ends at 0.94, since at 1 the queue has no steady state.
SHARES = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.94)
STEPS = 14


def curve(plan: Plan) -> Curve:
    """The plan's own kind of load: arrivals up to 94 % of the capacity, or requests in flight up to a full batch. Raises InputError where
    the facts no longer know what the plan names."""
    r, t = replica_of(plan), demand(plan.request).traffic
    shape = replace(t, num_requests=None)
    loads = _rates(r, shape) if t.request_rate is not None else _batches(r, shape)
    points = (_point(r, one, plan.layout.dp) for one in loads)
    return Curve(kind="open" if t.request_rate is not None else "closed", points=tuple(one for one in points if one))


def _rates(r: Replica, t: Traffic) -> Iterator[Traffic]:
    top = capacity_per_s(r, t)
    for share in SHARES:
        yield replace(t, request_rate=top * share)


def _batches(r: Replica, t: Traffic) -> Iterator[Traffic]:
    """Evenly on a scale of ratios, whole requests."""
    top = r.max_batch(t.isl + t.osl)
    for batch in sorted({max(round(top ** (step / STEPS)), 1) for step in range(STEPS + 1)}):
        yield replace(t, concurrency=float(batch))


def _point(r: Replica, t: Traffic, replicas: int) -> CurvePoint | None:
    point = operating_point(r, t)
    if point.saturated:
        return None
    values: dict[error_bands.Metric, float] = {
        "ttft_ms": point.ttft_s * 1e3,
        "itl_ms": point.itl_s * 1e3,
        "e2e_ms": point.e2e_s(t.osl) * 1e3,
    }
    if not t.writes_on:
        del values["itl_ms"]
    figures = {name: _figure(error_bands.of(r, name, t=t, point=point), value) for name, value in values.items()}
    load = (t.request_rate if t.request_rate is not None else t.concurrency or 0.0) * replicas
    return CurvePoint(
        load=_rounded(load), utilisation=_rounded(point.utilisation),
        output_tokens_per_s=_rounded(point.requests_per_s * t.osl * replicas), **figures,
    )  # fmt: skip


def _figure(band: error_bands.Band, value: float) -> Figure:
    return Figure(value=_rounded(value), low=_rounded(value * band.low), high=_rounded(value * band.high), band=band.says)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
