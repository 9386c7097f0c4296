"""90 % bands: factors on a prediction from held-out residuals of its stratum, wider the farther the question is from measured points."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Literal

from inferstack.records.load import LoadKind
from sizing.speed import residuals
from sizing.speed.constants import calibration_facts
from sizing.speed.operating_point import Point
from sizing.speed.replica import Replica
from sizing.speed.residuals import Kind
from sizing.speed.traffic import Traffic

Level = Literal["near", "mid", "far"]
Metric = Literal["output_tokens_per_s", "requests_per_s", "ttft_ms", "itl_ms", "e2e_ms"]
# No prediction is nearer than the measurement itself: adjacent versions of TensorRT-LLM differ by 3.4 % in the median
# and 15 % at the 90th percentile on the same dense rows (docs/accuracy.md, noise of the data).
NARROWEST = 0.05
SAYS: dict[Level, str] = {
    "near": "this model, format, GPU and engine version were measured under this kind of load",
    "mid": "the model's family was measured, but on another GPU, in another format or with another engine version",
    "far": "the model's family was not measured with this engine or GPU class",
}
CONFIDENCE: dict[Level, str] = {"near": "high", "mid": "medium", "far": "low"}


@dataclass(frozen=True, slots=True)
class Band:
    """Low and high are factors; `says` tells what the band is."""

    low: float
    high: float
    says: str


def of(r: Replica, metric: Metric, *, t: Traffic, point: Point) -> Band:
    """Return the band of one figure."""
    return every(r, t=t, point=point)[metric]


def every(r: Replica, *, t: Traffic, point: Point) -> dict[Metric, Band]:
    """Return the bands of all figures. E2E and the rate of a closed loop follow from first token and time between tokens; neither can be
    worse than both."""
    first, step = _factor(r, "ttft", t=t, saturated=point.saturated), _factor(r, "itl", t=t, saturated=point.saturated)
    whole = _whole(first, step, point, t.osl)
    rate = _rate(r, whole, t=t, point=point)
    return {"output_tokens_per_s": rate, "requests_per_s": rate, "ttft_ms": first, "itl_ms": step, "e2e_ms": whole}


def _rate(r: Replica, whole: Band, *, t: Traffic, point: Point) -> Band:
    if t.concurrency is not None:
        return Band(1 / whole.high, 1 / whole.low, says=whole.says)
    if t.request_rate is not None and not point.saturated:
        return _sustained(r, t=t, point=point)
    return _factor(r, "tokens", t=t, saturated=point.saturated)


def _sustained(r: Replica, *, t: Traffic, point: Point) -> Band:
    """Return the band of the rate that is kept up: what arrives is served unless the capacity, at the low end of its own band, is less."""
    capacity = _factor(r, "tokens", t=replace(t, request_rate=None, num_requests=None), saturated=False)
    low = min(1 - NARROWEST, capacity.low / point.utilisation)
    ends = f"; the low end is its capacity: {capacity.says}" if low < 1 - NARROWEST else ""
    return Band(low, 1 + NARROWEST, says=f"the cluster serves the requested rate{ends}")


@functools.lru_cache(4096)
def level(kind: Kind, r: Replica, t: Traffic) -> Level:
    """How near the question is to measured points."""
    return residuals.level(kind, residuals.point_of(r, t))


@functools.lru_cache(65536)
def factors(metric: str, *, load: LoadKind, engine: str, moe: bool, at: Level) -> Band:
    """Return the band of the nearest stratum that has enough rows: metric x load x engine x dense or MoE, then with less in its name."""
    bands = calibration_facts()["bands"]
    # Strata of fewer than 20 held-out rows are not in the facts, so a wider one answers.
    for stratum in names(metric, load=load, engine=engine, moe=moe):
        found = bands.get(stratum, {}).get(at)
        if found:
            low, high = found
            return Band(
                min(low, 1 - NARROWEST),
                max(high, 1 + NARROWEST),
                says=f"90 % of held-out residuals of '{stratum}'; {CONFIDENCE[at]} confidence: {SAYS[at]}",
            )
    raise AssertionError("the last stratum contains every level")


def names(metric: str, *, load: LoadKind, engine: str, moe: bool) -> tuple[str, ...]:
    """Strata from the narrowest to the widest."""
    kind = "moe" if moe else "dense"
    return f"{metric} {load} {engine} {kind}", f"{metric} {load} {engine}", f"{metric} {load}", metric, "all"


def basis(r: Replica, t: Traffic) -> str:
    """Which calibration was used and how near the question is to measured points; then what of the replica was not measured at all."""
    at = level("step", r, t)
    near = residuals.nearest("step", residuals.point_of(r, t)) if at == "near" else 0.0
    how_near = f" (similarity {near:.2f} of 1)" if at == "near" else ""
    unmeasured = f"; {r.assumed}" if r.assumed else ""
    measured = f"{SAYS[at][:1].upper()}{SAYS[at][1:]}{how_near}"
    return f"{CONFIDENCE[at]}. {measured}. Constants: {r.engine.name} {r.group} on {r.gpu.calibration_class}{unmeasured}"


def _factor(r: Replica, metric: str, *, t: Traffic, saturated: bool) -> Band:
    # Near the capacity first tokens are not predictable within a factor of two: the band is that of all saturated
    # rows, whatever else was measured.
    if saturated and metric == "ttft":
        band = factors("ttft saturated", load=t.kind, engine=r.engine.stratum, moe=r.shape.is_moe, at="near")
    else:
        at = level("ttft" if metric == "ttft" else "step", r, t)
        band = factors(metric, load=t.kind, engine=r.engine.stratum, moe=r.shape.is_moe, at=at)
    return band if r.widening == 1.0 else _widened(r, band)


def _widened(r: Replica, band: Band) -> Band:
    """No band was measured with speculation, adapters or images: that of the plain replica, wider by an assumed factor."""
    return Band(band.low / r.widening, band.high * r.widening, says=f"assumed {r.widening:g} times as wide as: {band.says}")


def _whole(first: Band, step: Band, point: Point, osl: float) -> Band:
    ttft, rest = point.ttft_s, max(osl - 1, 0) * point.itl_s
    low, high = ((ttft * a + rest * b) / (ttft + rest) for a, b in ((first.low, step.low), (first.high, step.high)))
    return Band(low, high, says=f"TTFT and ITL combined; {(step if rest > ttft else first).says}")
