"""The p99 of docs/accuracy.md: predicted means of configurations that no constant saw, times what the tails say, beside measured p99."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sizing.speed.operating_point import Point, operating_point
from sizing.speed.percentiles import FIGURES, Figure, p99_s
from tools.calibration.page.markdown import Row, prose, table
from tools.calibration.predict import kind
from tools.calibration.splits import HeldOut
from tools.calibration.table import Entry

HEAD = (
    "load", "figure", "n", "error of the p99, %", "error of p99 / mean, %", "with a constant, %",
    "p99 / mean, median: measured / predicted",
)  # fmt: skip
SAYS = """Nothing is fitted to a p99 but what varies with one request in flight (`p99_of_one` in `sizing/facts/calibration/planning.yaml`).
The rest is computed from the queue of prompts, the batch and the order of prompts (`sizing/speed/percentiles.py`). *Error of the p99*: on
the half
split, so with the error of the held-out mean in it. *Of p99 / mean*: of the tail alone. *With a constant*: the medians of these very
rows, which stood here before. Errors are mean / median; the ratio is made with the constants of all rows. Saturated rows are left out.
AccelMark (*open, other* and *one request*) gives a median in place of a mean, and sends ShareGPT, whose lengths are widely unlike and not
stated in the file: its answers are taken as alike, so its tails come out short.
Rows *all at once* are GPUStack's, flagged for what limits them.
"""
USED_BEFORE: dict[str, dict[Figure, float]] = {
    "one request in flight": {"ttft": 1.31, "itl": 1.03, "e2e": 1.05},
    "all at once, flagged": {"ttft": 1.98, "itl": 1.55, "e2e": 1.3},
    "open, vLLM 0.15": {"ttft": 2.0, "itl": 1.49, "e2e": 1.13},
    "open, other": {"ttft": 2.0, "itl": 1.49, "e2e": 1.13},
}
"""p99 / mean, the constants that stood here before; medians of these very rows."""


@dataclass(frozen=True, slots=True)
class Late:
    """One measured p99 in ms. `mean` is the held-out one, `measured_mean` the source's (a median where it gives that)."""

    load: str
    figure: Figure
    measured: float
    measured_mean: float
    mean: float
    over_mean: float


def section(held: Sequence[HeldOut], rows: Sequence[Entry]) -> str:
    """Return the section of the page."""
    return prose(SAYS) + "\n" + table(HEAD, late_rows(held, rows))


def late_rows(held: Sequence[HeldOut], rows: Sequence[Entry]) -> list[Row]:
    """Return the rows of the half split: load and figure, n, errors of the p99, and of its ratio to the mean now and with a constant.
    Mean / median."""
    found = list(lates(held, rows))
    keys = sorted({(one.load, FIGURES.index(one.figure)) for one in found})
    return [_row(load, FIGURES[at], [one for one in found if one.load == load and one.figure == FIGURES[at]]) for load, at in keys]


def lates(held: Sequence[HeldOut], rows: Sequence[Entry]) -> Iterator[Late]:
    """Every measured p99 whose mean was measured and held out too, in no queue that grows without end."""
    means = {_key(one.entry, kind(one.entry)[1]): one for one in held if one.split == "half" and not one.saturated}
    whole = {_key(entry, entry.sample.metric): entry.sample.measured for entry in rows if entry.sample.metric == "e2e_ms"}
    for entry in rows:
        metric = entry.sample.metric
        first, step = (means.get(_key(entry, one)) for one in ("ttft_ms", "itl_ms"))
        if not metric.endswith("_p99_ms") or first is None or step is None:
            continue
        figure: Figure = metric.removesuffix("_p99_ms")  # type: ignore[assignment]
        osl = entry.traffic.osl
        mean = {"ttft": first.predicted, "itl": step.predicted, "e2e": first.predicted + max(osl - 1, 0) * step.predicted}[figure]
        measured_mean = {"ttft": first.measured, "itl": step.measured, "e2e": whole.get(_key(entry, "e2e_ms"))}[figure]
        if measured_mean:
            yield Late(_load(entry), figure, entry.sample.measured, measured_mean, mean, _over_mean(entry, figure))


def _over_mean(entry: Entry, figure: Figure) -> float:
    r, t = entry.replica, entry.traffic
    point = operating_point(r, t)
    return p99_s(r, t, point)[figure] / _means(point, t.osl)[figure]


def _means(point: Point, osl: float) -> dict[Figure, float]:
    return {"ttft": point.ttft_s, "itl": point.itl_s, "e2e": point.e2e_s(osl)}


def _load(entry: Entry) -> str:
    if entry.sample.load == "closed":
        return "one request in flight" if entry.traffic.concurrency == 1 else "all at once, flagged"
    return "open, vLLM 0.15" if entry.sample.file == "simtoreal" else "open, other"


def _key(entry: Entry, metric: str) -> tuple[str, str, str, str]:
    return entry.sample.file, entry.configuration, entry.replica.engine.text, metric


def _row(load: str, figure: Figure, mine: Sequence[Late]) -> Row:
    measured = np.array([one.measured for one in mine])
    ratio = np.array([one.measured / one.measured_mean for one in mine])
    over = np.array([one.over_mean for one in mine])
    p99 = np.array([one.mean * one.over_mean for one in mine]) / measured
    constant = USED_BEFORE[load][figure]
    medians = f"{np.median(ratio):.2f} / {np.median(over):.2f}"
    return load, figure.upper(), str(len(mine)), _errors(p99), _errors(over / ratio), _errors(constant / ratio), medians


def _errors(ratio: Any) -> str:
    errors = 100 * abs(ratio - 1)
    return f"{errors.mean():.1f} / {np.median(errors):.1f}"
