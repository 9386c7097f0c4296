"""A comparison for people, 100 columns wide: the decision, purchase options, tokens, APIs with break-evens, owned hardware, totals."""

from __future__ import annotations

from inferstack.cli import lines
from inferstack.cli.screen import Screen
from inferstack.records.comparison import Comparison, HostedCost, Owned, PurchaseCost, Span, VolumePoint
from inferstack.show import tables
from inferstack.show.tables import name, number, words

WIDTH = 100
OTHERS = 6


def show(screen: Screen, found: Comparison) -> None:
    _wrapped(screen, found.decision)
    _wrapped(
        screen,
        f"{found.model} in {found.weight_quant} on {found.instance_count} x {found.instance_type} ({found.gpu}) in {found.region}, "
        f"for {found.load}",
    )
    _hours(screen, found)
    _options(screen, found)
    _tokens(screen, found)
    _hosted(screen, found)
    _curve(screen, found.curve)
    if found.owned:
        _owned(screen, found.owned)
    _totals(screen, found)
    for one in found.assumptions:
        _wrapped(screen, f"assumption: {one}", "  ")


def _hours(screen: Screen, found: Comparison) -> None:
    h = found.hours
    said = f"Running hours: {h.text}, {h.open_hours_per_week:g} hours a week, for {h.months:g} months"
    if h.starts_per_week:
        said += (
            f"; {h.starts_per_week} starts a week, each {_range(h.start_h.times(60), '.0f')} minutes: "
            f"{_range(h.paid_hours_per_week, '.1f')} hours a week are billed when it scales to zero"
        )
    _wrapped(screen, said)


def _options(screen: Screen, found: Comparison) -> None:
    screen.say()
    tables.heading(screen, "Pricing options")
    rows = [
        (one.option, one.instances, _usd(one.usd_per_hour), _usd(one.usd_per_month), _usd(one.usd_total), _verdict(one))
        for one in found.options
    ]
    marked = next((at for at, one in enumerate(found.options) if one.chosen), None)
    heads = (name("option"), number("n"), number("$/h"), number("$/month"), number(f"$ in {found.hours.months:g} months"), name(""))
    tables.table(screen, heads, rows, marked=marked)
    for one in found.options:
        _wrapped(screen, f"{one.option}: {one.reason}{_rate(one)}", "  ")


def _verdict(one: PurchaseCost) -> str:
    return "chosen" if one.chosen else "suitable" if one.satisfies else "not suitable"


def _rate(one: PurchaseCost) -> str:
    if one.as_of is None:
        return ""
    unsure = ", not verified" if one.confidence == "recalled" else ""
    return f" [price of {one.as_of}{unsure}]"


def _tokens(screen: Screen, found: Comparison) -> None:
    screen.say()
    tables.heading(screen, "Per million tokens")
    rows = [
        (_at(one.at), *(_range(each, ",.3g") for each in (one.usd_per_mtok, one.usd_per_mtok_input, one.usd_per_mtok_output)))
        for one in found.tokens
    ]
    tables.table(screen, (name("at"), number("$ mixed"), number("$ input"), number("$ output")), rows)
    times = (f"{one.prefill_time_share:.1%} at {_at(one.at)} (batch {one.batch:.3g})" for one in found.tokens)
    _wrapped(screen, f"share of busy time spent on prompts: {', '.join(times)}", "  ")
    volume, share = found.volume.tokens_per_month, found.volume.input_share
    _wrapped(screen, f"{_count(volume.value)} tokens a month, {share:.0%} of them input; {found.tokens[0].formula}", "  ")
    _wrapped(
        screen,
        f"utilisation {found.utilisation:.2%} of the billed hours, within the targets; idle cost ${found.idle_usd_per_month:,.0f} a month; "
        f"capacity {_count(found.capacity_tokens_per_day.value)} ({_count(found.capacity_tokens_per_day.low)} to "
        f"{_count(found.capacity_tokens_per_day.high)}) tokens a day with this daily profile",
        "  ",
    )


def _at(load: str) -> str:
    """Name the load as people do; the record's own word for it is part of its schema."""
    return "requested load" if load == "asked load" else load


def _hosted(screen: Screen, found: Comparison) -> None:
    same = [one for one in found.hosted if one.same_model and one.current]
    gone = [one for one in found.hosted if one.same_model and not one.current]
    others = [one for one in found.hosted if not one.same_model and one.current]
    screen.say()
    tables.heading(screen, "Hosted APIs, for the same tokens")
    screen.say("  break-even: tokens a day from which self-hosting costs no more; util.: utilisation at that volume")
    prices = (number("$ in", 3), number("$ out", 2), number("$ mixed", 4))
    heads = (name("host"), name("model"), *prices, number("$/month"), number("break-even"), number("util.", 1))
    rows = [_api(one) for one in (*same, *others[:OTHERS])]
    tables.table(screen, heads, rows)
    if not same:
        screen.say("  no known host offers this model now; these are other models")
    elif others:
        more = f"; {len(others) - OTHERS} more with --json" if len(others) > OTHERS else ""
        screen.say(f"  * another model, for comparison{more}")
    for one in same[:1] or others[:1]:
        if one.break_even:
            _wrapped(screen, f"{one.host}: {one.break_even.says}", "  ")
    ending = [f"{one.host} until {one.ends}" for one in same if one.ends]
    if ending:
        _wrapped(screen, f"to be discontinued: {', '.join(ending)}", "  ")
    if gone:
        _wrapped(screen, f"no longer offered: {', '.join(f'{one.host} ({one.ends or one.status})' for one in gone)}", "  ")
    for source in dict.fromkeys(f"{one.source} ({one.as_of})" for one in same[:3]):
        _wrapped(screen, f"prices: {source}", "  ")


def _api(one: HostedCost) -> tuple[str, ...]:
    turn = one.break_even
    volume = "-" if turn is None or turn.tokens_per_day is None else _count(turn.tokens_per_day)
    full = "-" if turn is None or turn.utilisation is None else f"{turn.utilisation:.0%}"
    prices = (f"{one.usd_per_mtok_input:g}", f"{one.usd_per_mtok_output:g}", f"{one.usd_per_mtok:.3f}")
    model = one.model + ("" if one.same_model else " *") + (" (batch)" if one.batch else "")
    return (one.host, model, *prices, _usd(one.usd_per_month), volume, full)


def _curve(screen: Screen, points: tuple[VolumePoint, ...]) -> None:
    screen.say()
    tables.heading(screen, "Monthly cost by volume")
    rows = [
        (_count(one.tokens_per_day), one.instances, _usd(one.self_hosted), _usd(one.same_model), _usd(one.other_model), _winner(one))
        for one in points[::2]
    ]
    heads = (number("tokens a day"), number("n"), number("self-hosted $"), number("same model $"), number("other model $", 1), name(""))
    tables.table(screen, heads, rows)


def _winner(one: VolumePoint) -> str:
    if one.same_model is None:
        return ""
    return "self-host" if one.self_hosted.value <= one.same_model else "API"


def _owned(screen: Screen, one: Owned) -> None:
    screen.say()
    tables.heading(screen, f"Owned: {one.systems} x {one.system}, {one.gpus} GPUs, throughput of {one.sized_as}")
    for line in one.lines:
        _wrapped(screen, f"{line.name}: ${_range(line.usd_per_year, ',.0f')} a year per system: {line.says}", "  ")
    _wrapped(
        screen,
        f"total: ${_range(one.usd_per_year, ',.0f')} a year, ${_range(one.usd_per_gpu_hour, '.2f')} per GPU-hour; "
        f"${_range(one.usd_per_mtok, ',.2f')} per million tokens at the requested load ({one.utilisation:.3%} utilisation), "
        f"${_range(one.usd_per_mtok_full, '.3f')} at full utilisation all year",
        "  ",
    )
    for option, share in one.break_even_utilisation.items():
        turn = "never, even at 100 %" if share is None else f"from {share:.1%} utilisation"
        _wrapped(screen, f"cheaper than {option}: {turn}", "  ")


def _totals(screen: Screen, found: Comparison) -> None:
    screen.say()
    tables.heading(screen, f"Over {found.years:g} years at this load")
    rows = [(one.name, _range(one.usd, ",.0f"), one.note) for one in sorted(found.totals, key=lambda one: one.usd.value)]
    tables.table(screen, (name(""), number("$"), words("")), rows)


def _wrapped(screen: Screen, text: str, lead: str = "") -> None:
    for line in lines.wrapped(lead + text, min(WIDTH, screen.width or WIDTH)):
        screen.say(line)


def _usd(amount: Span | float | None) -> str:
    if amount is None:
        return "-"
    value = amount.value if isinstance(amount, Span) else amount
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"


def _range(span: Span, form: str) -> str:
    value, low, high = (format(one, form) for one in (span.value, span.low, span.high))
    return value if low == value == high else f"{value} ({low} to {high})"


def _count(tokens: float) -> str:
    for size, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if tokens >= size:
            return f"{tokens / size:,.3g}{unit}"
    return f"{tokens:,.0f}"
