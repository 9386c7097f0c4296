"""The limits that a person set: USD an hour, and USD until the stack expires. Nothing is made beyond them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from inferstack.cli.command import Command
from inferstack.cli.settings import Settings
from inferstack.pricing.bill import limits
from inferstack.records.errors import Finding
from inferstack.records.plan import Plan
from inferstack.records.request import Request

if TYPE_CHECKING:
    from inferstack.records.preview import Bill, Preview
    from inferstack.stack.workdir import StackRecord

HINT = "plan a cheaper cluster or raise the limit; inferstack settings shows where the limit comes from"
NO_PRICE = "plan with another instance type, or add its price to inferstack/pricing/facts"


def any_set(settings: Settings) -> bool:
    return settings.max_usd_per_hour is not None or settings.max_usd is not None


def within(request: Request, settings: Settings) -> Request:
    """A request's own limit goes before that of the settings; both give way to what `max_usd` leaves an hour of `expires_in`."""
    own = request.max_usd_per_hour or settings.max_usd_per_hour
    hourly = min((limit for limit in (own, _an_hour(settings)) if limit is not None), default=None)
    return request if hourly == request.max_usd_per_hour else request.replaced(max_usd_per_hour=hourly)


def _an_hour(settings: Settings) -> float | None:
    return None if settings.max_usd is None else settings.max_usd / hours(settings.lifetime)


def hours(span: timedelta) -> float:
    return span.total_seconds() / 3600


@contextmanager
def worded(settings: Settings, request: Request) -> Iterator[None]:
    """A plan that a limit refuses is refused in the words of the limit that the person set."""
    from sizing.planning.over_budget import OverBudget

    try:
        yield
    except OverBudget as error:
        if settings.max_usd is None or request.max_usd_per_hour != _an_hour(settings):
            raise
        span = hours(settings.lifetime)
        limit = f"${settings.max_usd:,.2f} in {span:g} h (--max-usd, --expires-in) is ${error.limit:,.2f}/h, which"
        raise Finding(error.said(limit, hours=span), hint=error.hint) from None


def told(settings: Settings) -> str:
    """What `max_usd` means to a plan."""
    return f"max_usd {settings.max_usd:g} in {settings.expires_in} allows instances of at most ${_an_hour(settings):,.2f}/h"


def passed(command: Command, bill: Bill) -> str | None:
    """One line; None where the bill keeps the limits."""
    settings = command.loaded.settings
    return limits.passed(bill, max_usd_per_hour=settings.max_usd_per_hour, max_usd=settings.max_usd)


def refuse(command: Command, found: Preview) -> None:
    """Raises Finding when the bill passes a limit, or has no total."""
    problem = passed(command, found.bill)
    if problem:
        raise Finding(problem, hint=hint(found.bill))


def refuse_plan(command: Command, plan: Plan) -> None:
    """The instances alone, before anything is opened or asked. Raises Finding."""
    settings = command.loaded.settings
    refuse_rate(plan.usd_per_hour, settings, span=settings.lifetime, what=f"{plan.instance_count} x {plan.instance_type}")


def refuse_rate(usd_per_hour: float, settings: Settings, *, span: timedelta, what: str) -> None:
    """Raises Finding where so many USD an hour, for so long, pass a limit."""
    until = f"in {hours(span):g} h"
    problem = limits.over(usd_per_hour, settings.max_usd_per_hour, "an hour", "max_usd_per_hour") or limits.over(
        usd_per_hour * hours(span), settings.max_usd, until, "max_usd"
    )
    if problem:
        raise Finding(f"{what}: {problem}", hint=HINT)


def question(record: StackRecord, plan: Plan, bill: Bill, *, ends: datetime) -> str:
    """What a person agrees to: the machines, the account, and the whole bill until AWS removes them."""
    what = f"{plan.instance_count} x {plan.instance_type} in {plan.region}"
    if bill.usd_per_hour is None:
        price = f"at no known price ({bill.refused})"
    else:
        least = "at least " if bill.at_least else ""
        price = f"for {least}${bill.usd_per_hour:,.2f} an hour, {least}${bill.usd_until_expiry or 0.0:,.2f}"
    until = f"until {ends:%Y-%m-%d %H:%M} UTC"
    if record.rehearsal:
        return f"Rehearse {what}, on AWS {price} {until}? Nothing is bought"
    return f"Build {what} in account {record.account_id} {price} {until}?"


def hint(bill: Bill) -> str:
    return NO_PRICE if bill.refused else HINT


def refused(command: Command, problem: str, *, hint: str) -> int:
    """1, after the answer was given: with --json the one document stays the only one. Raises Finding without."""
    if not command.screen.as_json:
        raise Finding(problem, hint=hint)
    command.screen.say(f"Error: {problem}")
    command.screen.say(hint)
    return 1
