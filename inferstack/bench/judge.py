"""The Verdict: on real hardware the prediction against the measurement; on other hardware only whether the run was whole and sound."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from inferstack.bench import soundness
from inferstack.bench.comparable import not_comparable
from inferstack.bench.workload import load_of
from inferstack.records.measurement import JudgedFigure, Measurement, Quantiles, Verdict
from inferstack.records.plan import Figure, Plan

__all__ = ["judge", "not_comparable"]

MORE_IS_BETTER = frozenset({"output_tokens_per_s", "requests_per_s", "sustained_requests_per_s"})
TARGETS = {
    "ttft_ms": ("mean", "ttft_ms"),
    "itl_ms": ("mean", "tpot_ms"),
    "e2e_ms": ("mean", "e2e_ms"),
    "ttft_p99_ms": ("p99", "ttft_ms"),
    "itl_p99_ms": ("p99", "itl_ms"),
    "e2e_p99_ms": ("p99", "e2e_ms"),
}
"""Each target of a request: which part of which measured figure it limits. The mean of a token is per request, its p99 over all gaps."""


def judge(plan: Plan, measurement: Measurement, *, now: datetime) -> Verdict:
    """`passed` is false when any judged figure is: worse than its band, over its target, or the run not whole and sound."""
    why_not = not_comparable(plan, measurement)
    findings = (
        *soundness.findings(measurement),
        *_figures(plan, measurement, why_not),
        *_targets(plan, measurement, why_not),
    )
    failed = [one for one in findings if one.judged and not one.passed]
    return Verdict(
        created_at=now,
        stack=measurement.stack,
        rehearsal=measurement.rehearsal,
        passed=not failed,
        statement=_statement(failed, findings, why_not),
        findings=findings,
        planned_load=load_of(plan),
        measured_load=measurement.workload.load,
        kind="completeness" if why_not else "prediction",
    )


def _figures(plan: Plan, measurement: Measurement, why_not: str | None) -> Iterator[JudgedFigure]:
    """Judge what was predicted: for a rate, that the cluster keeps up with it, because the asked rate itself is no prediction. What is
    predicted is that the cluster keeps up with it."""
    predicted = plan.prediction
    if load_of(plan).kind == "open":
        yield _sustained(predicted.requests_per_s, measurement, why_not)
    else:
        yield _figure("output_tokens_per_s", predicted.output_tokens_per_s, measurement.output_tokens_per_s, why_not)
        yield _figure("requests_per_s", predicted.requests_per_s, measurement.requests_per_s, why_not)
    yield _figure("ttft_ms", predicted.ttft_ms, _part(_spread(measurement, "ttft_ms"), "mean"), why_not)
    if predicted.itl_ms:
        yield _figure("itl_ms", predicted.itl_ms, _part(_spread(measurement, "tpot_ms"), "mean"), why_not)
    yield _figure("e2e_ms", predicted.e2e_ms, _part(_spread(measurement, "e2e_ms"), "mean"), why_not)


def _sustained(predicted: Figure, measurement: Measurement, why_not: str | None) -> JudgedFigure:
    """The rate of answers beside the rate of arrivals in the same stretch of the run, so that the chance of its arrivals weighs nothing."""
    steady = measurement.steady
    if steady is None:
        return _figure("sustained_requests_per_s", predicted, None, why_not)
    share = steady.offered_requests_per_s / predicted.value
    offered = Figure(value=predicted.value * share, low=predicted.low * share, high=predicted.high * share, band=predicted.band)
    return _figure("sustained_requests_per_s", offered, steady.sustained_requests_per_s, why_not)


def _spread(measurement: Measurement, figure: str) -> Quantiles | None:
    """Return the steady part's own figure where the run has one, else that of all answered requests."""
    found: Quantiles | None = getattr(measurement.steady, figure, None) or getattr(measurement, figure)
    return found


def _figure(name: str, predicted: Figure, measured: float | None, why_not: str | None) -> JudgedFigure:
    """Predictions are means, so means are compared. Better than the band is said, and is no reason to fail."""
    judged = why_not is None
    place = _place(name, predicted, measured)
    error = None if not judged or not measured else 100 * (predicted.value - measured) / measured
    return JudgedFigure(
        figure=name,
        predicted=predicted.value,
        low=predicted.low,
        high=predicted.high,
        measured=measured,
        error_percent=error,
        judged=judged,
        passed=place in ("inside", "better than") if judged else None,
        message=why_not or _compared(predicted, measured, place),
    )


def _place(name: str, predicted: Figure, measured: float | None) -> str | None:
    if measured is None:
        return None
    if predicted.low <= measured <= predicted.high:
        return "inside"
    return "better than" if (measured > predicted.high) == (name in MORE_IS_BETTER) else "worse than"


def _compared(predicted: Figure, measured: float | None, place: str | None) -> str:
    if measured is None:
        return "nothing was measured"
    return f"{measured:.4g} is {place} the band {predicted.low:.4g} to {predicted.high:.4g} ({predicted.band})"


def _targets(plan: Plan, measurement: Measurement, why_not: str | None) -> Iterator[JudgedFigure]:
    for name, (part, figure) in TARGETS.items():
        target = getattr(plan.request, name)
        if target is not None:
            yield _target(name, target, part, _part(_spread(measurement, figure), part), why_not)


def _target(name: str, target: float, part: str, measured: float | None, why_not: str | None) -> JudgedFigure:
    judged = why_not is None
    passed = measured is not None and measured <= target
    said = "nothing was measured" if measured is None else f"{part} {measured:.4g} ms; the target is {target:.4g} ms"
    return JudgedFigure(
        figure=f"target_{name}",
        high=target,
        measured=measured,
        judged=judged,
        passed=passed if judged else None,
        message=why_not or said,
    )


def _part(found: Quantiles | None, part: str) -> float | None:
    return float(getattr(found, part)) if found else None


def _statement(failed: list[JudgedFigure], findings: tuple[JudgedFigure, ...], why_not: str | None) -> str:
    judged = sum(1 for one in findings if one.judged)
    if failed:
        verdict = f"failed: {failed[0].figure}: {failed[0].message}" + (f", and {len(failed) - 1} more" if len(failed) > 1 else "")
    else:
        verdict = f"passed: all {judged} judged figures hold"
    return f"{verdict}; judged for completeness and errors only, not comparable with the prediction: {why_not}" if why_not else verdict
