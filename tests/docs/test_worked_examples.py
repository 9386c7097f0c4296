"""docs/explanation/self-host-or-buy.md: every figure is worked out again, from price facts and the sizing, not from `compare`."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from inferstack.pricing.rates.rates import rate
from inferstack.records.files.facts import load
from sizing.compare.replica_capacity import most_held
from sizing.planning.demand import demand
from sizing.planning.replica_of_plan import replica_of
from sizing.speed.operating_point import operating_point
from tools import worked_examples
from tools.worked_examples import LOAD_SHARE, REQUESTS, example

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / worked_examples.PAGE).read_text(encoding="utf-8")
WEEKS = 730 / 168


@lru_cache(8)
def table(name: str) -> dict[str, str]:
    body = TEXT.split(f"<!-- table: {name} -->\n")[1].split("<!-- end -->")[0]
    return dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", body, re.MULTILINE)[1:])


def figure(name: str, row: str) -> float:
    return float(table(name)[row].replace(",", ""))


def newest(package: str, key: str, region: str = "us-east-1") -> float:
    found = [one for one in load("pricing")[package]["records"] if one["key"] == key and one["region"] in (region, "global")]
    here = [one for one in found if one["region"] == region] or found
    return float(max(here, key=lambda one: one["as_of"])["usd"])


def usd(key: str) -> float:
    found = rate(key, "us-east-1")
    assert found, key
    return found.usd


def hosted(place: str, model: str, name: str) -> float:
    """Of the mean token of the example."""
    asked = REQUESTS[name]
    share = asked.isl / (asked.isl + asked.osl)
    return share * newest("hosted_tokens", f"tokens/{place}/{model}/input") + (1 - share) * newest(
        "hosted_tokens", f"tokens/{place}/{model}/output"
    )


@lru_cache(8)
def sums(name: str) -> dict[str, Any]:
    """Rates, hours, tokens and capacity of an example, by the definitions of the page."""
    plan = example(name)[0]
    asked, most = REQUESTS[name], most_held(plan)
    hours_a_week = 168.0
    if name == "office-hours":
        assert plan.time_to_ready
        hours_a_week = 50 + 5 * plan.time_to_ready.total.value / 3600
        tokens = plan.prediction.requests_per_s.value * LOAD_SHARE * 1280 * 50 * 3600 * WEEKS
    else:
        tokens = (asked.tokens_per_day or 0) * 7 * WEEKS
    on_demand = plan.instance_count * usd(f"ec2/on-demand/{plan.instance_type}") * hours_a_week * WEEKS
    reserved = rate(f"ec2/reserved-1y/{plan.instance_type}", "us-east-1")
    year = plan.instance_count * reserved.usd * 730 if reserved else on_demand
    month, bought = (year, "savings-plan-1y") if year < on_demand else (on_demand, "on-demand")
    hours_a_week = 168.0 if bought != "on-demand" else hours_a_week
    a_second = most.requests_per_s.value * most.replicas_per_group * plan.instance_count * 1280
    return {
        "plan": plan,
        "on demand": on_demand,
        "bought": bought,
        "month": month,
        "tokens": tokens,
        "hours": hours_a_week,
        "full": a_second * 3600 * hours_a_week * WEEKS,
        "per_s": a_second,
    }


def owned() -> dict[str, float]:
    """The system at $400,000, everything else as the facts say."""
    facts = load("pricing")["owned_hardware"]
    v = {key: one["value"] for key, one in facts["inputs"].items()}
    years, rate = v["life_years"], v["cost_of_capital"]
    price, back = 400_000 * (1 + v["network_share"]), 400_000 * facts["residual_by_year"]["years"][str(years)]["value"]
    growth = (1 + rate) ** years
    power = facts["systems"]["dgx-h100"]["power_kw"] * v["power_share"] * v["pue"] * 8760
    return {
        "capital": (price - back / growth) * rate * growth / (growth - 1),
        "electricity": power * newest("electricity", "owned/electricity"),
        "maintenance": 400_000 * v["maintenance_share"], "staff": v["staff_fte"] * v["staff_usd_per_year"],
    }  # fmt: skip


def expected(name: str) -> dict[str, float | str]:
    s = sums(name)
    plan, month, tokens = s["plan"], s["month"], s["tokens"]
    mixed = month / tokens * 1e6
    r, t = replica_of(plan), demand(plan.request).share(plan.layout.dp)
    batch = max(operating_point(r, t).batch, 1.0)
    prompt, answer = r.prefill_s(1024), 256 * r.decode_s(batch, 1024 + 128) / batch
    place, model = {"office-hours": ("deepinfra-turbo-fp8", "llama-3.3-70b")}.get(name, ("deepinfra-turbo-fp8", "llama-3.1-8b"))
    other = hosted("anthropic", "claude-sonnet-5-5", name)
    days = (5 if name == "office-hours" else 7) * WEEKS
    first = month / plan.instance_count / other * 1e6
    a_day = s["per_s"] * (50 * 3600 / 5 * LOAD_SHARE if name == "office-hours" else 86400 / 3) / plan.instance_count
    found: dict[str, float | str] = {
        "instances": f"{plan.instance_count} x {plan.instance_type}", "a month on demand, $": s["on demand"],
        "pricing option": s["bought"], "a month, $": month, "tokens a month, M": tokens / 1e6,
        "per 1 M tokens at this load, $": mixed, "of it per 1 M input tokens, $": mixed * prompt / (prompt + answer) / 0.8,
        "of it per 1 M output tokens, $": mixed * answer / (prompt + answer) / 0.2,
        "used of what the paid hours hold, %": tokens / s["full"] * 100, "per 1 M tokens when full, $": month / s["full"] * 1e6,
        "cheapest API of the same model": "DeepInfra (Turbo, FP8)", "there per 1 M tokens, $": hosted(place, model, name),
        "there a month, $": hosted(place, model, name) * tokens / 1e6, "break-even against it, M tokens a day": "none",
        "claude-sonnet-5-5 (another model) per 1 M tokens, $": other,
        "break-even against it (another model), M tokens a day": first / days / 1e6,
        "how full then (another model), %": first / days / a_day * 100,
    }  # fmt: skip
    return found | _office(name) | _owned(name)


def _office(name: str) -> dict[str, float | str]:
    if name != "office-hours":
        return {}
    s = sums(name)
    return {
        "start, minutes": s["plan"].time_to_ready.total.value / 60, "paid hours a week": s["hours"],
        "a month always on, $": s["on demand"] / s["hours"] * 168,
    }  # fmt: skip


def _owned(name: str) -> dict[str, float | str]:
    if name != "ten-million-owned":
        return {}
    lines, s = owned(), sums(name)
    year = sum(lines.values())
    share = year / 8760 / usd("ec2/on-demand/p5.48xlarge") * 100
    return {f"owned, {key} a year, $": each for key, each in lines.items()} | {
        "owned, a year, $": year, "owned, a GPU-hour, $": year / 8 / 8760,
        "owned, per 1 M tokens at this load, $": year / (s["tokens"] * 12) * 1e6,
        "owned, per 1 M tokens when full, $": year / (s["per_s"] * 8760 * 3600) * 1e6,
        "owned costs as much as on demand from, % of the hours": share, "owned over 3 years, $": 3 * year,
    }  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
def test_every_figure_of_a_table_is_what_the_facts_give(name: str) -> None:
    """To the last digit that is printed; no figure stands there that is not worked out here. After a change of facts or constants:
    python tools/write_examples.py, and read the diff."""
    wanted = expected(name)
    assert set(wanted) == set(table(name))
    for row, value in wanted.items():
        if isinstance(value, str):
            assert value == table(name)[row], row
        else:
            digits = len(table(name)[row].partition(".")[2])
            assert pytest.approx(value, abs=0.501 * 10**-digits) == figure(name, row), row


@pytest.mark.parametrize("name", REQUESTS)
def test_there_is_no_break_even_where_the_page_says_none(name: str) -> None:
    """Even what the instances hold on a day of that shape costs more than the cheapest API asks."""
    s, peak = sums(name), 1 / LOAD_SHARE if name == "office-hours" else 3
    assert s["month"] / (s["full"] / peak) * 1e6 > figure(name, "there per 1 M tokens, $")


def test_the_claimed_sum_is_divided_again() -> None:
    """400,000 / 4 + 100,000 over 10 M x 365 tokens; the page names it, and its thousandth is the claim."""
    each = (400_000 / 4 + 100_000) / (10e6 * 365) * 1e6
    assert f"**${each:.2f}**" in TEXT and pytest.approx(0.055, rel=0.01) == each / 1000
    assert f"{10e6 / 86400:.0f} tokens/s" in TEXT


def test_the_tables_are_those_of_the_tool() -> None:
    """`python tools/write_examples.py` would change nothing."""
    assert TEXT == worked_examples.rewritten(TEXT)
