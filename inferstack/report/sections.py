"""The sections of the page, in the order in which a decision is read: what, why, beside what, at what cost, on what grounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from inferstack.records.plan import Candidate, Figure, Plan
from inferstack.report import charts
from inferstack.report.contents import Contents
from inferstack.report.markup import Cell, bullets, cards, figure, folded, paragraph, section, table
from inferstack.report.money import HOURS_A_MONTH
from inferstack.report.scale import written

MOST_ROWS = 60
CANDIDATES = (
    "instances",
    "GPU",
    "layout",
    "engine",
    "format",
    "$/h",
    "$/1M out",
    "tokens/s",
    "TTFT ms",
    "ITL ms",
    "serves req/s",
    "bound by",
    "on the front",
)


def decision(c: Contents) -> str:
    """One sentence, what the same tokens cost by API, and the figures that carry it."""
    plan = c.plan
    beside = paragraph(c.comparison.decision) if c.comparison else ""
    return section("decision", "The decision", paragraph(sentence(plan), "lead"), beside, cards(_cards(plan)))


def sentence(plan: Plan) -> str:
    layout, load = plan.layout, _load(plan)
    degrees = ", ".join(
        f"{name} {size}" for name, size in (("TP", layout.tp), ("PP", layout.pp), ("EP", layout.ep), ("replicas", layout.dp)) if size > 1
    )
    return (
        f"Serve {load} of {plan.model.id} ({plan.model.weight_quant}) with {plan.engine} {plan.engine_version} on {plan.instance_count} x "
        f"{plan.instance_type} ({plan.gpu}{f'; {degrees}' if degrees else ''}) in {plan.region}: ${plan.usd_per_hour:,.2f} an hour, "
        f"${plan.usd_per_mtok:,.2f} per million output tokens at this load."
    )


def why(c: Contents) -> str:
    plan = c.plan
    return section(
        "why", "Why this one, and what would change it",
        paragraph(f"Deciding constraint: {plan.binding_constraint}"),
        bullets(plan.what_would_change),
    )  # fmt: skip


def candidates(c: Contents) -> str:
    plan = c.plan
    rows = [_candidate(one) for one in plan.candidates[:MOST_ROWS]]
    more = f"The cheapest {MOST_ROWS} of {len(plan.candidates)}." if len(plan.candidates) > MOST_ROWS else ""
    told = "Blue: no other is cheaper, faster and roomier at once. The large mark is the chosen one; point at a mark to read it."
    return section(
        "candidates", "Ways to serve the load", paragraph(told), charts.candidates(plan),
        table("candidates-table", CANDIDATES, rows, chosen=0), paragraph(more),
    )  # fmt: skip


def memory(c: Contents) -> str:
    p = c.plan.prediction
    holds = (
        f"The KV cache holds {p.kv_cache_tokens:,} tokens on a replica; at most {p.max_concurrency:,.0f} requests are in flight at once."
    )
    return section("memory-of-a-gpu", "Memory of one GPU", charts.memory(p), paragraph(holds))


def latency(c: Contents) -> str:
    if c.curve is None or not c.curve.points:
        return ""
    told = "Predicted mean and its 90 % band, from an idle cluster to a nearly full one. The mark is the requested load."
    pictures = (charts.latency(c.curve, c.plan, figure=figure_, name=name) for figure_, name in _drawn(c.plan))
    return section(
        "latency", "Latency over throughput", paragraph(told), *pictures, paragraph(f"Confidence: {c.plan.prediction.basis}", "small")
    )


def _drawn(plan: Plan) -> tuple[tuple[str, str], ...]:
    first = ("ttft_ms", "TTFT")
    return (first, ("itl_ms", "ITL")) if plan.prediction.itl_ms else (first,)


def rejected(c: Contents) -> str:
    rows = [(Cell(one.instance_type), Cell(one.constraint), Cell(one.reason)) for one in c.plan.rejected]
    if not rows:
        return ""
    return section(
        "rejected",
        "What was rejected",
        folded(
            f"{len(rows)} candidates and the first limit that each breaks",
            table("rejected-table", ("instance", "constraint", "reason"), rows),
        ),
    )


def licence(c: Contents) -> str:
    found = c.plan.licence
    if found is None:
        return ""
    said = [one for one in (found.notice, found.display, found.name_rule, found.mau_rule, found.eu_rule) if one]
    return section(
        "licence",
        "Licence",
        paragraph(f"{found.name} ({found.id}), read {found.as_of}; facts, not legal advice."),
        bullets([*said, *found.duties]),
    )


def ready(c: Contents) -> str:
    found = c.plan.time_to_ready
    if found is None:
        return ""
    rows = [(Cell(one.name), *_seconds(one.seconds), Cell(one.kind), Cell(one.basis)) for one in found.stages]
    low, value, high = (seconds / 60 for seconds in (found.total.low, found.total.value, found.total.high))
    told = f"About {value:.0f} minutes from `up` to the first token ({low:.0f} to {high:.0f})."
    head = ("step", "s", "low", "high", "kind", "grounds")
    return section("ready", "Time to the first token of a new cluster", paragraph(told), table("ready-table", head, rows))


def grounds(c: Contents) -> str:
    """Assumptions, and every source with its date."""
    plan = c.plan
    rows = [(Cell(what), Cell(says), Cell(when)) for what, says, when in _sources(c)]
    return section(
        "grounds", "Assumptions and sources",
        folded(f"{len(plan.assumptions)} assumptions", bullets(plan.assumptions), open_=True),
        table("sources", ("figure", "from", "date"), rows),
    )  # fmt: skip


def _candidate(one: Candidate) -> tuple[Cell, ...]:
    layout = one.layout
    return (
        Cell(f"{one.instance_count} x {one.instance_type}", sort=f"{one.instance_type} {one.instance_count:04}"),
        Cell(one.gpu),
        Cell(f"tp{layout.tp} pp{layout.pp} ep{layout.ep} dp{layout.dp}"),
        Cell(one.engine),
        Cell(one.weight_quant or ""),
        figure(one.usd_per_hour, f"{one.usd_per_hour:,.2f}"),
        figure(one.usd_per_mtok, f"{one.usd_per_mtok:,.2f}"),
        figure(one.output_tokens_per_s, f"{one.output_tokens_per_s:,.0f}"),
        figure(one.ttft_ms, f"{one.ttft_ms:,.0f}"),
        figure(one.itl_ms, "" if one.itl_ms is None else f"{one.itl_ms:,.1f}"),
        figure(one.capacity_requests_per_s, written(one.capacity_requests_per_s or 0)),
        Cell(one.bound),
        Cell("yes" if one.on_pareto_front else ""),
    )


def _cards(plan: Plan) -> Iterator[tuple[str, str, str]]:
    p, ready_ = plan.prediction, plan.time_to_ready
    yield "an hour", f"${plan.usd_per_hour:,.2f}", f"list price of {plan.price_date}"
    yield "a month", f"${plan.usd_per_hour * HOURS_A_MONTH:,.0f}", f"{HOURS_A_MONTH} hours, instances alone"
    yield "1M output tokens", f"${plan.usd_per_mtok:,.2f}", "at the requested load"
    for name, found, unit in (
        ("output tokens/s", p.output_tokens_per_s, ""),
        ("TTFT", p.ttft_ms, " ms"),
        ("ITL", p.itl_ms, " ms"),
        ("E2E", p.e2e_ms, " ms"),
    ):
        if found:
            yield name, f"{written(found.value)}{unit}", f"{written(found.low)} to {written(found.high)}"
    if ready_:
        yield (
            "first token of a new cluster",
            f"{ready_.total.value / 60:.0f} min",
            f"{ready_.total.low / 60:.0f} to {ready_.total.high / 60:.0f}",
        )


def _load(plan: Plan) -> str:
    asked = plan.request
    lengths = f"{asked.isl:g} prompt and {asked.osl:g} answer tokens"
    loads = {
        "requests/s": asked.request_rate,
        "users": asked.users,
        "output tokens/s": asked.tokens_per_s,
        "tokens a day": asked.tokens_per_day,
        "requests in flight": asked.concurrency,
    }
    for says, value in loads.items():
        if value is not None:
            return f"{value:,.10g} {says} of {lengths}"
    return f"one request in flight of {lengths}"


def _seconds(found: Figure) -> tuple[Cell, ...]:
    return tuple(figure(value, f"{value:,.0f}") for value in (found.value, found.low, found.high))


def _sources(c: Contents) -> Iterable[tuple[str, str, str]]:
    plan = c.plan
    yield f"price of {plan.instance_type}", plan.price_source, str(plan.price_date)
    yield "model", plan.model.source, ""
    for name in ("output_tokens_per_s", "ttft_ms", "itl_ms", "e2e_ms"):
        found: Figure | None = getattr(plan.prediction, name)
        if found:
            yield f"band of {name}", found.band, ""
    if plan.licence:
        yield "licence", plan.licence.source, str(plan.licence.as_of)
    if c.bill:
        told = {(line.source, str(line.as_of)) for line in c.bill.lines if line.source}
        yield from (("bill", source or "", when) for source, when in sorted(told))
