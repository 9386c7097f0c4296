"""The integer program of a fleet: which column of each model, and how many instances of each type, at the least cost."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inferstack.records.errors import Finding
from inferstack.records.fleet import FleetRequest
from sizing.catalog import Instance
from sizing.fleet.columns import Column, ColumnChoices

GAP = 1e-4
THREADS = 2
# Each later column of a model costs this much more, so that of equal fleets the solver takes the columns that are
# cheapest alone, and every run the same. Over a whole fleet it stays far below a cent; the bound is corrected for it.
TIE_USD = 1e-8
TIES = 100
# The solver's part of the given time, at least 0.05 s: the program is built before it and the answer is read after
# it.
OF_THE_TIME, LEAST_S = 0.95, 0.05


@dataclass(frozen=True)
class Solution:
    """The column of each model, instances of each type, dollars an hour no fleet goes below."""

    taken: Sequence[Column]
    counts: Mapping[str, int]
    bound_usd: float


def solve(fleet: FleetRequest, able: Sequence[ColumnChoices]) -> Solution:
    """Minimise the sum of usd N_t: each model takes one column, the units on a type fit its GPUs, quotas are in vCPU. N_t is an integer,
    columns are 0 or 1.

    Raises Finding where no fleet was found within the quotas and the time.
    """
    began = time.perf_counter()
    import highspy

    types = {c.instance.instance_type: c for one in able for c in one.columns}
    h = _solver()
    _variables(h, able, types)
    _one_column_each(h, able, types)
    _within_quotas(h, fleet, [one.instance for one in types.values()])
    _begin_with_each_alone(h, able, types)
    h.setOptionValue("time_limit", max(fleet.seconds * OF_THE_TIME - (time.perf_counter() - began), LEAST_S))
    h.run()
    if h.getInfo().primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        raise Finding(
            f"no fleet within quotas was found in {fleet.seconds:g} s: {h.modelStatusToString(h.getModelStatus())}",
            hint="raise quotas or seconds, or remove models",
        )
    return _read(able, types, h.getSolution().col_value, bound_usd=h.getInfo().mip_dual_bound)


def _solver() -> Any:
    """Return a solver that is silent from the start: its constructor would print a banner on stdout, which --json keeps for one
    document."""
    import highspy

    class Silent(highspy.Highs):
        def enableCallbacks(self) -> None:
            self.setOptionValue("output_flag", False)
            super().enableCallbacks()

    made = Silent()
    for name, value in {"mip_rel_gap": GAP, "threads": THREADS}.items():
        made.setOptionValue(name, value)
    return made


def _variables(h: Any, able: Sequence[ColumnChoices], types: Mapping[str, Column]) -> None:
    """The counts of the types first, then the columns of each model in their order."""
    import highspy

    ties = [min(number, TIES) * TIE_USD for one in able for number in range(len(one.columns))]
    costs = [*(one.rate.usd for one in types.values()), *ties]
    upper = [highspy.kHighsInf] * len(types) + [1.0] * len(ties)
    h.addVars(len(costs), [0.0] * len(costs), upper)
    everyone = list(range(len(costs)))
    h.changeColsCost(len(costs), everyone, costs)
    h.changeColsIntegrality(len(costs), everyone, [highspy.HighsVarType.kInteger] * len(costs))


def _one_column_each(h: Any, able: Sequence[ColumnChoices], types: Mapping[str, Column]) -> None:
    import highspy

    used: dict[str, list[tuple[int, int]]] = defaultdict(list)
    start = len(types)
    for one in able:
        for number, column in enumerate(one.columns):
            used[column.instance.instance_type].append((start + number, column.units))
        indices = list(range(start, start + len(one.columns)))
        h.addRow(1, 1, len(indices), indices, [1.0] * len(indices))
        start += len(one.columns)
    for number, (name, one_column) in enumerate(types.items()):
        indices = [number, *(index for index, _ in used[name])]
        parts = [float(one_column.node_units), *(-float(units) for _, units in used[name])]
        h.addRow(0, highspy.kHighsInf, len(indices), indices, parts)


def _within_quotas(h: Any, fleet: FleetRequest, kinds: Sequence[Instance]) -> None:
    import highspy

    for family, vcpus in fleet.quotas.items():
        mine = [(number, float(kind.vcpus)) for number, kind in enumerate(kinds) if kind.family == family]
        h.addRow(-highspy.kHighsInf, float(vcpus), len(mine), [number for number, _ in mine], [each for _, each in mine])


def _begin_with_each_alone(h: Any, able: Sequence[ColumnChoices], types: Mapping[str, Column]) -> None:
    """Start from the columns that are cheapest alone, side by side, so that even with little time no fleet costs more than its models
    each alone."""
    import highspy

    names, values = list(types), [0.0] * len(types)
    units = dict.fromkeys(names, 0)
    for one in able:
        units[one.columns[0].instance.instance_type] += one.columns[0].units
        values += [1.0, *[0.0] * (len(one.columns) - 1)]
    for number, name in enumerate(names):
        values[number] = float(-(-units[name] // types[name].node_units))
    start = highspy.HighsSolution()
    start.col_value = values
    h.setSolution(start)


def _read(able: Sequence[ColumnChoices], types: Mapping[str, Column], values: Any, *, bound_usd: float) -> Solution:
    taken, at = [], len(types)
    for one in able:
        mine = values[at : at + len(one.columns)]
        taken.append(one.columns[max(range(len(mine)), key=lambda i: mine[i])])
        at += len(one.columns)
    units: dict[str, int] = defaultdict(int)
    for column in taken:
        units[column.instance.instance_type] += column.units
    counts = {name: -(-used // types[name].node_units) for name, used in units.items()}
    return Solution(taken, counts, bound_usd - len(able) * TIES * TIE_USD)
