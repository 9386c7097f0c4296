"""The Verdict: on real hardware the prediction against the measurement; on other hardware only whether the run was whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from bench.workload import of_plan
from records.measurement import Finding, Measurement, Quantiles, Verdict
from records.plan import Figure, Plan

# A figure over requests of which more than one in a thousand failed is not reported as one.
MAX_ERROR_SHARE = 0.001


def judge(plan: Plan, measurement: Measurement, *, now: datetime) -> Verdict:
    """`passed` is false when any judged figure is: outside its band, over its target, or the run not whole."""
    why_not = not_comparable(plan, measurement)
    findings = (*_whole(measurement), *_figures(plan, measurement, why_not), *_targets(plan, measurement, why_not))
    failed = [one for one in findings if one.judged and not one.passed]
    return Verdict(
        created_at=now,
        stack=measurement.stack,
        rehearsal=measurement.rehearsal,
        passed=not failed,
        statement=_statement(failed, findings, why_not),
        findings=findings,
        kind="completeness" if why_not else "prediction",
    )


def not_comparable(plan: Plan, measurement: Measurement) -> str | None:
    """Why the prediction says nothing about this run; None where it does."""
    planned = f"{plan.instance_count} x {plan.instance_type} with {plan.engine}"
    measured = f"{measurement.instance_count} x {measurement.instance_type} with {measurement.served_engine}"
    if plan.request.images_per_request is not None:
        return f"the plan counts {plan.request.images_per_request:g} images a request, the load generator sends text only"
    if measurement.rehearsal:
        return f"the prediction is for other hardware ({planned}); a rehearsal host served {measurement.served_model}"
    if planned != measured:
        return f"the prediction is for other hardware ({planned}); measured was {measured}"
    asked, given = of_plan(plan, rehearsal=False), measurement.workload
    if (asked.concurrency, asked.isl, asked.osl) != (given.concurrency, given.isl, given.osl):
        load = f"{asked.concurrency} at a time, {asked.isl} tokens in, {asked.osl} out"
        return f"the prediction is for another load ({load})"
    return None


def _whole(measurement: Measurement) -> Iterator[Finding]:
    asked = measurement.workload.num_requests
    lost = asked - measurement.completed
    kinds = ", ".join(f"{count} {kind}" for kind, count in measurement.errors.items())
    yield Finding(
        figure="completed_requests",
        predicted=asked,
        measured=measurement.completed,
        judged=True,
        passed=measurement.completed > 0 and lost <= MAX_ERROR_SHARE * asked,
        message=f"{measurement.completed} of {asked} requests answered whole" + (f"; failed: {kinds}" if kinds else ""),
    )
    if measurement.workload.ignore_eos:
        expected = measurement.completed * measurement.workload.osl
        yield Finding(
            figure="completion_tokens",
            predicted=expected,
            measured=measurement.completion_tokens,
            judged=True,
            passed=expected == measurement.completion_tokens,
            message=f"{measurement.completion_tokens} tokens in {measurement.completed} answers of {measurement.workload.osl}",
        )


def _figures(plan: Plan, measurement: Measurement, why_not: str | None) -> Iterator[Finding]:
    predicted = plan.prediction
    yield _figure("output_tokens_per_s", predicted.output_tokens_per_s, measurement.output_tokens_per_s, why_not)
    yield _figure("requests_per_s", predicted.requests_per_s, measurement.requests_per_s, why_not)
    yield _figure("ttft_ms", predicted.ttft_ms, _mean(measurement.ttft_ms), why_not)
    if predicted.itl_ms:
        yield _figure("itl_ms", predicted.itl_ms, _mean(measurement.itl_ms), why_not)
    yield _figure("e2e_ms", predicted.e2e_ms, _mean(measurement.e2e_ms), why_not)


def _figure(name: str, predicted: Figure, measured: float | None, why_not: str | None) -> Finding:
    """Predictions are means, so means are compared."""
    judged = why_not is None
    passed = judged and measured is not None and predicted.low <= measured <= predicted.high
    error = None if not judged or not measured else 100 * (predicted.value - measured) / measured
    return Finding(
        figure=name,
        predicted=predicted.value,
        low=predicted.low,
        high=predicted.high,
        measured=measured,
        error_percent=error,
        judged=judged,
        passed=passed if judged else None,
        message=why_not or _compared(predicted, measured, passed=passed),
    )


def _compared(predicted: Figure, measured: float | None, *, passed: bool) -> str:
    if measured is None:
        return "nothing was measured"
    place = "inside" if passed else "below" if measured < predicted.low else "above"
    return f"{measured:.4g} is {place} the band {predicted.low:.4g} to {predicted.high:.4g} ({predicted.band})"


def _targets(plan: Plan, measurement: Measurement, why_not: str | None) -> Iterator[Finding]:
    for name in ("ttft_ms", "itl_ms", "e2e_ms"):
        target = getattr(plan.request, name)
        if target is not None:
            yield _target(name, target, _mean(getattr(measurement, name)), why_not)


def _target(name: str, target: float, measured: float | None, why_not: str | None) -> Finding:
    judged = why_not is None
    passed = measured is not None and measured <= target
    said = "nothing was measured" if measured is None else f"mean {measured:.4g} ms, at most {target:.4g} asked for"
    return Finding(
        figure=f"target_{name}",
        high=target,
        measured=measured,
        judged=judged,
        passed=passed if judged else None,
        message=why_not or said,
    )


def _mean(found: Quantiles | None) -> float | None:
    return found.mean if found else None


def _statement(failed: list[Finding], findings: tuple[Finding, ...], why_not: str | None) -> str:
    judged = sum(1 for one in findings if one.judged)
    if failed:
        verdict = f"failed: {failed[0].figure}: {failed[0].message}" + (f", and {len(failed) - 1} more" if len(failed) > 1 else "")
    else:
        verdict = f"passed: all {judged} judged figures hold"
    return f"{verdict}; judged for completeness and errors only: {why_not}" if why_not else verdict
