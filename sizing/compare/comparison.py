"""`comparison(plan)`: the cost of a plan by purchase option, per million tokens, beside hosted APIs and owned systems."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from inferstack.pricing.purchase import hosted, purchase
from inferstack.pricing.purchase.purchase import Need
from inferstack.pricing.purchase.schedule import ALWAYS, MONTH_H, Schedule
from inferstack.records.comparison import Comparison, HostedCost, Hours, OwnedRequest, PurchaseCost, Span, TokenCost, Total
from inferstack.records.errors import Finding
from inferstack.records.plan import Plan
from sizing.compare import break_even
from sizing.compare.monthly_volume import Flow, flow
from sizing.compare.owned import beside
from sizing.compare.replica_capacity import TimeShares, held, most_held
from sizing.planning.demand import demand

EDGES = ("low", "value", "high")
NO_START = Span(value=0.0, low=0.0, high=0.0)
BESIDE = (
    "instances only: `inferstack preview` adds disks, network and endpoint; staff time is counted for owned hardware only, "
    "as a share of an administrator"
)
FORMULA = "input: C x s / input tokens, output: C x (1 - s) / output tokens, where s is the share of prompts in the busy time"


@dataclass(frozen=True, slots=True)
class WantedComparison:
    """What a comparison is asked for beside the plan. `owned_plan` is the same request on the type that the owned system is sized as."""

    schedule: Schedule = ALWAYS
    months: float = 12.0
    load_share: float = 1.0
    interruptible: bool = False
    batch: bool = False
    owned: OwnedRequest | None = None
    owned_plan: Plan | None = None
    years: float = 3.0


def comparison(plan: Plan, wanted: WantedComparison, *, now: datetime) -> Comparison:
    """Raises InputError for a load that does not fit the schedule, Finding when nothing can be bought for it at a known price."""
    holds, most = held(plan), most_held(plan)
    load = flow(plan, most, wanted.schedule, load_share=wanted.load_share)
    need = _need(plan, wanted)
    options = purchase.costs(need)
    best = next((one for one in options if one.chosen), None)
    if best is None or best.usd_per_month is None:
        raise Finding(
            f"no price of {plan.instance_type} in {plan.region} is known for any pricing option", hint="inferstack plan --region ..."
        )
    self_hosted = break_even.SelfHosted(plan, most, load, best)
    apis = _hosted(plan, wanted, load, self_hosted, now=now)
    own = beside(plan, wanted.owned, wanted.owned_plan, load, options=options, apis=apis)
    replicas = plan.instance_count // plan.nodes_per_replica * most.replicas_per_group
    month, full_month = self_hosted.usd_per_month(), load.full_per_month(paid_hours(best), replicas=replicas)
    return Comparison(
        created_at=now, model=plan.model.id, weight_quant=plan.model.weight_quant, region=plan.region, instance_type=plan.instance_type,
        instance_count=plan.instance_count, gpu=plan.gpu, layout=plan.layout, load=demand(plan.request).says,
        decision=_decision(best, apis, load, own_usd=own.usd_per_year.value / 12 if own else None), hours=_hours(need), volume=load.volume,
        options=options, capacity_tokens_per_day=load.held_a_day(replicas),
        utilisation=load.volume.tokens_per_month.value / full_month.value,
        idle_usd_per_month=best.usd_per_month.value * max(1 - load.volume.tokens_per_month.value / full_month.value, 0.0),
        tokens=(
            _tokens("asked load", month, load.volume.tokens_per_month, load, shares=holds.asked),
            _tokens("full capacity", best.usd_per_month, full_month, load, shares=most.full),
        ),
        hosted=apis, curve=self_hosted.curve(apis), owned=own, years=wanted.years,
        totals=tuple(_totals(wanted, need, apis, own_usd=own.usd_per_year if own else None)), assumptions=_assumptions(plan, wanted, load),
    )  # fmt: skip


def paid_hours(best: PurchaseCost) -> float:
    """A month of the chosen option."""
    return best.paid_hours_per_month.value if best.paid_hours_per_month else MONTH_H


def _need(plan: Plan, wanted: WantedComparison) -> Need:
    ready = plan.time_to_ready.total if plan.time_to_ready else None
    start = Span(value=ready.value / 3600, low=ready.low / 3600, high=ready.high / 3600) if ready else NO_START
    return Need(
        plan.instance_type, plan.region, plan.instance_count, plan.nodes_per_replica, wanted.schedule, start, wanted.months,
        interruptible=wanted.interruptible,
    )  # fmt: skip


def _hours(need: Need) -> Hours:
    s, start = need.schedule, need.start_h
    paid = Span(**{edge: s.paid_hours(getattr(start, edge)) for edge in EDGES})
    return Hours(
        text=s.text, zone=s.zone, open_hours_per_week=s.hours_per_week, open_days_per_week=s.days, starts_per_week=s.starts(start.value),
        start_h=start, paid_hours_per_week=paid, months=need.months,
    )  # fmt: skip


def _tokens(at: str, usd: Span, tokens: Span, load: Flow, *, shares: TimeShares) -> TokenCost:
    """The cheap edge is the least money for the most tokens."""
    whole = Span(value=usd.value / tokens.value * 1e6, low=usd.low / tokens.high * 1e6, high=usd.high / tokens.low * 1e6)
    share, prefill = load.volume.input_share, shares.prefill
    return TokenCost(
        at=at, usd_per_month=usd, usd_per_mtok=whole, usd_per_mtok_input=whole.times(prefill / share),  # type: ignore[arg-type]
        usd_per_mtok_output=whole.times((1 - prefill) / (1 - share)), prefill_time_share=prefill, batch=shares.batch, formula=FORMULA,
    )  # fmt: skip


def _hosted(plan: Plan, wanted: WantedComparison, load: Flow, own: break_even.SelfHosted, *, now: datetime) -> tuple[HostedCost, ...]:
    found = []
    for one in hosted.offers(plan.model.id, now.date()):
        batch = wanted.batch and one.batch_output is not None
        usd = hosted.usd_per_mtok(one, input_share=load.volume.input_share, cached_share=load.volume.cached_share, batch=batch)
        if usd is None:
            continue
        prices = (one.batch_input, one.batch_output) if batch else (one.input, one.output)
        found.append(HostedCost(
            host=one.host, model=one.model, same_model=one.same_model, current=one.current, status=one.status, ends=one.ends,
            usd_per_mtok_input=prices[0] or 0.0, usd_per_mtok_output=prices[1] or 0.0, usd_per_mtok_cached=None if batch else one.cached,
            batch=batch, usd_per_mtok=usd, usd_per_month=load.volume.tokens_per_month.times(usd / 1e6),
            break_even=own.break_even(usd) if one.current else None, as_of=one.as_of, source=one.source,
        ))  # fmt: skip
    return tuple(sorted(found, key=lambda one: (not one.same_model, not one.current, one.usd_per_mtok)))


def cheapest(apis: tuple[HostedCost, ...], *, same: bool) -> HostedCost | None:
    """Return the cheapest API of those that are sold now."""
    return next((one for one in apis if one.current and one.same_model == same), None)


def _decision(best: PurchaseCost, apis: tuple[HostedCost, ...], load: Flow, *, own_usd: float | None) -> str:
    api, month = cheapest(apis, same=True), best.usd_per_month.value if best.usd_per_month else math.inf
    volume = f"{load.volume.tokens_per_month.value / 1e6:,.0f} M tokens a month"
    bought = f"{best.instances} instance{'s' if best.instances > 1 else ''} with {best.option} pricing at {_usd(month)} a month"
    owned = f"; owned hardware {_usd(own_usd)} a month" if own_usd is not None else ""
    if api is None:
        return f"At {volume}: {bought}; no known host offers this model now{owned}."
    turn = api.break_even.says if api.break_even else ""
    asked = f"{api.host} charges {_usd(api.usd_per_month.value)} for the same model"
    way = "self-host" if month < api.usd_per_month.value else "buy tokens"
    return f"At {volume} {way}: {bought}, {asked} ({turn}){owned}."


def _usd(amount: float) -> str:
    return f"${amount:,.0f}" if amount >= 100 else f"${amount:,.2f}"


def _totals(wanted: WantedComparison, need: Need, apis: tuple[HostedCost, ...], *, own_usd: Span | None) -> Iterator[Total]:
    """Yield the totals over the years: instances by each pricing option with a rate, the cheapest API of the same and of another model,
    owned hardware."""
    for one in purchase.costs(replace(need, months=wanted.years * 12)):
        if one.usd_total and one.satisfies:
            yield Total(name=one.option, usd=one.usd_total, note=f"{one.instances} x {need.instance_type}")
    for same in (True, False):
        api = cheapest(apis, same=same)
        if api:
            other = "" if same else ", another model"
            yield Total(name=f"API, {api.host}", usd=api.usd_per_month.times(wanted.years * 12), note=f"{api.model}{other}")
    if own_usd:
        yield Total(name="owned", usd=own_usd.times(wanted.years), note="yearly cost over its whole life")


CACHE_WRITES = (
    "writes to a prompt cache are not counted: a host may charge more for them than for other input (Anthropic 1.25 times the input price)"
)


def _assumptions(plan: Plan, wanted: WantedComparison, load: Flow) -> tuple[str, ...]:
    said = [
        load.volume.says,
        BESIDE,
        "hosted models are assumed to use as many tokens as this model; hosts choose their own weight formats and limits",
    ]
    if load.volume.cached_share:
        said.append(CACHE_WRITES)
    if load.volume.cached_share and wanted.batch:
        said.append("batch prices are used without a cache discount: not every host grants both")
    if plan.guards:
        said.append(f"guards cost ${sum(one.usd_per_hour for one in plan.guards):.2f} an hour more and are not in these figures")
    if plan.time_to_ready is None:
        said.append("the plan has no time to ready: starts count as free")
    full = _cheapest_when_full(plan, load)
    if full:
        said.append(full)
    if wanted.months < wanted.years * 12:
        said.append(f"costs over {wanted.years:g} years assume today's prices throughout")
    return tuple(said)


def _cheapest_when_full(plan: Plan, load: Flow) -> str | None:
    """Name the candidate that is cheapest at what it serves at most; a plan made for a larger load may take another type."""
    known = [(one.usd_per_hour / one.capacity_requests_per_s, one) for one in plan.candidates if one.capacity_requests_per_s]
    if not known:
        return None
    each, one = min(known, key=lambda pair: pair[0])
    usd = each / (load.tokens_a_request * 3600) * 1e6
    return (
        f"a larger volume uses more {plan.instance_type}; at full utilisation and without targets {one.instance_type} is the cheapest "
        f"candidate, ${usd:.3f} per million tokens on demand: plan the larger volume to compare"
    )
