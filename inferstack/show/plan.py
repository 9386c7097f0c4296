"""A plan for people: the answer in eight lines, then at most eight candidates. `--details` prints the rest (`plan_details`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from inferstack.cli.screen import Screen
from inferstack.pricing.bill.caveats import STALE_AFTER_DAYS
from inferstack.records.plan import Candidate, Figure, Layout, Plan, Saving
from inferstack.show import tables
from inferstack.show.tables import name, number
from sizing.planning import reasons

SHOWN = 8
COLUMNS = (
    name(""),
    name("instance"),
    number("n"),
    name("GPU", 3),
    name("layout", 4),
    name("engine", 2),
    number("tokens/s", 6),
    number("TTFT ms"),
    number("ITL ms"),
    number("$/h"),
    number("$/1M out", 1),
    name("bound by", 5),
)
GPU_FORM = re.compile(r"-(SXM|HGX|PCIe|SE\b).*")
UNLIMITED = 200
"""The width for which a sentence is chosen where nothing limits the line."""
State = Literal["met", "doubtful", "not met"]
STYLES: dict[State, str] = {"met": "good", "doubtful": "doubtful", "not met": "bad"}
MARK_WIDTH = 10
MANY = 2
IN_SECONDS = 10_000
RENAMED = "is not a model id"
REASONS = {"medium": "Family measured with another GPU, format or engine version."}
"""Shorter words for one line; the record has the long ones."""


@dataclass(frozen=True)
class Judged:
    """A target of the request, what the plan predicts for it, and how high it could be; milliseconds."""

    figure: str
    limit_ms: float
    value_ms: float
    high_ms: float | None

    @property
    def state(self) -> State:
        if self.value_ms > self.limit_ms:
            return "not met"
        return "doubtful" if self.high_ms is not None and self.high_ms > self.limit_ms else "met"

    @property
    def short(self) -> str:
        """The same in half a line, where there are many targets."""
        seconds = self.limit_ms >= IN_SECONDS
        value, limit, high = (_number(one, seconds) for one in (self.value_ms, self.limit_ms, self.high_ms or 0.0))
        could = "" if self.high_ms is None else f" (to {high})"
        return f"{self.figure.removesuffix(' mean')} {value} of {limit} {'s' if seconds else 'ms'}{could}"

    @property
    def says(self) -> str:
        could = "" if self.high_ms is None else f" (could be {_ms(self.high_ms)})"
        return f"{self.figure} {_ms(self.value_ms)}, target {_ms(self.limit_ms)}{could}"


def show(screen: Screen, plan: Plan, *, folder: Path | None = None, following: str = "", details: bool = False) -> None:
    """Print the plan; `following` is the command to run next."""
    answer(screen, plan, following=following)
    screen.say()
    aside = bool(plan.split_fleet or plan.guards)
    candidates(screen, plan, most=SHOWN // 2 if aside else SHOWN)
    if details:
        from inferstack.show import plan_details

        plan_details.show(screen, plan)
    elif aside:
        from inferstack.show import plan_details

        plan_details.beside(screen, plan, details=False)
    if folder:
        screen.say(f"Written: {folder}", "dim")
        if not details:
            screen.say("All reasons, memory, prices and assumptions: --details, or inferstack explain", "dim")


def answer(screen: Screen, plan: Plan, *, following: str = "") -> None:
    """Print what to buy, whether the targets are met, why so many, what would be cheaper, how sure it is, and what to do next."""
    width = screen.width or UNLIMITED
    head, (dated, style) = headline(plan), _dated(plan)
    if len(head) + len(dated) > width:
        dated = dated.removesuffix(" (old)")
    if len(head) + len(dated) <= width:
        screen.lay([(head, "bold"), (dated, style)])
    else:
        screen.say(head, "bold")
        screen.say(f"  {dated.lstrip(' ,')}", style)
    screen.say(f"  {_served(plan, width - 2)}")
    for text, style in _warnings(plan):
        screen.say(text, style)
    judged = targets(plan)
    for state in STYLES:
        for line in _joined(
            [one.short if len(judged) > MANY else one.says for one in judged if one.state == state], width - 2 - MARK_WIDTH
        ):
            screen.say(f"  {state:<{MARK_WIDTH}}{line}", STYLES[state], hanging=" " * (2 + MARK_WIDTH))
    if not judged:
        screen.say(f"  No latency target given; predicted: {', '.join(_predicted(plan))}")
    screen.say(f"Why {plan.instance_count}: {why(plan)}")
    if plan.savings:
        screen.say(f"Cheaper: {cheaper(plan, width - len('Cheaper: '))}")
    screen.say(f"Confidence: {confidence(plan)}")
    ready = _ready(plan)
    if ready or following:
        screen.say(f"{ready}{'Next: ' if following else ''}{following}")


def headline(plan: Plan) -> str:
    """Return what to buy and what it costs an hour and a day: `3 x p5.48xlarge (24 H100): $165.12/h, $3,963/day`."""
    gpus = plan.instance_count * plan.gpus_per_instance
    day = f"${plan.usd_per_hour * 24:,.0f}" if plan.usd_per_hour * 24 >= 100 else f"${plan.usd_per_hour * 24:,.2f}"
    gpu = GPU_FORM.sub("", plan.gpu)
    return f"{plan.instance_count} x {plan.instance_type} ({gpus} {gpu}): {tables.usd(plan.usd_per_hour)}/h, {day}/day"


def targets(plan: Plan) -> list[Judged]:
    """Return each latency target of the request against its prediction, means before p99."""
    asked, said = plan.request, plan.prediction
    means: tuple[tuple[str, float | None, Figure | None], ...] = (
        ("TTFT", asked.ttft_ms, said.ttft_ms),
        ("ITL", asked.itl_ms, said.itl_ms),
        ("E2E", asked.e2e_ms, said.e2e_ms),
    )
    found = [Judged(f"{figure} mean", limit, one.value, one.high) for figure, limit, one in means if limit is not None and one]
    tails = (("ttft", asked.ttft_p99_ms), ("itl", asked.itl_p99_ms), ("e2e", asked.e2e_p99_ms))
    for key, limit in tails:
        if limit is not None and key in said.p99_ms:
            found.append(Judged(f"{key.upper()} p99", limit, said.p99_ms[key], None))
    return found


def why(plan: Plan) -> str:
    return plan.why or plan.binding_constraint.partition(": ")[2] or plan.binding_constraint


def cheaper(plan: Plan, width: int) -> str:
    """Return the cheapest change in one line, and where there is room the next one."""
    first, *others = plan.savings
    said = _saving(first)
    for one in sorted(others, key=lambda one: one.kind == first.kind):
        more = f"{said}; {_saving(one, short=True)}"
        if len(more) <= width:
            return more
    return said if len(said) <= width else _saving(first, short=True)


def confidence(plan: Plan) -> str:
    """Return how sure the prediction is, without the constants that it took."""
    level, _, reason = plan.prediction.basis.partition(" Constants: ")[0].partition(". ")
    return f"{level}. {REASONS.get(level, reason)}"


def layout(of: Layout) -> str:
    return of_a_replica(of) + (f" x {of.dp}" if of.dp > 1 else "")


def of_a_replica(of: Layout) -> str:
    return " ".join(f"{kind}{value}" for kind, value in (("tp", of.tp), ("pp", of.pp), ("ep", of.ep)) if value > 1) or "tp1"


def candidates(screen: Screen, plan: Plan, *, most: int = SHOWN) -> None:
    """Print the table of at most so many candidates, the chosen one marked."""
    chosen = _index_of_chosen(plan)
    listed = list(plan.candidates[:most])
    if chosen is not None and chosen >= most:
        listed, chosen = [*listed[: most - 1], plan.candidates[chosen]], most - 1
    tables.table(screen, COLUMNS, [_row(plan, found, at == chosen) for at, found in enumerate(listed)], marked=chosen)
    if len(plan.candidates) > most:
        screen.say(f"{len(plan.candidates) - most} more expensive candidates are in plan.json", "dim")


def _served(plan: Plan, width: int) -> str:
    """Return model, format, engine, layout and region; whose model it is leaves first."""
    engine = f"{plan.engine} {plan.engine_version}, {layout(plan.layout)}"
    rest = f"{plan.model.weight_quant.upper()}, {engine}, {plan.region}"
    name_of = plan.model.id if len(f"{plan.model.id} in {rest}") <= width else plan.model.id.rpartition("/")[2]
    return f"{name_of} in {rest}"


def _warnings(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield what makes the answer another one than was asked for: no load, guards that nothing deploys."""
    for one in plan.assumptions:
        if one.startswith("no load given") or RENAMED in one or reasons.MEANT in one:
            yield f"  ! {one[:1].upper()}{one[1:]}", "doubtful"
    if plan.guards:
        yield "  ! Guard models are priced and timed, but up does not deploy them yet", "doubtful"


def _dated(plan: Plan) -> tuple[str, str]:
    said = f", prices {plan.price_date}"
    return (f"{said} (old)", "doubtful") if stale(plan) else (said, "")


def stale(plan: Plan) -> bool:
    """Tell whether the prices are so old that they should be read again."""
    return (datetime.now(UTC).date() - plan.price_date).days > STALE_AFTER_DAYS


def _predicted(plan: Plan) -> Iterator[str]:
    said = plan.prediction
    for figure, one in (("TTFT", said.ttft_ms), ("ITL", said.itl_ms), ("E2E", said.e2e_ms)):
        if one:
            yield f"{figure} {_ms(one.value)}"


def _joined(parts: list[str], width: int) -> Iterator[str]:
    """Put as many parts on a line as fit."""
    line = ""
    for part in parts:
        longer = f"{line}; {part}" if line else part
        if line and len(longer) > width:
            yield line
            longer = part
        line = longer
    if line:
        yield line


def _saving(one: Saving, *, short: bool = False) -> str:
    plan = f"{one.instance_count} x {one.instance_type}, {tables.usd(one.usd_per_hour)}/h"
    if one.kind == "purchase":
        return f"{one.change.removeprefix('as ')} from {tables.usd(one.usd_per_hour)}/h ({one.lacks})"
    if short:
        return f"{one.change}: {plan}"
    return f"{one.change}: {plan}{f' (add {one.flag})' if one.flag else ''}"


def _ready(plan: Plan) -> str:
    if plan.time_to_ready is None:
        return ""
    total = plan.time_to_ready.total
    return f"up takes about {total.value / 60:.0f} min ({total.low / 60:.0f} to {total.high / 60:.0f}). "


def _ms(value: float) -> str:
    """Return milliseconds, from ten seconds on in seconds."""
    return f"{_number(value, value >= IN_SECONDS)} {'s' if value >= IN_SECONDS else 'ms'}"


def _number(value: float, seconds: bool) -> str:
    if seconds:
        return f"{value / 1000:,.1f}"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"


def _index_of_chosen(plan: Plan) -> int | None:
    mine = (plan.instance_type, plan.instance_count, plan.layout, plan.engine)
    return next((at for at, found in enumerate(plan.candidates) if _key(found) == mine), None)


def _key(found: Candidate) -> tuple[object, ...]:
    return (found.instance_type, found.instance_count, found.layout, found.engine)


def _row(plan: Plan, found: Candidate, is_chosen: bool) -> tuple[object, ...]:
    other = found.weight_quant if found.weight_quant not in (None, plan.model.weight_quant) else ""
    return (
        ">" if is_chosen else "",
        found.instance_type,
        found.instance_count,
        found.gpu,
        layout(found.layout),
        f"{found.engine} {other}".rstrip(),
        f"{found.output_tokens_per_s:,.0f}",
        f"{found.ttft_ms:,.0f}",
        "" if found.itl_ms is None else f"{found.itl_ms:.1f}",
        f"{found.usd_per_hour:,.2f}",
        f"{found.usd_per_mtok:,.2f}",
        found.bound,
    )
