"""Choosing a layout: the measured throughput that is lost by taking the layout that held-out predictions rank best.

A choice is a group of measured points that differ in layout alone. Layouts of other sizes are put beside each other by tokens/s of one
GPU under the same load of one GPU: what GPUs a replica leaves over, more replicas of the same kind fill.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sizing.engines.engine import parsed
from tools.calibration.predict import kind
from tools.calibration.splits import HeldOut
from tools.calibration.table import Entry

Value = Callable[[HeldOut], float]
Rank = Callable[["LayoutOption"], float]


@dataclass(frozen=True)
class LayoutOption:
    """One layout of a choice. Rates are tokens/s of one GPU; `plain` is the formula's without neighbours."""

    name: str
    entry: Entry
    measured: float
    predicted: float
    plain: float


@dataclass(frozen=True)
class Choice:
    """`options` hold two layouts or more, fewest GPUs first."""

    options: tuple[LayoutOption, ...]

    @property
    def entry(self) -> Entry:
        return self.options[0].entry

    @property
    def best(self) -> LayoutOption:
        return max(self.options, key=lambda one: one.measured)

    def chosen(self, rank: Rank) -> LayoutOption:
        """The first of the highest rank."""
        return max(self.options, key=rank)

    def lost(self, option: LayoutOption) -> float:
        """1 - measured / measured(best), in 0 to 1."""
        return 1 - option.measured / self.best.measured

    def regret(self, rank: Rank) -> float:
        """What the first of the highest rank loses."""
        return self.lost(self.chosen(rank))

    def fewest_within(self, share: float) -> LayoutOption:
        """The fewest GPUs whose prediction is within a share of the highest."""
        top = max(one.predicted for one in self.options)
        return next(one for one in self.options if one.predicted >= (1 - share) * top)

    @property
    def random_regret(self) -> float:
        """Mean over all options: what a blind choice loses."""
        return float(np.mean([self.lost(one) for one in self.options]))


def by_prediction(option: LayoutOption) -> float:
    return option.predicted


def by_formula(option: LayoutOption) -> float:
    return option.plain


def by_fewest_gpus(option: LayoutOption) -> float:
    return -option.entry.gpus


def by_most_gpus(option: LayoutOption) -> float:
    return option.entry.gpus


def choices(held: Iterable[HeldOut]) -> list[Choice]:
    """Return the choices by the predictions of one split, without flagged rows and queues; sorted by their question and version."""
    found: dict[tuple[str, ...], dict[str, list[HeldOut]]] = {}
    for one in sorted(held, key=_place):
        found.setdefault(_group(one.entry), {}).setdefault(layout(one.entry), []).append(one)
    groups = (_options(found[key]) for key in sorted(found))
    return [Choice(options) for options in groups if len(options) > 1]


def layout(entry: Entry) -> str:
    """Name the layout as `TP4 PP2 EP8`; attention data parallelism is `DP` of the attention."""
    of = entry.replica.layout
    parts = [("DP" if of.attention_dp else "TP") + str(of.tp)]
    parts += [f"PP{of.pp}"] if of.pp > 1 else []
    parts += [f"EP{of.ep}"] if of.ep > 1 and not of.attention_dp else []
    return " ".join(parts) + (f" x {entry.replicas}" if entry.replicas > 1 else "")


def by_neighbouring_version(every: Sequence[Choice]) -> list[tuple[Choice, float]]:
    """Choices that an adjacent version of the same source measured too, over the layouts of both; and what the other's ranks would lose.

    The noise of the data itself: no prediction can be asked to rank better than the last measurement did.
    """
    series: dict[tuple[str, ...], list[Choice]] = {}
    for choice in every:
        asked = choice.entry.sample.question
        if "engine_version" in asked:
            series.setdefault((choice.entry.sample.file, choice.entry.choice, str(asked.get("kv_quant", ""))), []).append(choice)
    pairs = (pair for key in sorted(series) for pair in itertools.pairwise(sorted(series[key], key=_version)))
    return [judged for one, other in pairs for judged in (*_judged(one, other), *_judged(other, one))]


def neighbours(every: Iterable[Choice]) -> Iterator[tuple[LayoutOption, LayoutOption]]:
    """Pairs of layouts that differ in one thing: twice the GPUs, stages, how attention or experts are spread."""
    for choice in every:
        for one, other in itertools.combinations(choice.options, 2):
            a, b = one.entry.replica.layout, other.entry.replica.layout
            same_kind = (a.attention_dp, a.ep > 1) == (b.attention_dp, b.ep > 1)
            if (same_kind and other.entry.gpus == 2 * one.entry.gpus) or (not same_kind and a.gpus == b.gpus):
                yield one, other


def _place(one: HeldOut) -> tuple[str, int]:
    return one.entry.sample.file, one.entry.sample.line


def _version(choice: Choice) -> tuple[Any, str]:
    text = choice.entry.sample.question["engine_version"]
    return parsed(text), text


def _group(entry: Entry) -> tuple[str, ...]:
    """Where no version is stated the day stands for it."""
    asked = entry.sample.question
    return entry.sample.file, entry.choice, str(asked.get("engine_version", entry.sample.day)), str(asked.get("kv_quant", ""))


def _options(of: dict[str, list[HeldOut]]) -> tuple[LayoutOption, ...]:
    found = [option for name in sorted(of) if (option := _option(name, of[name])) is not None]
    return tuple(sorted(found, key=lambda one: (one.entry.gpus, one.name)))


def _option(name: str, held: Sequence[HeldOut]) -> LayoutOption | None:
    """Return one layout with its measured figure; repeated runs count as their geometric mean."""
    rates = [_rate(held, value) for value in (lambda one: one.measured, lambda one: one.predicted, lambda one: one.plain)]
    measured, predicted, plain = rates
    if measured is None or predicted is None or plain is None:
        return None
    return LayoutOption(name, held[0].entry, measured, predicted, plain)


def _rate(held: Sequence[HeldOut], value: Value) -> float | None:
    """Tokens/s of one GPU: as printed offline; of a closed loop, answers in flight over the time of one."""
    entry = held[0].entry
    of: dict[str, list[float]] = {}
    for one in held:
        of.setdefault(kind(one.entry)[1], []).append(value(one))
    if entry.sample.load == "offline":
        return _mean(of.get("output_tokens_per_s")) / entry.gpus if "output_tokens_per_s" in of else None
    if entry.sample.load != "closed" or not {"ttft_ms", "itl_ms"} <= of.keys() or entry.traffic.osl <= 1:
        return None
    answer_s = (_mean(of["ttft_ms"]) + (entry.traffic.osl - 1) * _mean(of["itl_ms"])) / 1e3
    return float(entry.sample.question["concurrency"]) * entry.traffic.osl / answer_s / entry.gpus


def _mean(values: Any) -> float:
    return float(np.exp(np.mean(np.log(values))))


def _judged(one: Choice, other: Choice) -> list[tuple[Choice, float]]:
    measured = {option.name: option.measured for option in other.options}
    common = tuple(option for option in one.options if option.name in measured)
    if len(common) < 2:
        return []
    same = replace(one, options=common)
    return [(same, same.regret(lambda option: measured[option.name]))]
