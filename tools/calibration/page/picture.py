"""Residuals as a picture in plain SVG: fixed ids, no date, the same bytes for the same figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inferstack.report import svg
from tools.calibration.predict import kind
from tools.calibration.splits import HeldOut

FOLDER = "pictures"
METRICS = {"output_tokens_per_s": "throughput", "itl_ms": "ITL", "ttft_ms": "TTFT"}
WIDTH, HEIGHT, LEFT, TOP = 720, 260, 60, 24
EDGES = np.linspace(-1.0, 1.0, 41)


def residuals(good: Sequence[HeldOut]) -> dict[str, str]:
    """Name of the file (below docs/) -> one histogram for each metric with its three splits."""
    return {
        f"{FOLDER}/residuals-{name.lower()}.svg": _histogram(name, [one for one in good if kind(one.entry)[1] == metric])
        for metric, name in METRICS.items()
    }


def shown() -> str:
    """The Markdown that shows them."""
    return "\n".join(f"![log(predicted / measured) of {name}]({FOLDER}/residuals-{name.lower()}.svg)\n" for name in METRICS.values())


def _histogram(name: str, good: Sequence[HeldOut]) -> str:
    shares = {split: _shares([one.log_ratio for one in good if one.split == split]) for split in ("half", "gpu", "family")}
    top = max(float(values.max()) for values in shares.values())
    body = [svg.text(LEFT, 16, f"{name}: log(predicted / measured), share of rows")]
    for (split, values), style in zip(shares.items(), ("#2a6f97", "#c77d0a", "#8a8a8a"), strict=True):
        points = " ".join(f"{_x(edge):.1f},{_y(value / top):.1f}" for edge, value in zip((EDGES[:-1] + EDGES[1:]) / 2, values, strict=True))
        body.append(svg.element("polyline", id=f"{name}-{split}", fill="none", stroke=style, stroke_width=2, points=points))
    for place, (split, style) in enumerate((("half", "#2a6f97"), ("GPU left out", "#c77d0a"), ("family left out", "#8a8a8a"))):
        body.append(svg.text(WIDTH - 150, TOP + 20 + 18 * place, split, fill=style))
    for mark in (-1.0, -0.5, 0.0, 0.5, 1.0):
        body.append(svg.text(round(_x(mark)), HEIGHT - 6, f"{mark:+g}", text_anchor="middle"))
    body.append(svg.element("path", d=f"M{LEFT} {HEIGHT - 24}H{WIDTH - 20}M{_x(0):.1f} {TOP}V{HEIGHT - 24}", stroke="#999", fill="none"))
    return svg.document(WIDTH, HEIGHT, body, font_size=13, sized=True)


def _shares(ratios: Sequence[float]) -> np.ndarray:
    counts, _ = np.histogram(np.clip(ratios, -0.999, 0.999), bins=EDGES)
    return np.round(counts / max(len(ratios), 1), 5)


def _x(value: float) -> float:
    return LEFT + (value + 1) / 2 * (WIDTH - 20 - LEFT)


def _y(share: float) -> float:
    return HEIGHT - 24 - share * (HEIGHT - 24 - TOP - 10)
