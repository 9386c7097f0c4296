"""The page's pictures: candidates by price and throughput, memory of one GPU, latency over throughput."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from inferstack.records.comparison import Comparison, VolumePoint
from inferstack.records.curve import Curve, CurvePoint
from inferstack.records.plan import Candidate, Figure, Plan, Prediction
from inferstack.report import svg
from inferstack.report.scale import scale, written
from inferstack.report.svg import AREA

MEMORY = (
    ("weights", "weights", "weights_gib"),
    ("activations", "activations", "activation_gib"),
    ("graphs", "CUDA graphs", "cuda_graph_gib"),
    ("other", "driver and libraries", "non_torch_gib"),
    ("kv", "KV cache", "kv_cache_gib"),
)
APIS = (("same_model", "other", "cheapest API with this model"), ("other_model", "third", "cheapest API with another model"))
MOST_CANDIDATES = 400
KEY_ROW = 20


def candidates(plan: Plan) -> str:
    """Price across, what all replicas serve up; the front filled, the chosen one marked."""
    shown = [one for one in plan.candidates[:MOST_CANDIDATES] if _serves(one) > 0]
    left, right, bottom, top = AREA
    x = scale((one.usd_per_hour for one in shown), start=left, end=right)
    y = scale((_serves(one) for one in shown), start=bottom, end=top)
    parts = [*svg.axes(x, y, across="$ an hour, all instances", up="requests/s that they serve at most")]
    for one in reversed(shown):
        kind = "chosen" if one is shown[0] else "front" if one.on_pareto_front else "plain"
        size = 8 if one is shown[0] else 5
        parts.append(svg.dot(x.at(one.usd_per_hour), y.at(_serves(one)), kind, says=_says(one), size=size))
    says = f"{len(shown)} ways to serve the load by price and capacity; the chosen one is {_says(shown[0])}" if shown else "no candidate"
    return svg.picture("pareto", says, parts)


def memory(prediction: Prediction) -> str:
    """One GPU as a bar, its parts in GiB."""
    sizes = [(kind, name, float(getattr(prediction, field))) for kind, name, field in MEMORY]
    total = sum(size for _, _, size in sizes) or 1.0
    left, right, _, _ = AREA
    wide, parts, at = right - left, [], float(left)
    for kind, name, size in sizes:
        width = size / total * wide
        parts.append(svg.box(at, 10, width, 44, f"memory {kind}", says=f"{name}: {size:.2f} GiB"))
        at += width
    for row, (kind, name, size) in enumerate(sizes):
        y = 74 + row * KEY_ROW
        parts.append(svg.box(left, y, 12, 12, f"memory {kind}", says=name))
        parts.append(svg.note(left + 20, y + 11, f"{name}: {size:,.2f} GiB, {size / total:.0%}"))
    says = f"memory of one GPU: {', '.join(f'{name} {size:.1f} GiB' for _, name, size in sizes)}"
    return svg.picture("memory", says, parts, height=80 + len(sizes) * KEY_ROW)


def latency(curve: Curve, plan: Plan, *, figure: str, name: str) -> str:
    """`figure` is ttft_ms, itl_ms or e2e_ms: its line and 90 % band over the throughput, the asked load marked."""
    points, asked = curve.points, plan.prediction
    mine: Figure = getattr(asked, figure)
    left, right, bottom, top = AREA
    x = scale([0.0, *(one.output_tokens_per_s for one in points), asked.output_tokens_per_s.value], start=left, end=right, from_zero=True)
    y = scale([*_spread(points, figure), mine.value], start=bottom, end=top)
    parts = [*svg.axes(x, y, across="output tokens/s, all replicas", up=f"{name}, ms")]
    low, value, high = (
        [(x.at(one.output_tokens_per_s), y.at(getattr(getattr(one, figure), part))) for one in points] for part in ("low", "value", "high")
    )
    parts += [svg.band(low, high, "predicted"), svg.line(value, "predicted")]
    parts += [svg.dot(a, b, "predicted", says=_at(one, figure, name), size=3) for (a, b), one in zip(value, points, strict=True)]
    said = f"requested load: {_told(name, asked.output_tokens_per_s.value, mine)}"
    parts.append(svg.dot(x.at(asked.output_tokens_per_s.value), y.at(mine.value), "chosen", says=said, size=7))
    parts.append(svg.note(left + 10, top + 20, said))
    return svg.picture(f"curve-{figure.removesuffix('_ms')}", f"{name} over throughput; {said}", parts)


def turning(found: Comparison) -> str:
    """$ a month over tokens a day, both by ratios: self-hosting in steps with its band, the APIs as lines, the asked volume marked."""
    points = [one for one in found.curve if one.tokens_per_day > 0]
    left, right, bottom, top = AREA
    asked = found.volume.tokens_per_open_day.value
    x = scale([one.tokens_per_day for one in points], start=left, end=right)
    y = scale([value for one in points for value in _dollars(one)], start=bottom, end=top)
    parts = [*svg.axes(x, y, across="tokens a day, prompts and answers", up="$ a month")]
    low, value, high = (
        [(x.at(one.tokens_per_day), y.at(getattr(one.self_hosted, part))) for one in points] for part in ("low", "value", "high")
    )
    parts += [svg.band(low, high, "predicted"), svg.line(value, "predicted")]
    names = [("predicted", "self-hosted")]
    for part, kind, name in (
        ("same_model", "other", "cheapest API with this model"),
        ("other_model", "third", "cheapest API with another model"),
    ):
        line = [(x.at(one.tokens_per_day), y.at(getattr(one, part))) for one in points if getattr(one, part)]
        if line:
            parts.append(svg.line(line, kind))
            names.append((kind, name))
    parts += [svg.key(left + 12, top + 12 + 18 * row, kind, name) for row, (kind, name) in enumerate(names)]
    if x.low <= asked <= x.high:
        parts.append(svg.mark(x.at(asked), f"asked: {written(asked)} a day"))
    return svg.picture("break-even-chart", f"$ a month over tokens a day; {found.decision}", parts)


def _dollars(one: VolumePoint) -> Iterator[float]:
    yield from (one.self_hosted.low, one.self_hosted.high)
    yield from (value for value in (one.same_model, one.other_model) if value)


def _spread(points: Sequence[CurvePoint], figure: str) -> Iterator[float]:
    for one in points:
        found: Figure = getattr(one, figure)
        yield from (found.low, found.high)


def _at(point: CurvePoint, figure: str, name: str) -> str:
    found: Figure = getattr(point, figure)
    return _told(name, point.output_tokens_per_s, found)


def _told(name: str, tokens_per_s: float, found: Figure) -> str:
    return f"{written(tokens_per_s)} tokens/s, {name} {written(found.value)} ms ({written(found.low)} to {written(found.high)})"


def _serves(one: Candidate) -> float:
    return one.capacity_requests_per_s or 0.0


def _says(one: Candidate) -> str:
    layout, itl = one.layout, "one token an answer" if one.itl_ms is None else f"ITL {one.itl_ms:,.1f} ms"
    degrees = "".join(
        f" {name}{size}" for name, size in (("tp", layout.tp), ("pp", layout.pp), ("ep", layout.ep), ("dp", layout.dp)) if size > 1
    )
    return (
        f"{one.instance_count} x {one.instance_type}{degrees}, {one.engine}: ${one.usd_per_hour:,.2f}/h, "
        f"{written(_serves(one))} requests/s, TTFT {one.ttft_ms:,.0f} ms, {itl}"
    )
