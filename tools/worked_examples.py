"""The tables of docs/explanation/self-host-or-buy.md, computed from the facts: one function for the page and for its test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from inferstack.pricing.purchase.schedule import ALWAYS, parse
from inferstack.records.comparison import Comparison, HostedCost, OwnedRequest
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from sizing.compare.comparison import WantedComparison, comparison
from sizing.planning import planner

PAGE = Path("docs/explanation/self-host-or-buy.md")
MADE = datetime(2026, 11, 27, tzinfo=UTC)
TABLE = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
OWNED = OwnedRequest(system="dgx-h100", capex_usd=400_000)
REQUESTS = {
    "one-million": Request(model="Llama-3.1-8B-Instruct", tokens_per_day=1e6),
    "ten-million-owned": Request(model="Llama-3.1-8B-Instruct", weight_quant="fp8", tokens_per_day=1e7, instance_type="p5.48xlarge"),
    "office-hours": Request(model="Llama-3.3-70B-Instruct", weight_quant="fp8", users=50, isl=1024, osl=256, ttft_ms=2000),
}
OFFICE = "Mon-Fri 08:00-18:00 Europe/Berlin"
LOAD_SHARE = 0.2


def example(name: str) -> tuple[Plan, Comparison]:
    """The plan of a worked example and its comparison, as of the day of the page."""
    plan = planner.plan(REQUESTS[name], now=MADE)
    wanted = WantedComparison(ALWAYS)
    if name == "ten-million-owned":
        wanted = WantedComparison(ALWAYS, owned=OWNED, owned_plan=plan)
    if name == "office-hours":
        wanted = WantedComparison(parse(OFFICE), load_share=LOAD_SHARE)
    return plan, comparison(plan, wanted, now=MADE)


def rewritten(text: str) -> str:
    """The page with every table of today."""
    return TABLE.sub(lambda found: found[1] + _table(found["name"]) + found[3], text)


def rows(name: str) -> Iterator[tuple[str, str]]:
    """Figures of one example; a name is the same in each."""
    plan, found = example(name)
    best = next(one for one in found.options if one.chosen)
    month, hours = best.usd_per_month, best.paid_hours_per_month
    assert month and hours
    yield "instances", f"{plan.instance_count} x {plan.instance_type}"
    if name == "office-hours":
        yield "start, minutes", f"{found.hours.start_h.value * 60:.1f}"
        yield "paid hours a week", f"{found.hours.paid_hours_per_week.value:.2f}"
        always = next(one for one in found.options if one.option == "on-demand-always-on")
        yield "a month always on, $", f"{always.usd_per_month.value if always.usd_per_month else 0:,.2f}"
    on_demand = next(one for one in found.options if one.option == "on-demand").usd_per_month
    yield "a month on demand, $", f"{on_demand.value if on_demand else 0:,.2f}"
    yield "pricing option", best.option
    yield "a month, $", f"{month.value:,.2f}"
    yield "tokens a month, M", f"{found.volume.tokens_per_month.value / 1e6:,.2f}"
    asked, full = found.tokens
    yield "per 1 M tokens at this load, $", f"{asked.usd_per_mtok.value:,.3f}"
    yield "of it per 1 M input tokens, $", f"{asked.usd_per_mtok_input.value:,.3f}"
    yield "of it per 1 M output tokens, $", f"{asked.usd_per_mtok_output.value:,.3f}"
    yield "used of what the paid hours hold, %", f"{found.utilisation * 100:.3f}"
    yield "per 1 M tokens when full, $", f"{full.usd_per_mtok.value:,.4f}"
    yield from _owned(found)
    api = next(one for one in found.hosted if one.current)
    yield "cheapest API of the same model", api.host
    yield "there per 1 M tokens, $", f"{api.usd_per_mtok:.4f}"
    yield "there a month, $", f"{api.usd_per_month.value:,.2f}"
    yield "break-even against it, M tokens a day", _turn(api)
    other = next(one for one in found.hosted if one.model == "claude-sonnet-5-5")
    yield "claude-sonnet-5-5 (another model) per 1 M tokens, $", f"{other.usd_per_mtok:.4f}"
    yield "break-even against it (another model), M tokens a day", _turn(other)
    yield "how full then (another model), %", f"{(other.break_even.utilisation or 0) * 100:.1f}" if other.break_even else "-"


def _owned(found: Comparison) -> Iterator[tuple[str, str]]:
    own = found.owned
    if own is None:
        return
    for line in own.lines:
        yield f"owned, {line.name} a year, $", f"{line.usd_per_year.value:,.0f}"
    yield "owned, a year, $", f"{own.usd_per_year.value:,.0f}"
    yield "owned, a GPU-hour, $", f"{own.usd_per_gpu_hour.value:.3f}"
    yield "owned, per 1 M tokens at this load, $", f"{own.usd_per_mtok.value:,.2f}"
    yield "owned, per 1 M tokens when full, $", f"{own.usd_per_mtok_full.value:.4f}"
    yield (
        "owned costs as much as on demand from, % of the hours",
        f"{(own.break_even_utilisation['hours rented as on-demand'] or 0) * 100:.1f}",
    )
    yield "owned over 3 years, $", f"{3 * own.usd_per_year.value:,.0f}"


def _turn(api: HostedCost) -> str:
    tokens = api.break_even.tokens_per_day if api.break_even else None
    return "none" if tokens is None else f"{tokens / 1e6:,.2f}"


def _table(name: str) -> str:
    lines = [f"| {figure} | {value} |" for figure, value in rows(name)]
    return "\n".join(["| figure | value |", "|---|---|", *lines, ""])
