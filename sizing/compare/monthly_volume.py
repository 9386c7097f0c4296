"""From the load that a plan was made for to tokens a day and a month, and to the tokens that so many replicas hold."""

from __future__ import annotations

from dataclasses import dataclass

from inferstack.pricing.purchase.schedule import WEEKS_A_MONTH, Schedule
from inferstack.records.comparison import Span, Volume
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from sizing.compare.replica_capacity import HeldLoad
from sizing.planning.demand import SECONDS_A_DAY, demand, planning
from sizing.speed.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Flow:
    """`per_day` tokens of an open day for each request a second that is held at the peak; days and hours are those that are open."""

    volume: Volume
    held: HeldLoad
    tokens_a_request: float
    per_day: float
    days_a_month: float

    def held_a_day(self, replicas: float) -> Span:
        """Return the tokens that this number of replicas holds on a running day shaped like the requested one."""
        return self.held.requests_per_s.times(self.per_day * replicas)

    def held_a_month(self, replicas: float) -> Span:
        return self.held_a_day(replicas).times(self.days_a_month)

    def full_per_month(self, hours: float, *, replicas: int) -> Span:
        """Tokens when every paid hour is as full as the targets allow."""
        return self.held.requests_per_s.times(replicas * self.tokens_a_request * 3600 * hours)


def flow(plan: Plan, held: HeldLoad, schedule: Schedule, *, load_share: float) -> Flow:
    """Raises InputError where the day's tokens do not fit the open hours, or `load_share` says twice what a day's tokens say."""
    asked, t = plan.request, demand(plan.request).traffic
    a_request = t.isl + t.osl
    hours_a_day, days = schedule.hours_per_week / schedule.days, schedule.days * WEEKS_A_MONTH
    if asked.tokens_per_day is not None:
        return _of_a_day(plan, held, schedule, load_share=load_share)
    per_day = a_request * 3600 * hours_a_day * load_share
    rate = _rate(plan, t)
    said = f"{rate.value:.4g} requests/s of {a_request:g} tokens in the {hours_a_day:.3g} running hours of a day"
    share = "" if load_share == 1 else f", {load_share:.0%} of that on average"
    return Flow(_volume(rate.times(per_day), days, t, says=said + share), held, a_request, per_day, days)


def _rate(plan: Plan, t: Traffic) -> Span:
    """Requests a second of the whole plan: those that arrive, or those that a fixed number in flight makes, with its band."""
    if t.request_rate is not None:
        return Span(value=t.request_rate, low=t.request_rate, high=t.request_rate)
    found = plan.prediction.requests_per_s
    return Span(value=found.value, low=found.low, high=found.high)


def _of_a_day(plan: Plan, held: HeldLoad, schedule: Schedule, *, load_share: float) -> Flow:
    tokens, t = plan.request.tokens_per_day or 0.0, demand(plan.request).traffic
    if load_share != 1:
        raise InputError("load_share: tokens_per_day already gives the volume", hint="leave --load-share out")
    mean = tokens / (t.isl + t.osl) / (schedule.hours_per_week / schedule.days * 3600)
    planned = t.request_rate or 0.0
    if mean > planned * (1 + 1e-9):
        raise InputError(
            f"schedule: {tokens:g} tokens in {schedule.hours_per_week / schedule.days:.3g} hours are {mean:.4g} requests/s on average, "
            f"more than the {planned:.4g} of the plan",
            hint="plan for the running hours with --request-rate, or extend the schedule",
        )
    per_day = (t.isl + t.osl) * SECONDS_A_DAY / planning("peak_to_mean")
    said = f"{tokens:g} tokens on each of {schedule.days} days a week, the busiest hour {planning('peak_to_mean'):g} times the day's mean"
    flat = Span(value=tokens, low=tokens, high=tokens)
    return Flow(_volume(flat, schedule.days * WEEKS_A_MONTH, t, says=said), held, t.isl + t.osl, per_day, schedule.days * WEEKS_A_MONTH)


def _volume(a_day: Span, days: float, t: Traffic, *, says: str) -> Volume:
    return Volume(
        tokens_per_open_day=a_day, tokens_per_month=a_day.times(days), input_share=t.isl / (t.isl + t.osl),
        cached_share=t.prefix_hit_rate, says=says,
    )  # fmt: skip
