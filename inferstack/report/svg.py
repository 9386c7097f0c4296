"""The one writer of SVG: elements and files of their own; for the page axes, lines, bands and points that take its colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from inferstack.report.scale import Scale, written

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 52
AREA = (LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM, TOP)
"""Where the axes run: x from, x to, y from (below), y to."""


def element(tag: str, *inside: str, **attributes: object) -> str:
    """Write one element. `inside` is text that is escaped or elements; in names `_` stands for a dash, and `kind` for class."""
    named = ((("class" if name == "kind" else name.replace("_", "-")), value) for name, value in attributes.items())
    written = "".join(f' {name}="{escape(str(value))}"' for name, value in named)
    return f"<{tag}{written}>{''.join(inside)}</{tag}>" if inside else f"<{tag}{written}/>"


def text(x: float, y: float, said: str, **attributes: object) -> str:
    return element("text", escape(said), x=x, y=y, **attributes)


def document(width: int, height: int, parts: Iterable[str], *, font_size: int, sized: bool = False, **attributes: object) -> str:
    """Write a file of its own, a line for each part, in colours that it names itself. `sized` gives it a size outside a page too."""
    size = {"width": width, "height": height} if sized else {}
    font = {"font_family": "sans-serif", "font_size": font_size}
    head = {"xmlns": "http://www.w3.org/2000/svg", **size, "viewBox": f"0 0 {width} {height}", **font, **attributes}
    return element("svg", "\n", *(f"{part}\n" for part in parts), **head) + "\n"


def picture(name: str, says: str, parts: Iterable[str], *, height: int = HEIGHT) -> str:
    """Write a picture of the page. `says` is what a screen reader reads."""
    return element("svg", *parts, id=name, kind="chart", viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=says) + "\n"


def axes(x: Scale, y: Scale, *, across: str, up: str) -> Iterable[str]:
    left, right, bottom, top = AREA
    for value in y.ticks():
        at = y.at(value)
        yield element("path", kind="grid", d=f"M{left} {at}H{right}")
        yield element("text", written(value), kind="tick", x=left - 8, y=at + 4, text_anchor="end")
    for value in x.ticks():
        at = x.at(value)
        yield element("path", kind="grid", d=f"M{at} {bottom}V{top}")
        yield element("text", written(value), kind="tick", x=at, y=bottom + 18, text_anchor="middle")
    yield element("path", kind="axis", d=f"M{left} {top}V{bottom}H{right}")
    yield element("text", escape(across), kind="label", x=(left + right) / 2, y=HEIGHT - 8, text_anchor="middle")
    yield element("text", escape(up), kind="label", x=4, y=18)


def line(points: Sequence[tuple[float, float]], kind: str) -> str:
    return element("path", kind=f"line {kind}", d=f"M{'L'.join(f'{a} {b}' for a, b in points)}") if len(points) > 1 else ""


def band(low: Sequence[tuple[float, float]], high: Sequence[tuple[float, float]], kind: str) -> str:
    around = [*low, *reversed(high)]
    return element("path", kind=f"band {kind}", d=f"M{'L'.join(f'{a} {b}' for a, b in around)}Z") if len(low) > 1 else ""


def dot(x: float, y: float, kind: str, *, says: str, size: float = 5) -> str:
    """`says` shows under the pointer."""
    return element("circle", element("title", escape(says)), kind=f"dot {kind}", cx=x, cy=y, r=size)


def note(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return element("text", escape(text), kind="note", x=x, y=y, text_anchor=anchor)


def box(x: float, y: float, width: float, height: float, kind: str, *, says: str) -> str:
    size = {"width": f"{max(width, 0):.1f}", "height": height}
    return element("rect", element("title", escape(says)), kind=kind, x=f"{x:.1f}", y=f"{y:.1f}", **size)


def key(x: float, y: float, kind: str, text: str) -> str:
    """A line of the legend."""
    return element("path", kind=f"line {kind}", d=f"M{x} {y}h22") + note(x + 30, y + 4, text)


def mark(x: float, text: str) -> str:
    """A value of the x axis, from top to bottom."""
    _, _, bottom, top = AREA
    return element("path", kind="mark", d=f"M{x} {top}V{bottom}") + note(x, top - 4, text, anchor="middle")
