"""Entries -> predictions under given constants: each metric by the formula of its kind of load."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sizing.speed.constants import combined, first_token_of
from sizing.speed.operating_point import Advice, advice_on_first
from sizing.speed.residuals import ResidualSource
from tools.calibration import table
from tools.calibration.constants import first_token_space, step_space
from tools.calibration.fit import ParameterBlock
from tools.calibration.table import Entry, Rows

STEP, FIRST = step_space(), first_token_space()
FORMULAS = {
    ("offline", "output_tokens_per_s"): table.offline_tokens_per_s,
    ("closed", "itl_ms"): table.closed_itl_ms,
    ("open", "itl_ms"): table.open_itl_ms,
    ("closed", "ttft_ms"): table.closed_ttft_ms,
    ("open", "ttft_ms"): table.open_ttft_ms,
}
SATURATED_FROM = 0.8
"""Share of the capacity, beyond which a first token is that of a queue."""


@dataclass(frozen=True)
class Constants:
    """The two vectors of a fit."""

    step: Any
    first: Any


def kind(entry: Entry) -> tuple[str, str]:
    """Load and metric; tokens/s of one request at a time are read as time for a token."""
    metric = entry.sample.metric
    if entry.sample.load == "closed" and metric == "output_tokens_per_s" and entry.traffic.concurrency == 1:
        return "closed", "itl_ms"
    return entry.sample.load, metric


def blocks(entries: Sequence[Entry], metrics: Sequence[str], constants: Constants | None = None) -> list[ParameterBlock]:
    """One for each kind of load; the first token's are made under the constants of the step."""
    found = []
    for key, formula in FORMULAS.items():
        mine = [entry for entry in entries if kind(entry) == key and key[1] in metrics]
        if mine:
            found.append(ParameterBlock(_under(formula, key[1], constants), _rows(mine)))
    return found


def predicted(entries: Sequence[Entry], constants: Constants) -> Any:
    """Return predictions in the unit of each entry's metric; not a number where no formula answers it."""
    values = np.full(len(entries), np.nan)
    for key, formula in FORMULAS.items():
        places = [i for i, entry in enumerate(entries) if kind(entry) == key]
        if places:
            rows = _rows([entries[i] for i in places])
            values[places] = _under(formula, key[1], constants)(constants.first if key[1] == "ttft_ms" else constants.step, rows)
    return values


def arrived(entries: Sequence[Entry], constants: Constants, near: ResidualSource) -> Any:
    """First tokens of arrivals, in ms, with the factors that neighbours have on steps and on first tokens."""
    rows = _rows(entries)
    asked = [(entry.replica, entry.traffic) for entry in entries]
    step = np.array([near.factor("step", r, t) for r, t in asked])
    first = Advice(*map(np.array, zip(*(advice_on_first(r, t, near) for r, t in asked), strict=True)))
    return table.advised_open_ttft_ms(_replica(constants.step, constants.first, rows), rows, step=step, first=first)


def measured(entries: Sequence[Entry]) -> Any:
    """What the predictions are held against."""
    return np.array([_measured(entry) for entry in entries])


def signs(entries: Sequence[Entry]) -> Any:
    """A time is longer where throughput is lower."""
    return np.array([-1.0 if kind(entry)[1] == "output_tokens_per_s" else 1.0 for entry in entries])


def unsaturated(entries: Sequence[Entry], constants: Constants) -> Any:
    """True where requests do not wait for a place in the batch."""
    inside = np.ones(len(entries), bool)
    for i, entry in enumerate(entries):
        if entry.traffic.concurrency is not None:
            inside[i] = entry.traffic.concurrency < SATURATED_FROM * entry.limit
    places = [i for i, entry in enumerate(entries) if entry.traffic.request_rate is not None]
    if places:
        rows = _rows([entries[i] for i in places])
        top = table.open_top_per_s(_replica(constants.step, None, rows), rows)
        inside[places] = rows.traffic.request_rate < SATURATED_FROM * top
    return inside


def _under(formula: Callable[[Any, Rows], Any], metric: str, constants: Constants | None) -> Callable[[Any, Rows], Any]:
    if metric == "ttft_ms":
        assert constants is not None
        fixed = constants.step
        return lambda vector, rows: formula(_replica(fixed, vector, rows), rows)
    return lambda vector, rows: formula(_replica(vector, None, rows), rows)


def _replica(step: Any, first: Any, rows: Rows) -> Any:
    """The constants of the step are made once for each rows and vector: a fit of the first token keeps them."""
    known = rows.__dict__.setdefault("_efficiency", (None, None))
    if known[0] is not step:
        known = (step, combined(rows.features, STEP.table(step, rows), offline=rows.offline, expert_parallel=rows.expert_parallel))
        rows.__dict__["_efficiency"] = known
    return rows.under(known[1], None if first is None else first_token_of(FIRST.table(first, rows)))


def _rows(entries: Sequence[Entry]) -> Rows:
    rows = Rows(entries)
    rows.measured, rows.signs = measured(entries), signs(entries)
    return rows


def _measured(entry: Entry) -> float:
    sample = entry.sample
    if kind(entry)[1] == "itl_ms" and sample.metric == "output_tokens_per_s":
        return 1e3 / sample.measured
    return sample.measured
