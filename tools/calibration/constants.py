"""The constants as one vector of logarithms: their bases, the factors of GPU classes and engine groups, and how far each may move."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tools.calibration.table import CLASSES, GROUPS, Rows

START = {
    "e": 0.52, "eb": 0.9557, "ep": 0.6629, "ekv": 0.9204, "al": 0.9524, "al1": 0.4912, "lat2": 7.678e-05, "tbo": 9.51e-06, "tso": 5.6e-05,
    "alp": 0.7069, "al_pcie": 0.8109, "lat": 9.786e-06, "lat_pcie": 1.653e-4, "p": 2.912, "pad": 23.08, "em": 0.2952, "emp": 0.4872,
    "ebm": 0.6277,
    "imb_ep": 1.168, "emla": 0.883, "tl": 5.659e-05, "tlm": 3.128e-05, "tlg": 1.402e-05, "tld": 7.367e-05, "tla": 1.695e-05,
    "tsh": 6.341e-06,
    "grace": 1.229, "al_adp": 1.168, "pc8": 0.7305, "ts": 2.073e-4, "tb": 4.375e-06, "tr": 6.258e-05, "ca": 4.528, "caf": 1.531,
    "ea": 0.8147,
    "tpp": 1.952e-4, "bub": 0.1417, "fp4e": 0.9388, "b16e": 1.36, "mxe": 1.242, "emul": 0.8798, "drain": 0.576, "eta": 0.9645,
    "fp4b": 1.702,
    "d4b": 0.6634, "kap": 0.6628, "wx": 1.19, "w4e": 1.0, "w4b": 1.0, "tle": 1.0, "al1_pcie": 0.8109, "lat_pcie_small": 4e-5, "tail": 0.3,
}  # fmt: skip
SPREAD = {
    "e": 0.3, "eb": 0.15, "ep": 0.3, "ekv": 0.2, "al": 0.5, "al1": 0.5, "lat2": 0.7, "tbo": 1.0, "tso": 1.0, "alp": 0.5, "al_pcie": 0.5,
    "lat": 0.7,
    "lat_pcie": 1.0, "p": 0.4, "pad": 1.5, "em": 0.5, "emp": 0.5, "ebm": 0.3, "imb_ep": 0.3, "emla": 0.5, "tl": 0.7, "tlm": 1.0, "tlg": 1.0,
    "tld": 1.0, "tla": 1.0, "tsh": 1.0, "grace": 0.3, "al_adp": 0.5, "pc8": 0.3, "ts": 1.0, "tb": 1.0, "tr": 1.0, "ca": 1.0, "caf": 1.0,
    "ea": 0.4,
    "tpp": 1.0, "bub": 1.0, "fp4e": 0.4, "b16e": 0.3, "mxe": 0.3, "emul": 0.3, "drain": 0.3, "eta": 0.2, "fp4b": 0.1, "d4b": 0.15,
    "kap": 0.5,
    "wx": 0.3, "w4e": 0.4, "w4b": 0.3, "tle": 0.5, "al1_pcie": 0.5, "lat_pcie_small": 0.7, "tail": 0.7,
}  # fmt: skip
BY_CLASS = ("e", "eb", "tl", "tb", "ekv", "tbo", "lat", "em", "ebm", "wx")
BY_GROUP = ("e", "eb", "ep", "tl", "tlm", "tb", "tbo", "ts", "tso", "tr", "ekv", "em", "ebm", "eta", "tail")
CLASS_SPREAD, ENGINE_SPREAD, GROUP_SPREAD = 0.25, 0.25, 0.12
"""A group's factor is its engine's times its own: a version that was not measured takes after its engine. The own part is small on purpose:
a wide one fits the noise of a laboratory."""
ENGINES = (("t13", "t17", "t19", "t10", "t10s", "t11s"), ("v0", "v10", "v15"), ("sgl", "sglh"), ("llama",))
WIDE_SPREADS = {"v0": 0.5, "llama": 0.5, "t13": 0.25, "sglh": 0.25, "tail": 0.4}
"""Another engine in all but the name, or a constant of the data set."""
FIRST_TOKEN = {"t0": 0.03, "kd": 1.6, "k0": 1.0, "k1": 0.1, "g": 0.9, "thb": 4e-4, "sim": 3.0, "a0": 0.015, "as": 0.9, "ap": 1.0}
FIRST_TOKEN_SPREAD = {"t0": 1.0, "kd": 0.7, "k0": 0.5, "k1": 0.7, "g": 0.2, "thb": 1.0, "sim": 1.0, "a0": 1.0, "as": 0.7, "ap": 0.5}
SOFT = 0.1
"""Log ratio of a step from which a row pulls no harder. That of a first token follows from the rows of each fit (`splits`)."""
FIRST_TOKEN_BY_GROUP = ("t0", "kd", "k0", "k1", "thb", "sim", "a0", "as", "ap")


@dataclass(frozen=True)
class Space:
    """Names of the vector's places, where the fit starts, the prior's precision (inverse covariance of logs), and how far a row pulls."""

    names: tuple[str, ...]
    start: Any
    precision: Any
    by_class: tuple[str, ...]
    by_group: tuple[str, ...]
    soft: float = SOFT

    @functools.cached_property
    def places(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def place(self, name: str) -> int:
        return self.places[name]

    def table(self, vector: Any, rows: Rows) -> Callable[[str], Any]:
        """Constants of every row; of several vectors at once, a line for each."""
        return _Table(self, vector, rows)

    def together(self) -> list[list[int]]:
        """Places that no row shares: one evaluation gives the derivative in all of them."""
        bases = [[i] for i, name in enumerate(self.names) if "@" not in name]
        classes = [[self.place(f"{name}@{one}") for one in CLASSES] for name in self.by_class]
        return bases + classes + [[self.place(f"{name}@{one}") for one in GROUPS] for name in self.by_group]

    def facts(self, vector: Any) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
        """Bases, and factors by class and group; a factor within 0.4 % of 1 is left out."""
        bases = {name: _digits(np.exp(vector[i])) for i, name in enumerate(self.names) if "@" not in name}
        factors: dict[str, dict[str, float]] = {}
        for i, name in enumerate(self.names):
            if "@" in name and abs(vector[i]) > 0.004:
                constant, of = name.split("@")
                factors.setdefault(of, {})[constant] = _digits(np.exp(vector[i]))
        return bases, factors

    def of_facts(self, bases: Mapping[str, float], factors: Mapping[str, Mapping[str, float]]) -> Any:
        """The vector that facts were written from."""
        values = [
            bases[name] if "@" not in name else factors.get(name.split("@")[1], {}).get(name.split("@")[0], 1.0) for name in self.names
        ]
        return np.log(np.maximum(values, 1e-9))


def step_space() -> Space:
    """Return the space of the constants of an iteration, of a prompt and of a run."""
    return _space(START, SPREAD, BY_CLASS, BY_GROUP)


def first_token_space() -> Space:
    """Return the space of the constants of the time to the first token."""
    return _space(FIRST_TOKEN, FIRST_TOKEN_SPREAD, (), FIRST_TOKEN_BY_GROUP, group_spread=0.7)


class _Table:
    def __init__(self, space: Space, vector: Any, rows: Rows) -> None:
        self.space, self.vector, self.rows = space, vector, rows
        self.known: dict[str, Any] = {}

    def __call__(self, name: str) -> Any:
        if name not in self.known:
            self.known[name] = self._of(name)
        return self.known[name]

    def _of(self, name: str) -> Any:
        value = self.vector[..., self.space.place(name), None]
        if name in self.space.by_class:
            first = self.space.place(f"{name}@{CLASSES[0]}")
            value = value + self.vector[..., first : first + len(CLASSES)][..., self.rows.classes]
        if name in self.space.by_group:
            first = self.space.place(f"{name}@{GROUPS[0]}")
            value = value + self.vector[..., first : first + len(GROUPS)][..., self.rows.groups]
        return np.exp(value) * (1 - self.rows.equal_lengths) if name == "tail" else np.exp(value)


def _space(
    start: Mapping[str, float],
    spread: Mapping[str, float],
    by_class: tuple[str, ...],
    by_group: tuple[str, ...],
    *,
    group_spread: float = GROUP_SPREAD,
) -> Space:
    names = [*start, *(f"{name}@{one}" for name in by_class for one in CLASSES), *(f"{name}@{one}" for name in by_group for one in GROUPS)]
    starts = [np.log(start[name]) if "@" not in name else 0.0 for name in names]
    spreads = [spread[name] if "@" not in name else _factor_spread(name, group_spread) for name in names]
    return Space(tuple(names), np.array(starts), _precision(names, spreads, by_group), by_class, by_group)


def _precision(names: Sequence[str], spreads: Sequence[float], by_group: Sequence[str]) -> Any:
    covariance = np.diag(np.array(spreads) ** 2)
    for constant in by_group:
        for engine in ENGINES:
            places = [names.index(f"{constant}@{group}") for group in engine]
            covariance[np.ix_(places, places)] += ENGINE_SPREAD**2
    return np.linalg.inv(covariance)


def _factor_spread(name: str, group_spread: float) -> float:
    constant, of = name.split("@")
    if of in CLASSES:
        return CLASS_SPREAD
    return max(WIDE_SPREADS.get(constant, 0.0), WIDE_SPREADS.get(of, 0.0), group_spread)


def _digits(value: float) -> float:
    return float(f"{value:.4g}")
