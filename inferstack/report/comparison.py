"""Self-hosting beside its alternatives: ways to buy, hosted APIs with their break-even, hardware of one's own, totals over the years."""

from __future__ import annotations

from inferstack.records.comparison import BreakEven, HostedCost, Owned, PurchaseCost, Span, TokenCost
from inferstack.report import charts
from inferstack.report.contents import Contents
from inferstack.report.markup import Cell, bullets, figure, folded, paragraph, section, table
from inferstack.report.scale import written

BOUGHT = (
    "option",
    "instances",
    "$/h",
    "hours a month",
    "$ a month",
    "low",
    "high",
    "$ in all",
    "fits the schedule",
    "reason",
    "price of",
)
HOSTED = (
    "host",
    "model",
    "the same model",
    "status",
    "$/1M in",
    "$/1M out",
    "$/1M at this mix",
    "$ a month",
    "break-even",
    "at utilisation",
    "price of",
)
TOKENS = ("at", "$/1M tokens", "low", "high", "$/1M input", "$/1M output", "time in prompts")


def bought(c: Contents) -> str:
    """The chosen way first; each other one with its reason."""
    found = c.comparison
    if found is None:
        return ""
    rows = [_bought(one) for one in sorted(found.options, key=lambda one: not one.chosen)]
    told = f"{found.hours.text}; over {found.hours.months:g} months."
    return section("bought", "Ways to buy, at the hours of the schedule", paragraph(told), table("bought-table", BOUGHT, rows, chosen=0))


def turning(c: Contents) -> str:
    """Where self-hosting turns cheaper than an API: the picture, then host by host."""
    found = c.comparison
    if found is None:
        return ""
    sold = [one for one in found.hosted if one.current]
    gone = [one for one in found.hosted if not one.current]
    return section(
        "break-even",
        "Self-host, or buy tokens",
        paragraph(found.decision, "lead"),
        charts.turning(found),
        table("tokens", TOKENS, (_tokens(one) for one in found.tokens)),
        paragraph("Break-even: tokens a day from which self-hosting costs no more; point at a figure to read more.", "small"),
        paragraph(found.tokens[0].formula if found.tokens else "", "small"),
        table("hosted", HOSTED, (_hosted(one) for one in sold)) if sold else "",
        folded(f"{len(gone)} that are no longer sold", table("gone", HOSTED, (_hosted(one) for one in gone)) if gone else ""),
        folded(f"{len(found.assumptions)} assumptions", bullets(found.assumptions)),
    )


def owned(c: Contents) -> str:
    """Hardware of one's own, line by line, and all ways beside each other over the years."""
    found = c.comparison
    if found is None:
        return ""
    totals = [(Cell(one.name), *_span(one.usd, 0), Cell(one.note)) for one in found.totals]
    own = _owned(found.owned) if found.owned else ""
    head = ("way", "$", "low", "high", "note")
    return section("totals", f"Over {found.years:g} years", table("totals-table", head, totals) if totals else "", own)


def _bought(one: PurchaseCost) -> tuple[Cell, ...]:
    month, total = one.usd_per_month, one.usd_total
    return (
        Cell(one.option),
        figure(one.instances, str(one.instances)),
        figure(one.usd_per_hour, f"{one.usd_per_hour or 0:,.2f}"),
        _value(one.paid_hours_per_month, 0),
        *_span(month, 0),
        _value(total, 0),
        Cell("yes" if one.satisfies else "no"),
        Cell(one.reason, kind="says"),
        Cell(f"{one.as_of or ''}{' unverified' if one.confidence == 'recalled' else ''}", title=one.source or ""),
    )


def _tokens(one: TokenCost) -> tuple[Cell, ...]:
    share = one.prefill_time_share
    return (
        Cell(one.at),
        *_span(one.usd_per_mtok, 3),
        _value(one.usd_per_mtok_input, 3),
        _value(one.usd_per_mtok_output, 3),
        figure(share, f"{share:.0%}"),
    )


def _hosted(one: HostedCost) -> tuple[Cell, ...]:
    turn = one.break_even
    return (
        Cell(one.host),
        Cell(f"{one.model}{' (batch)' if one.batch else ''}"),
        Cell("yes" if one.same_model else "no"),
        Cell(f"{one.status}{f', ends {one.ends}' if one.ends else ''}"),
        figure(one.usd_per_mtok_input, f"{one.usd_per_mtok_input:,.3g}"),
        figure(one.usd_per_mtok_output, f"{one.usd_per_mtok_output:,.3g}"),
        figure(one.usd_per_mtok, f"{one.usd_per_mtok:,.3g}"),
        _value(one.usd_per_month, 0),
        _turn(turn),
        figure(turn.utilisation if turn else None, f"{turn.utilisation:.0%}" if turn and turn.utilisation is not None else ""),
        Cell(str(one.as_of), title=one.source),
    )


def _turn(turn: BreakEven | None) -> Cell:
    if turn is None:
        return Cell("")
    says = f"{written(turn.tokens_per_day)} a day" if turn.tokens_per_day is not None else "none"
    return Cell(says, sort=turn.tokens_per_day if turn.tokens_per_day is not None else float("inf"), right=True, title=turn.says)


def _owned(found: Owned) -> str:
    rows = [(Cell(one.name), *_span(one.usd_per_year, 0), Cell(one.says, kind="says")) for one in found.lines]
    told = (
        f"{found.systems} x {found.system}, sized as {found.sized_as}: ${found.usd_per_year.value:,.0f} a year, "
        f"${found.usd_per_gpu_hour.value:,.2f} per GPU-hour, ${found.usd_per_mtok.value:,.2f} per million tokens at the requested load "
        f"({found.utilisation:.1%} of what they hold), ${found.usd_per_mtok_full.value:,.3f} if they were full all year."
    )
    against = [
        f"{name}: {f'cheaper from {share:.0%} utilisation' if share is not None else 'not cheaper at any utilisation'}"
        for name, share in found.break_even_utilisation.items()
    ]
    head = ("a year of one system", "$", "low", "high", "from")
    return paragraph(told) + table("owned", head, rows) + bullets(against)


def _span(found: Span | None, digits: int) -> tuple[Cell, ...]:
    if found is None:
        return (figure(None, ""),) * 3
    return tuple(figure(value, f"{value:,.{digits}f}") for value in (found.value, found.low, found.high))


def _value(found: Span | None, digits: int) -> Cell:
    return _span(found, digits)[0]
