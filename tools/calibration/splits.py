"""The protocol: constants and neighbours are made from one part of the configurations and tried on the other, in three ways.

`half`: configurations fall in two halves by a hash of model shape, format, GPU, layout, lengths and load. `gpu`: one GPU family is
left out. `family`: one family of models is left out. A fourth, `layouts`, is for the choice among layouts alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tools.calibration import correction
from tools.calibration.correction import Points, Process
from tools.calibration.fit import ROUGHLY, ParameterBlock, fitted, refitted, typical_error
from tools.calibration.likeness import FIRST_KERNEL, STEP_KERNEL, Kernel
from tools.calibration.predict import FIRST, STEP, Constants, arrived, blocks, kind, measured, predicted, signs, unsaturated
from tools.calibration.table import Entry

STEP_METRICS, FIRST_METRICS = ("output_tokens_per_s", "itl_ms"), ("ttft_ms",)
WORKERS = 2
SPLITS: dict[str, Callable[[Entry], Any]] = {
    "half": lambda entry: entry.half,
    "gpu": lambda entry: entry.gpu_family,
    "family": lambda entry: entry.model_family,
}
GROUPED = "layouts"
"""As `half`, but all layouts that one choice is made of fall in the same half: one model that saw none of them ranks them all."""
PARTS = {**SPLITS, GROUPED: lambda entry: entry.group_half}


@dataclass(frozen=True)
class Model:
    """Everything that is fitted: constants of step and first token, and what neighbours say of each."""

    constants: Constants
    step: Process
    first: Process

    def predicted(self, entries: Sequence[Entry]) -> tuple[Any, Any]:
        """Return predictions by the formulas alone, and with the neighbours' advice."""
        plain = predicted(entries, self.constants)
        advised = plain * np.exp(-self.advice(entries) * signs(entries))
        arrivals = [i for i, entry in enumerate(entries) if kind(entry) == ("open", "ttft_ms")]
        if arrivals:
            found = Points({"step": self.step, "ttft": self.first})
            advised[arrivals] = arrived([entries[i] for i in arrivals], self.constants, found)
        return plain, advised

    def advice(self, entries: Sequence[Entry]) -> Any:
        """Return the expected log ratio of the time behind each metric."""
        total = np.zeros(len(entries))
        for process, metrics in ((self.step, STEP_METRICS), (self.first, FIRST_METRICS)):
            places = [i for i, entry in enumerate(entries) if kind(entry)[1] in metrics]
            if places:
                total[places] = process.advice([entries[i].point for i in places])
        return total


@dataclass(frozen=True)
class HeldOut:
    """A prediction that nothing of its own configuration went into."""

    entry: Entry
    split: str
    measured: float
    plain: float
    predicted: float
    saturated: bool
    known: bool

    @property
    def log_ratio(self) -> float:
        return float(np.log(self.predicted / self.measured))


def model(entries: Sequence[Entry]) -> Model:
    """Fit a model to rows that no flag takes out; first tokens and arrivals to unsaturated ones. Every fit begins at the same start and is
    descended to its end."""
    good = [entry for entry in entries if not entry.sample.unfit]
    step = fitted(STEP, blocks([entry for entry in good if entry.sample.load != "open"], STEP_METRICS), enough=ROUGHLY)
    calm = _calm(good, Constants(step, FIRST.start))
    arrived = [entry for entry in calm if entry.sample.load == "open"]
    steady = [entry for entry in good if entry.sample.load != "open"] + arrived
    of_steps = blocks(steady, STEP_METRICS)
    step = fitted(STEP, of_steps, start=step)
    step = refitted(STEP, of_steps, STEP_KERNEL.in_a_fit, start=step)
    of_first = blocks(calm, FIRST_METRICS, Constants(step, FIRST.start))
    constants = Constants(step, _first_tokens(of_first, typical=typical_error(of_steps, step)))
    return Model(constants, _process(steady, constants, STEP_METRICS, STEP_KERNEL), _process(calm, constants, FIRST_METRICS, FIRST_KERNEL))


def _first_tokens(rows: Sequence[ParameterBlock], *, typical: float) -> Any:
    """Fit the constants of the first token. A row pulls against the prior as its kind scatters: as sharply as steps at first, whose error
    is `typical`, then less sharply by the ratio of the residuals found.

    First tokens are fitted as independent rows. They err together so widely that a kernel takes for shared what the constants should say:
    with one, half of the configurations predicts the other with an error of 17.8 % in place of 13.0 (2026-11-30).
    """
    sharp = fitted(FIRST, rows)
    return fitted(replace(FIRST, soft=FIRST.soft * typical_error(rows, sharp) / typical), rows, start=sharp)


def _calm(entries: Sequence[Entry], constants: Constants) -> list[Entry]:
    return [entry for entry, inside in zip(entries, unsaturated(entries, constants), strict=True) if inside]


def held_out(entries: Sequence[Entry], splits: Sequence[str] = tuple(PARTS)) -> list[HeldOut]:
    """Every entry of every split, predicted by a model that did not see its part; in the order of splits, parts and entries."""
    parts = [(split, value) for split in splits for value in sorted({PARTS[split](entry) for entry in entries})]
    with ProcessPoolExecutor(WORKERS) as pool:
        found = pool.map(_of_part, [(entries, split, value) for split, value in parts])
        return [held for some in found for held in some]


def _of_part(asked: tuple[Sequence[Entry], str, Any]) -> list[HeldOut]:
    entries, split, value = asked
    part = PARTS[split]
    rest = [entry for entry in entries if part(entry) != value]
    return list(tested([entry for entry in entries if part(entry) == value], model(rest), split))


def tested(entries: Sequence[Entry], fit: Model, split: str) -> Iterator[HeldOut]:
    """Predictions of one model; those that no formula answers are left out."""
    plain, corrected = fit.predicted(entries)
    calm, values = unsaturated(entries, fit.constants), measured(entries)
    strata = {point.stratum for process in (fit.step, fit.first) for point in process.points}
    for i, entry in enumerate(entries):
        if np.isfinite(corrected[i]):
            known = entry.point.stratum in strata
            yield HeldOut(entry, split, float(values[i]), float(plain[i]), float(corrected[i]), not bool(calm[i]), known)


def _process(entries: Sequence[Entry], constants: Constants, metrics: tuple[str, ...], kernel: Kernel) -> Process:
    mine = [entry for entry in entries if kind(entry)[1] in metrics]
    residuals = signs(mine) * np.log(predicted(mine, constants) / measured(mine))
    finite = [i for i in range(len(mine)) if np.isfinite(residuals[i])]
    return correction.process(kernel, [mine[i].point for i in finite], residuals[finite])
