"""Owned systems beside a plan: how many hold the same load, what they cost a GPU-hour and a million tokens, and how full they must be."""

from __future__ import annotations

import math

from inferstack.pricing.purchase import owned
from inferstack.pricing.purchase.owned import HOURS_A_YEAR, System
from inferstack.records.comparison import HostedCost, Owned, OwnedLine, OwnedRequest, PurchaseCost, Span
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from sizing.compare.monthly_volume import Flow
from sizing.compare.replica_capacity import HeldLoad, most_held

EDGES = ("low", "value", "high")
OTHER_END = {"low": "high", "value": "value", "high": "low"}
SECONDS_A_YEAR = HOURS_A_YEAR * 3600


def beside(
    plan: Plan,
    asked: OwnedRequest | None,
    sized: Plan | None,
    load: Flow,
    *,
    options: tuple[PurchaseCost, ...],
    apis: tuple[HostedCost, ...],
) -> Owned | None:
    """None where nothing owned is asked about. Raises InputError where more is needed than is said to be owned."""
    if asked is None or sized is None:
        return None
    one, holds = owned.system(asked, region=plan.region), most_held(sized)
    lines, systems = owned.yearly(one), _systems(asked, sized, holds, load)
    year = _summed(lines).times(systems)
    full = holds.requests_per_s.times(systems * _replicas(sized, holds) * load.tokens_a_request * SECONDS_A_YEAR)
    tokens = load.volume.tokens_per_month.times(12)
    return Owned(
        system=one.name, systems=systems, replicas_per_system=_replicas(sized, holds),
        gpus=systems * one.gpus, sized_as=f"{sized.instance_type}, {sized.engine} {sized.engine_version}",
        lines=lines, usd_per_year=year, usd_per_gpu_hour=year.times(1 / (systems * one.gpus * HOURS_A_YEAR)),
        usd_per_mtok=_each(year, tokens), usd_per_mtok_full=_each(year, full), utilisation=tokens.value / full.value,
        break_even_utilisation=_turns(year.value, full.value, systems, one, options=options, apis=apis, plan=plan), inputs=_inputs(one),
    )  # fmt: skip


def _systems(asked: OwnedRequest, sized: Plan, holds: HeldLoad, load: Flow) -> int:
    """Count the systems that hold the whole load, by what one holds on a day shaped like the asked one; as many as are owned where that
    is said."""
    per_day = load.per_day * holds.requests_per_s.value * _replicas(sized, holds)
    needed = max(math.ceil(load.volume.tokens_per_open_day.value / per_day * (1 - 1e-9)), 1)
    if asked.systems is not None and asked.systems < needed:
        raise InputError(
            f"systems: {asked.systems} is too few for the load; {needed} are needed", hint="leave systems out, or lower the load"
        )
    return asked.systems or needed


def _replicas(sized: Plan, holds: HeldLoad) -> float:
    """Count the replicas on one system; a part of one where a replica spans several."""
    return holds.replicas_per_group / sized.nodes_per_replica


def _turns(
    year: float, full: float, systems: int, one: System, *, options: tuple[PurchaseCost, ...], apis: tuple[HostedCost, ...], plan: Plan
) -> dict[str, float | None]:
    """Share of the hours, or of the tokens, from which owning costs no more. None: above 100 %."""
    found: dict[str, float] = {}
    for bought in options:
        if bought.usd_per_hour and bought.option in ("on-demand", "savings-plan-1y", "savings-plan-3y") and plan.gpu == one.gpu:
            gpu_hour = bought.usd_per_hour / (bought.instances * plan.gpus_per_instance)
            found[f"hours rented as {bought.option}"] = year / (gpu_hour * systems * one.gpus * HOURS_A_YEAR)
    for same, name in ((True, "tokens of {} (same model)"), (False, "tokens of {} (another model)")):
        api = next((api for api in apis if api.current and api.same_model == same), None)
        if api:
            found[name.format(api.host)] = year / (full * api.usd_per_mtok / 1e6)
    return {name: share if share <= 1 else None for name, share in found.items()}


def _summed(lines: tuple[OwnedLine, ...]) -> Span:
    return Span(**{edge: sum(getattr(line.usd_per_year, edge) for line in lines) for edge in EDGES})


def _each(usd: Span, tokens: Span) -> Span:
    return Span(**{edge: getattr(usd, edge) / getattr(tokens, OTHER_END[edge]) * 1e6 for edge in EDGES})


def _inputs(one: System) -> dict[str, str]:
    return {name: f"{_range(span)}; {one.says[name]}" for name, span in one.inputs.items()}


def _range(span: Span) -> str:
    ends = sorted((span.low, span.high))
    return f"{span.value:g}" if ends[0] == ends[1] else f"{span.value:g} ({ends[0]:g} to {ends[1]:g})"
