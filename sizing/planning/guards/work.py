"""What a guard has to do for a plan, and figures of its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inferstack.records.plan import Figure, Guard
from sizing.models.shape import ModelShape


@dataclass(frozen=True, slots=True)
class GuardWork:
    """What one guard has to do. `isl` and `osl` are tokens of one check; rates are of the whole plan."""

    shape: ModelShape
    facts: dict[str, Any]
    isl: float
    osl: float
    requests_per_s: float

    @property
    def checks(self) -> int:
        return len(self.facts["sides"])


@dataclass(frozen=True, slots=True)
class Room:
    """What the model and the guards before leave on its GPUs: memory of the KV cache, and the share of the time that is taken."""

    free_gib: float
    busy: float

    def without(self, guard: Guard) -> Room:
        if guard.placement != "gpu-share":
            return self
        return Room(self.free_gib - guard.memory_gib, self.busy + guard.busy)

    def refuses(self, need_gib: float, busy: float, *, most: float) -> str | None:
        if need_gib > self.free_gib:
            return f"the model's GPUs: it needs {need_gib:.1f} GiB, {max(self.free_gib, 0):.1f} of the KV cache are free at this load"
        if self.busy + busy > most:
            return f"the model's GPUs: they are {self.busy:.0%} busy and the guard adds {busy:.0%}, above {most:.0%} in total"
        return None


def figure(value: float, low: float, *, high: float, says: str) -> Figure:
    return Figure(value=rounded(value), low=rounded(low), high=rounded(high), band=says)


def rounded(value: float) -> float:
    """Six significant digits, as in the rest of a plan."""
    return float(f"{value:.6g}")
