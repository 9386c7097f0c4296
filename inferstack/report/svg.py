"""Pictures: axes, lines, bands and points as SVG text that takes its colours from the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from inferstack.report.scale import Scale, written

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 52
AREA = (LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM, TOP)
"""Where the axes run: x from, x to, y from (below), y to."""


def picture(name: str, says: str, parts: Iterable[str], *, height: int = HEIGHT) -> str:
    """`says` is what a screen reader reads."""
    return (
        f'<svg id="{name}" class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(says)}">'
        + "".join(parts)
        + "</svg>\n"
    )


def axes(x: Scale, y: Scale, *, across: str, up: str) -> Iterable[str]:
    left, right, bottom, top = AREA
    for value in y.ticks():
        at = y.at(value)
        yield f'<path class="grid" d="M{left} {at}H{right}"/>'
        yield f'<text class="tick" x="{left - 8}" y="{at + 4}" text-anchor="end">{written(value)}</text>'
    for value in x.ticks():
        at = x.at(value)
        yield f'<path class="grid" d="M{at} {bottom}V{top}"/>'
        yield f'<text class="tick" x="{at}" y="{bottom + 18}" text-anchor="middle">{written(value)}</text>'
    yield f'<path class="axis" d="M{left} {top}V{bottom}H{right}"/>'
    yield f'<text class="label" x="{(left + right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>'
    yield f'<text class="label" x="4" y="18">{escape(up)}</text>'


def line(points: Sequence[tuple[float, float]], kind: str) -> str:
    return f'<path class="line {kind}" d="M{"L".join(f"{a} {b}" for a, b in points)}"/>' if len(points) > 1 else ""


def band(low: Sequence[tuple[float, float]], high: Sequence[tuple[float, float]], kind: str) -> str:
    around = [*low, *reversed(high)]
    return f'<path class="band {kind}" d="M{"L".join(f"{a} {b}" for a, b in around)}Z"/>' if len(low) > 1 else ""


def dot(x: float, y: float, kind: str, *, says: str, size: float = 5) -> str:
    """`says` shows under the pointer."""
    return f'<circle class="dot {kind}" cx="{x}" cy="{y}" r="{size}"><title>{escape(says)}</title></circle>'


def note(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text class="note" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def box(x: float, y: float, width: float, height: float, kind: str, *, says: str) -> str:
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height}"><title>{escape(says)}</title></rect>'
    )


def key(x: float, y: float, kind: str, text: str) -> str:
    """A line of the legend."""
    return f'<path class="line {kind}" d="M{x} {y}h22"/>' + note(x + 30, y + 4, text)


def mark(x: float, text: str) -> str:
    """A value of the x axis, from top to bottom."""
    _, _, bottom, top = AREA
    return f'<path class="mark" d="M{x} {top}V{bottom}"/>' + note(x, top - 4, text, anchor="middle")
