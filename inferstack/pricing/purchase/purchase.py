"""The same instances by every way to buy them, over the hours and months that they are needed: costs, and which satisfies at least cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from inferstack.pricing.purchase.options import COMMITTED_1Y, NO_RATE
from inferstack.pricing.purchase.schedule import MONTH_H, WEEKS_A_MONTH, Schedule
from inferstack.pricing.rates import rates
from inferstack.pricing.rates.rates import Rate, accelerators
from inferstack.records.comparison import Bought, PurchaseCost, Span
from inferstack.records.files.facts import load

FindRate = Callable[[str, str], Rate | None]
COMMITTED = {1: COMMITTED_1Y, 3: ("ec2/savings-plan-3y", "ec2/reserved-3y")}


@dataclass(frozen=True, slots=True)
class Need:
    """`count` instances in groups of `group` that serve together; `start_h` is from nothing to the first token."""

    instance_type: str
    region: str
    count: int
    group: int
    schedule: Schedule
    start_h: Span
    months: float
    interruptible: bool = False


def costs(need: Need, *, find: FindRate = rates.rate) -> tuple[PurchaseCost, ...]:
    """List the cost of each pricing option, on demand first; the cheapest that satisfies is marked, each other one says why not."""
    found = [*_on_demand(need, find), _spot(need, find), _committed(need, 1, find), _committed(need, 3, find), *_reserved(need, find)]
    able = [one for one in found if one.satisfies and one.usd_total]
    best = min(able, key=lambda one: one.usd_total.value if one.usd_total else math.inf) if able else None
    return tuple(_judged(one, best, able, need) for one in found)


def paid_hours(need: Need) -> Span:
    """Hours a month of a service that scales to zero when it is closed."""
    return Span(**{edge: need.schedule.paid_hours(getattr(need.start_h, edge)) * WEEKS_A_MONTH for edge in ("low", "value", "high")})


def _on_demand(need: Need, find: FindRate) -> Iterator[PurchaseCost]:
    found = find(f"ec2/on-demand/{need.instance_type}", need.region)
    yield _hourly("on-demand", need, found, hours=paid_hours(need))
    if not need.schedule.always:
        yield _hourly("on-demand-always-on", need, found, hours=_flat(MONTH_H))


def _reserved(need: Need, find: FindRate) -> Iterator[PurchaseCost]:
    """A reservation is billed from its creation, used or not, at the on-demand rate."""
    found = find(f"ec2/on-demand/{need.instance_type}", need.region)
    yield _hourly("capacity-reservation", need, found, hours=_flat(MONTH_H), note="reserves the capacity, billed whether used or not")
    yield _block(need, find)


def _spot(need: Need, find: FindRate) -> PurchaseCost:
    """One group more than the load needs, and a start for each instance that is taken back."""
    found, fact = find(f"ec2/spot/{need.instance_type}", need.region), _terms()["spot"]["interruptions_a_month"]
    count = need.count + (0 if need.interruptible else need.group)
    plain = paid_hours(need)
    hours = Span(**{edge: getattr(plain, edge) + fact[edge] * getattr(need.start_h, edge) for edge in ("low", "value", "high")})
    spare = "" if need.interruptible else f"{need.group} instance{'s' if need.group > 1 else ''} more as spare for interruptions; "
    note = f"{spare}an extra start for {fact['value']:.0%} of the instances each month (assumed); {_history(need, found)}"
    one = _hourly("spot", need, found, hours=hours, count=count, note=note)
    if need.interruptible or one.usd_total is None:
        return one
    why = f"AWS can reclaim all instances of a type at once with two minutes' notice; accept that with --interruptible. {note}"
    return one.model_copy(update={"satisfies": False, "reason": why})


def _committed(need: Need, years: int, find: FindRate) -> PurchaseCost:
    """The commitment runs through every hour of its term, used or not; begun terms are paid in full."""
    option: Bought = "savings-plan-1y" if years == 1 else "savings-plan-3y"
    known = (find(f"{key}/{need.instance_type}", need.region) for key in COMMITTED[years])
    found = next((rate for rate in known if rate), None)
    if found is None:
        most = _terms()["savings_plan"]["most_off"]
        why = f"no price known for this type; AWS states up to {most['value']:.0%} off across all families ({most['as_of']})"
        return PurchaseCost(option=option, instances=need.count, satisfies=False, reason=why)
    terms = math.ceil(need.months / (12 * years) - 1e-9)
    total = found.usd * need.count * MONTH_H * 12 * years * terms
    note = (
        f"commits to {12 * years * terms} months, but {need.months:g} are needed"
        if 12 * years * terms > need.months
        else "every hour is billed"
    )
    kind = (
        "; price of a standard reserved instance, which equals that of a savings plan for its family" if "/reserved-" in found.key else ""
    )
    one = _hourly(option, need, found, hours=_flat(MONTH_H), note=note + kind)
    return one.model_copy(update={"usd_total": _flat(total), "usd_per_month": _flat(total / need.months)})


def _block(need: Need, find: FindRate) -> PurchaseCost:
    """Whole days without a pause, the fee up front."""
    found, terms, gpus = find(f"ec2/capacity-block/{need.instance_type}", need.region), _terms()["block"], accelerators(need.instance_type)
    if found is None or not gpus:
        return PurchaseCost(option="capacity-block", instances=need.count, satisfies=False, reason=NO_RATE)
    days = block_days(need.months)
    usd = found.usd * gpus * need.count
    told: dict[str, Any] = {"usd_per_hour": usd, "as_of": found.as_of, "source": found.source, "confidence": found.confidence}
    why = None
    if days is None:
        why = f"the longest block is {terms['longest_days']['value']} days; {need.months:g} months without a gap are needed"
    if need.count > terms["most_instances"]["value"]:
        why = f"a block has at most {terms['most_instances']['value']} instances, but {need.count} are needed"
    if why or days is None:
        return PurchaseCost(option="capacity-block", instances=need.count, satisfies=False, reason=why or "", **told)
    fee = usd * days * 24
    note = f"{days} days paid up front, not cancellable; instances end {terms['ends_early_minutes']['value']} minutes before the end"
    return PurchaseCost(
        option="capacity-block", instances=need.count, paid_hours_per_month=_flat(days * 24 / need.months), usd_up_front=fee,
        usd_per_month=_flat(fee / need.months), usd_total=_flat(fee), satisfies=True, reason=note, **told,
    )  # fmt: skip


def block_days(months: float) -> int | None:
    """The shortest block that lasts so long: up to 14 days by the day, then by the week; None beyond the longest."""
    terms = _terms()["block"]
    days = math.ceil(months * MONTH_H / 24 - 1e-9)
    if days > terms["steps_of_one_day"]["value"]:
        days = math.ceil(days / 7) * 7
    return days if days <= terms["longest_days"]["value"] else None


def _hourly(option: Bought, need: Need, found: Rate | None, *, hours: Span, count: int | None = None, note: str = "") -> PurchaseCost:
    instances = count or need.count
    if found is None:
        return PurchaseCost(option=option, instances=instances, satisfies=False, reason=NO_RATE)
    usd = found.usd * instances
    return PurchaseCost(
        option=option, instances=instances, usd_per_hour=usd, paid_hours_per_month=hours, usd_per_month=hours.times(usd),
        usd_total=hours.times(usd * need.months), satisfies=True, reason=note, as_of=found.as_of, source=found.source,
        confidence=found.confidence,
    )  # fmt: skip


def _judged(one: PurchaseCost, best: PurchaseCost | None, able: list[PurchaseCost], need: Need) -> PurchaseCost:
    if one is best:
        return one.model_copy(update={"chosen": True, "reason": _why(one, able, need)})
    if not one.satisfies or best is None or one.usd_total is None or best.usd_total is None:
        return one
    more = one.usd_total.value / best.usd_total.value - 1
    said = f"; {one.reason}" if one.reason else ""
    much = f"{more:.0%} more expensive than" if more >= 0.005 else "costs as much as"
    return one.model_copy(update={"reason": f"{much} {best.option} over {need.months:g} months{said}"})


def _why(best: PurchaseCost, able: list[PurchaseCost], need: Need) -> str:
    others = sorted(one.usd_total.value for one in able if one is not best and one.usd_total)
    said = f"; {best.reason}" if best.reason else ""
    unsure = "; its price is not verified" if best.confidence == "recalled" else ""
    if not others or best.usd_total is None:
        return f"the only suitable option{said}{unsure}"
    less = others[0] - best.usd_total.value
    if less < 0.005:
        return f"the cheapest suitable option with the shortest commitment{said}{unsure}"
    return f"the cheapest suitable option, ${less:,.0f} less than the next one over {need.months:g} months{said}{unsure}"


def _history(need: Need, found: Rate | None) -> str:
    """What is known of the price over time and zones."""
    known = [one for one in rates.history(f"ec2/spot/{need.instance_type}") if one.region == need.region]
    if not known or found is None:
        return "no price history is known"
    low, high = min(one.usd for one in known), max(one.usd for one in known)
    days = len({one.as_of for one in known})
    zones, left_out = rates.spot_zones(need.instance_type, need.region)
    full = f", {left_out} zones at the on-demand price excluded: they have no spare capacity" if left_out else ""
    counted = f"the most expensive of {len(zones)} zones counted{full}"
    return f"${low:.2f} to ${high:.2f} per instance in {len(known)} prices from {days} day{'s' if days > 1 else ''}, {counted}"


def _terms() -> dict[str, Any]:
    terms: dict[str, Any] = load("pricing")["purchase_terms"]
    return terms


def _flat(value: float) -> Span:
    return Span(value=value, low=value, high=value)
