"""Whether a prediction says anything of a measurement: the same hardware, the same thing served, and the load that the plan is for."""

from __future__ import annotations

from collections.abc import Iterator

from inferstack.bench.workload import load_of
from inferstack.records.measurement import Measurement
from inferstack.records.plan import Plan
from inferstack.records.serving import Serving

STEADY_ANSWERS = 3
"""An open loop lasts as many mean answers at least: before the first one ends nobody leaves the cluster."""


def not_comparable(plan: Plan, measurement: Measurement) -> str | None:
    """Return why the prediction says nothing of this run, every reason by name; None where it does."""
    if measurement.rehearsal:
        return f"the prediction is for other hardware ({_planned(plan)}); a rehearsal host served {measurement.served_model}"
    reasons = [
        *_unlike_text(plan),
        *_other_hardware(plan, measurement),
        *_other_serving(plan, measurement),
        *_other_load(plan, measurement),
    ]
    return "; ".join(reasons) or None


def _unlike_text(plan: Plan) -> Iterator[str]:
    """What the load generator never sends: it sends random words, each prompt new, to the model itself."""
    asked = plan.request
    if asked.images_per_request is not None:
        yield f"the plan counts {asked.images_per_request:g} images per request, but the load generator sends text only"
    if asked.prefix_hit_rate > 0:
        yield f"the plan counts on a prefix cache ({asked.prefix_hit_rate:g} of each prompt), but the load generator sends new prompts only"
    if asked.lora_slots is not None:
        yield "the plan counts on adapters, but the load generator uses the model without one"
    if asked.speculative_method is not None:
        yield f"the plan counts on accepted drafts ({asked.speculative_method}), but random words do not show how often a draft is accepted"


def _planned(plan: Plan) -> str:
    return f"{plan.instance_count} x {plan.instance_type} with {plan.engine}"


def _other_hardware(plan: Plan, measurement: Measurement) -> Iterator[str]:
    measured = f"{measurement.instance_count} x {measurement.instance_type} with {measurement.served_engine}"
    if _planned(plan) != measured:
        yield f"the prediction is for other hardware ({_planned(plan)}), but {measured} was measured"


def _other_serving(plan: Plan, measurement: Measurement) -> Iterator[str]:
    if measurement.serving is None:
        yield "what the nodes served is not recorded (format, layout, flags, version), because an older version configured them"
    elif different := Serving.of_plan(plan).differences(measurement.serving):
        yield f"the prediction is for another server: {', '.join(different)}"
    if measurement.served_model != plan.model.id and (measurement.serving is None or measurement.serving.model == plan.model.id):
        yield f"the prediction is for another model: {plan.model.id}, but {measurement.served_model} was measured"


def _other_load(plan: Plan, measurement: Measurement) -> Iterator[str]:
    """The plan's own load, not what a bounded load generator makes of it."""
    planned, measured = load_of(plan), measurement.workload.load
    if different := planned.differences(measured):
        yield f"the prediction is for another load ({planned.says}), but {measured.says} was measured ({'; '.join(different)})"
    elif measured.request_rate is not None and (answer_ms := measurement.e2e_ms) is not None:
        seconds = measurement.workload.num_requests / measured.request_rate
        if seconds < STEADY_ANSWERS * answer_ms.mean / 1000:
            yield (
                f"the run never reached a steady state: its {measurement.workload.num_requests:,} requests came within {seconds:,.1f} s, "
                f"an answer took {answer_ms.mean / 1000:,.1f} s"
            )
