"""What the data itself does not agree on: one configuration measured twice under one version, and under adjacent versions."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sizing.engines.engine import parsed
from tools.calibration.predict import kind, measured
from tools.calibration.table import Entry

FEWEST = 10
"""Pairs, below which nothing is said."""
Series = dict[str, list[Entry]]
"""Version as stated -> the rows of one configuration."""


@dataclass(frozen=True)
class Noise:
    """Differences in percent of the earlier figure: `again` under one version, `adjacent` between two versions that follow each other."""

    again: tuple[float, ...]
    adjacent: tuple[float, ...]


def by_kind(entries: Iterable[Entry]) -> dict[tuple[str, str, str], Noise]:
    """(metric, engine, `dense` or `MoE`) -> what repeats say. A figure that is printed twice alike is one figure, not a repeat."""
    found: dict[tuple[str, str, str], list[Series]] = {}
    for series in _series(entries):
        first = next(iter(series.values()))[0]
        key = (kind(first)[1], first.replica.engine.name, "dense" if first.dense else "MoE")
        found.setdefault(key, []).append(series)
    noises = {key: Noise(tuple(_again(all_)), tuple(_adjacent(all_))) for key, all_ in sorted(found.items())}
    return {key: noise for key, noise in noises.items() if max(len(noise.again), len(noise.adjacent)) >= FEWEST}


def _series(entries: Iterable[Entry]) -> list[Series]:
    """Group the entries of one source, configuration, KV format and metric; rows that state no version say nothing of versions."""
    found: dict[tuple[str, ...], Series] = {}
    for entry in sorted(entries, key=lambda one: (one.sample.file, one.sample.line)):
        asked = entry.sample.question
        if "engine_version" in asked:
            key = (entry.sample.file, entry.configuration, str(asked.get("kv_quant", "")), kind(entry)[1])
            found.setdefault(key, {}).setdefault(asked["engine_version"], []).append(entry)
    return [found[key] for key in sorted(found)]


def _again(all_: Sequence[Series]) -> Iterator[float]:
    for series in all_:
        for rows in series.values():
            yield from _differences(measured(rows))


def _adjacent(all_: Sequence[Series]) -> Iterator[float]:
    for series in all_:
        versions = sorted(series, key=lambda text: (parsed(text), text))
        yield from _differences([float(np.exp(np.log(measured(series[one])).mean())) for one in versions])


def _differences(values: Sequence[float]) -> Iterator[float]:
    for one, other in itertools.pairwise(values):
        yield 100 * abs(float(other) / float(one) - 1)
