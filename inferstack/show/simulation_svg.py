"""A simulation as one SVG: queue, batch, KV use and TTFT over time. The same record gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape

from inferstack.records.simulation import Moment, Simulation

WIDTH, PANEL, GAP, LEFT, TOP = 900, 110, 34, 70, 110
PANELS: tuple[tuple[str, str, str, Callable[[Moment], float | None]], ...] = (
    ("waiting", "waiting, requests", "#b3261e", lambda one: one.waiting),
    ("running", "running, requests", "#1b6e3c", lambda one: one.running),
    ("kv", "KV use, %", "#1f4e9c", lambda one: one.kv_share * 100),
    ("ttft", "TTFT, ms", "#9a6700", lambda one: one.ttft_ms),
)


def text(made: Simulation) -> str:
    """A whole document."""
    height = TOP + len(PANELS) * (PANEL + GAP) + 20
    title = f"{made.model}, {made.replicas} replica{'s' if made.replicas > 1 else ''} on {made.instance_type} ({made.gpu}), {made.engine}"
    said = (f"{made.requests:,} requests, {made.arrivals}", made.lengths, _summary(made))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="14">{escape(title)}</text>',
        *(f'<text x="{LEFT}" y="{44 + 18 * number}">{escape(line)}</text>' for number, line in enumerate(said)),
    ]
    for number, (name, label, colour, value) in enumerate(PANELS):
        lines += _panel(made, name, label, colour=colour, value=value, top=TOP + number * (PANEL + GAP))
    return "\n".join([*lines, "</svg>"]) + "\n"


def _summary(made: Simulation) -> str:
    ttft = "" if made.ttft_ms is None else f"TTFT p50 {made.ttft_ms.p50:,.0f}, p99 {made.ttft_ms.p99:,.0f} ms; "
    return f"{ttft}{made.preemptions} preemptions; KV at most {made.kv_high_water:.0%}; {made.output_tokens_per_s:,.0f} tokens/s"


def _panel(made: Simulation, name: str, label: str, *, colour: str, value: Callable[[Moment], float | None], top: int) -> Iterator[str]:
    values = [value(one) for one in made.moments]
    highest = max((one for one in values if one is not None), default=0.0)
    bottom, right = top + PANEL, WIDTH - 20
    end = made.moments[-1].end_s if made.moments else 0.0
    yield f'<g id="{name}">'
    yield f'<text x="{LEFT}" y="{top - 6}">{escape(label)}</text>'
    yield f'<path d="M{LEFT} {top}V{bottom}H{right}" fill="none" stroke="#444444"/>'
    yield f'<text x="{LEFT - 6}" y="{top + 10}" text-anchor="end">{highest:,.4g}</text>'
    yield f'<text x="{LEFT - 6}" y="{bottom}" text-anchor="end">0</text>'
    yield f'<text x="{right}" y="{bottom + 14}" text-anchor="end">{end:,.4g} s</text>'
    path = "".join(_bars(values, highest, bottom=bottom, right=right))
    yield f'<path d="{path}" fill="{colour}"/>'
    yield "</g>"


def _bars(values: list[float | None], highest: float, *, bottom: int, right: int) -> Iterator[str]:
    """One bar a moment; a moment without a value has none."""
    width = (right - LEFT) / max(len(values), 1)
    for number, one in enumerate(values):
        if one and highest:
            yield f"M{LEFT + number * width:.1f} {bottom}v{-one / highest * PANEL:.1f}h{width:.1f}V{bottom}z"
