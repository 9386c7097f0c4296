"""Hardware of one's own: what a system costs a year, line by line, from facts that a request may override."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from inferstack.pricing.rates.rates import EVERYWHERE
from inferstack.records.comparison import OwnedLine, OwnedRequest, Span
from inferstack.records.errors import InputError
from inferstack.records.files.facts import load

HOURS_A_YEAR = 8760.0
EDGES = ("low", "value", "high")
CHEAPER_WHEN_MORE = ("life_years", "residual_share")


@dataclass(frozen=True, slots=True)
class System:
    """A system of the facts with what it is sized as. `inputs` are spans of its costs; `low` is always the cheap end."""

    name: str
    gpu: str
    gpus: int
    sized_as: str
    inputs: dict[str, Span]
    says: dict[str, str] = field(repr=False)

    def at(self, edge: str) -> dict[str, float]:
        return {name: getattr(span, edge) for name, span in self.inputs.items()}


def system_for(gpu: str) -> str | None:
    """The first system of the facts with this GPU."""
    return next((name for name, one in _facts()["systems"].items() if one["gpu"] == gpu), None)


def system(asked: OwnedRequest, *, region: str) -> System:
    """Raises InputError for a system that the facts do not hold."""
    known = _facts()["systems"]
    if asked.system not in known:
        near = difflib.get_close_matches(str(asked.system), known, n=2, cutoff=0.3)
        raise InputError(f"system: there is no {asked.system!r}; allowed: {', '.join(known)}", hint=f"nearest: {', '.join(near) or 'none'}")
    told = dict(_told(str(asked.system), asked, region=region))
    one = known[asked.system]
    spans = {name: span for name, (span, _) in told.items()}
    return System(str(asked.system), one["gpu"], one["gpus"], one["sized_as"], spans, {name: says for name, (_, says) in told.items()})


def yearly(one: System) -> tuple[OwnedLine, ...]:
    """USD a year of one system. Capital is the annuity of price and network less the residual value at the end of its life."""
    edges = [dict(_lines(one.at(edge))) for edge in EDGES]
    return tuple(OwnedLine(name=name, usd_per_year=_span([edge[name] for edge in edges]), says=_formula(one, name)) for name in edges[1])


def annuity(price: float, residual: float, *, years: float, rate: float) -> float:
    """Equal yearly payments at the end of each year that are worth `price` today, less `residual` got back at the end."""
    if rate == 0:
        return (price - residual) / years
    growth = (1 + rate) ** years
    return (price * growth - residual) * rate / (growth - 1)


def _lines(of: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    price = of["capex_usd"] * (1 + of["network_share"])
    yield "capital", annuity(price, of["capex_usd"] * of["residual_share"], years=of["life_years"], rate=of["cost_of_capital"])
    if "running_usd_per_year" in of:
        yield "running", of["running_usd_per_year"]
        return
    if "colocation_usd_per_kw_month" in of:
        yield "colocation", of["power_kw"] * of["colocation_usd_per_kw_month"] * 12
    else:
        yield "electricity", of["power_kw"] * of["power_share"] * of["pue"] * HOURS_A_YEAR * of["usd_per_kwh"]
    yield "maintenance", of["capex_usd"] * of["maintenance_share"]
    yield "staff", of["staff_fte"] * of["staff_usd_per_year"]


def _formula(one: System, name: str) -> str:
    v = one.at("value")
    if name == "capital":
        return (
            f"${v['capex_usd']:,.0f} + {v['network_share']:.1%} network, {v['residual_share']:.1%} back after {v['life_years']:g} years, "
            f"{v['cost_of_capital']:.1%} cost of capital"
        )
    if name == "electricity":
        return f"{v['power_kw']:g} kW x {v['power_share']:.1%} x PUE {v['pue']:g} x 8,760 h x ${v['usd_per_kwh']:.4f}/kWh"
    return {
        "running": "as given: power, space, maintenance and staff",
        "colocation": f"{v['power_kw']:g} kW x ${v.get('colocation_usd_per_kw_month', 0):,.0f} a kW-month x 12, electricity included",
        "maintenance": f"{v.get('maintenance_share', 0):.1%} of the price",
        "staff": f"{v.get('staff_fte', 0):g} of one administrator at ${v.get('staff_usd_per_year', 0):,.0f}",
    }[name]


def _told(name: str, asked: OwnedRequest, *, region: str) -> Iterator[tuple[str, tuple[Span, str]]]:
    """Each input as a span, and where it comes from."""
    yield "capex_usd", _asked(asked, "capex_usd") or _priced(f"owned/system/{name}", EVERYWHERE)
    life, why = _asked(asked, "life_years") or _input("life_years")
    yield "life_years", (life, why)
    yield "residual_share", _asked(asked, "residual_share") or _residual(life)
    for one in ("network_share", "cost_of_capital"):
        yield one, _asked(asked, one) or _input(one)
    power = _facts()["systems"][name]["power_kw"]
    yield "power_kw", _asked(asked, "power_kw") or (_span([power] * 3), _facts()["power_source"])
    running, place = _asked(asked, "running_usd_per_year"), _asked(asked, "colocation_usd_per_kw_month")
    if running:
        yield "running_usd_per_year", running
        return
    if place:
        yield "colocation_usd_per_kw_month", place
    else:
        yield "usd_per_kwh", _asked(asked, "usd_per_kwh") or _priced("owned/electricity", region)
    for one in ("power_share", "pue", "maintenance_share", "staff_fte", "staff_usd_per_year"):
        yield one, _asked(asked, one) or _input(one)


def _asked(asked: OwnedRequest, name: str) -> tuple[Span, str] | None:
    value = getattr(asked, name)
    return None if value is None else (_span([value] * 3), "as given")


def _input(name: str) -> tuple[Span, str]:
    fact = _facts()["inputs"][name]
    cheap, dear = ("high", "low") if name in CHEAPER_WHEN_MORE else ("low", "high")
    return _span([fact[cheap], fact["value"], fact[dear]]), f"{fact['kind']}: {fact['source']} ({fact['as_of']})"


def _residual(life: Span) -> tuple[Span, str]:
    """Return the residual value at the end of each life; nothing is left beyond the years that are stated."""
    fact = _facts()["residual_by_year"]
    years = {int(year): one for year, one in fact["years"].items()}
    ends = {"low": "high", "value": "value", "high": "low"}
    found = [years.get(round(getattr(life, edge)), {}).get(ends[edge], 0.0) for edge in EDGES]
    return _span(found), f"{fact['kind']}: {fact['source']} ({fact['as_of']})"


def _priced(key: str, region: str) -> tuple[Span, str]:
    """The newest record of the key in the region, else everywhere, with its range."""
    name = "electricity" if key == "owned/electricity" else "owned_hardware"
    content = load("pricing")[name]
    rows = [one for one in content["records"] if one["key"] == key]
    here = [one for one in rows if one["region"] == region] or [one for one in rows if one["region"] == EVERYWHERE]
    found = max(here, key=lambda one: str(one["as_of"]))
    ends = [float(found.get(edge, found["usd"])) for edge in ("low", "usd", "high")]
    return _span(ends), f"{content['sources'][found['source']]} ({found['as_of']}){'; ' + found['note'] if found.get('note') else ''}"


def _facts() -> dict[str, Any]:
    facts: dict[str, Any] = load("pricing")["owned_hardware"]
    return facts


def _span(edges: list[float]) -> Span:
    low, value, high = edges
    return Span(low=low, value=value, high=high)
