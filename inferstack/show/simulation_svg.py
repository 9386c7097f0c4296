"""A simulation as one SVG: queue, batch, KV use and TTFT over time. The same record gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape

from inferstack.records.simulation import Moment, Simulation
from inferstack.report import svg

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
    parts = [
        svg.element("title", escape(title)),
        svg.element("rect", width=WIDTH, height=height, fill="#ffffff"),
        svg.text(LEFT, 24, title, font_size=14),
        *(svg.text(LEFT, 44 + 18 * number, line) for number, line in enumerate(said)),
    ]
    for number, (name, label, colour, value) in enumerate(PANELS):
        parts.append(_panel(made, name, label, colour=colour, value=value, top=TOP + number * (PANEL + GAP)))
    return svg.document(WIDTH, height, parts, font_size=12, role="img")


def _summary(made: Simulation) -> str:
    ttft = "" if made.ttft_ms is None else f"TTFT p50 {made.ttft_ms.p50:,.0f}, p99 {made.ttft_ms.p99:,.0f} ms; "
    return f"{ttft}{made.preemptions} preemptions; KV at most {made.kv_high_water:.0%}; {made.output_tokens_per_s:,.0f} tokens/s"


def _panel(made: Simulation, name: str, label: str, *, colour: str, value: Callable[[Moment], float | None], top: int) -> str:
    values = [value(one) for one in made.moments]
    highest = max((one for one in values if one is not None), default=0.0)
    bottom, right = top + PANEL, WIDTH - 20
    end = made.moments[-1].end_s if made.moments else 0.0
    path = "".join(_bars(values, highest, bottom=bottom, right=right))
    inside = (
        svg.text(LEFT, top - 6, label),
        svg.element("path", d=f"M{LEFT} {top}V{bottom}H{right}", fill="none", stroke="#444444"),
        svg.text(LEFT - 6, top + 10, f"{highest:,.4g}", text_anchor="end"),
        svg.text(LEFT - 6, bottom, "0", text_anchor="end"),
        svg.text(right, bottom + 14, f"{end:,.4g} s", text_anchor="end"),
        svg.element("path", d=path, fill=colour),
    )
    return svg.element("g", "\n", *(f"{one}\n" for one in inside), id=name)


def _bars(values: list[float | None], highest: float, *, bottom: int, right: int) -> Iterator[str]:
    """One bar a moment; a moment without a value has none."""
    width = (right - LEFT) / max(len(values), 1)
    for number, one in enumerate(values):
        if one and highest:
            yield f"M{LEFT + number * width:.1f} {bottom}v{-one / highest * PANEL:.1f}h{width:.1f}V{bottom}z"
