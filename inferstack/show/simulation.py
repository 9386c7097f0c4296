"""A simulation for people: its figures, the closed form's beside them, and a picture over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inferstack.cli.screen import Screen
from inferstack.records.measurement import Quantiles
from inferstack.records.simulation import Moment, Simulation
from inferstack.show import tables
from inferstack.show.tables import name, number

HEADS = (name(""), number("mean"), number("p50"), number("p90"), number("p99"), number("max"))
BESIDE = (name("figure"), number("simulated"), number("formula"), number("ratio"))
ROWS = (("TTFT ms", "ttft_ms"), ("ITL ms", "itl_ms"), ("longest ITL ms", "itl_max_ms"), ("E2E ms", "e2e_ms"), ("queue ms", "queue_ms"))
BARS = " ▁▂▃▄▅▆▇█"
HEIGHT = 3
PANELS: tuple[tuple[str, str, str, Callable[[Moment], float | None]], ...] = (
    ("waiting", "requests", "bad", lambda one: one.waiting),
    ("running", "requests", "good", lambda one: one.running),
    ("KV use", "%", "bold", lambda one: one.kv_share * 100),
    ("TTFT", "ms", "doubtful", lambda one: one.ttft_ms),
)


def show(screen: Screen, made: Simulation) -> None:
    many = f"{made.replicas} replicas, router {made.router}" if made.replicas > 1 else "one replica"
    screen.say(f"{made.model} on {made.instance_type} ({made.gpu}), {made.engine} {made.engine_version}, {many}")
    screen.say(f"  {made.requests:,} requests, {made.arrivals}; {made.lengths}{'' if made.seed is None else f'; seed {made.seed}'}")
    screen.say(f"  engine: {made.policy}")
    rows = [(figure, *_quantiles(getattr(made, field))) for figure, field in ROWS]
    tables.table(screen, HEADS, rows)
    _totals(screen, made)
    _picture(screen, made)
    _beside(screen, made)
    for note in made.notes:
        screen.say(f"  note: {note}")


def _quantiles(values: Quantiles | None) -> tuple[str, ...]:
    if values is None:
        return ("-",) * 5
    return tuple(_number(one) for one in (values.mean, values.p50, values.p90, values.p99, values.max))


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.1f}"


def _totals(screen: Screen, made: Simulation) -> None:
    offered = "" if made.offered_requests_per_s is None else f" of {made.offered_requests_per_s:.2f} offered"
    screen.say(f"  {made.requests_per_s:.2f} requests/s{offered}, {made.output_tokens_per_s:,.0f} tokens/s over {made.duration_s:,.0f} s")
    if made.goodput_share is not None:
        screen.say(f"  within all targets: {made.goodput_share:.1%} of the requests, {made.goodput_requests_per_s:.2f} a second")
    rejected = "".join(f", {count} rejected: {why}" for why, count in made.rejected.items())
    screen.say(f"  {made.completed:,} finished{rejected}; {made.preemptions:,} preemptions; KV at most {made.kv_high_water:.0%} full")
    screen.say(f"  busy {made.utilisation:.0%} of the time with {made.running_mean:.1f} requests in the batch")


def _picture(screen: Screen, made: Simulation) -> None:
    if not made.moments:
        return
    wide = min(len(made.moments), (screen.width or len(made.moments) + 1) - 1)
    for panel, unit, colour, value in PANELS:
        values = _sampled([value(one) for one in made.moments], wide)
        top = max((one for one in values if one is not None), default=0.0)
        screen.say(f"{panel}, 0 to {_number(top)} {unit}")
        for line in _chart(values, top):
            screen.lay([(f"│{line}", colour)])
    last = f" 0 to {made.moments[-1].end_s:,.0f} s"
    screen.lay([(f"└{'─' * (wide - len(last))}{last}", "")])


def _sampled(values: list[float | None], wide: int) -> list[float | None]:
    """Return as many values as there are columns; of those that share one, the highest."""
    parts = [values[column * len(values) // wide : (column + 1) * len(values) // wide] for column in range(wide)]
    return [max((one for one in part if one is not None), default=None) for part in parts]


def _chart(values: Sequence[float | None], top: float) -> list[str]:
    """Lines from the top; one character a moment, in eighths of a line."""
    eighths = [0 if one is None or not top else round(one / top * HEIGHT * 8) for one in values]
    return ["".join(BARS[min(max(level - row * 8, 0), 8)] for level in eighths) for row in reversed(range(HEIGHT))]


def _beside(screen: Screen, made: Simulation) -> None:
    if not made.closed_form:
        return
    screen.say("Simulation beside the plan's formulas (first and last tenth of the requests excluded)")
    rows = [
        (one.figure, _number(one.simulated), _number(one.closed_form), "-" if one.ratio is None else f"{one.ratio:.2f}")
        for one in made.closed_form
    ]
    tables.table(screen, BESIDE, rows, indent="  ")
