"""The cost of an iteration as straight lines in the mean context, drawn through `Replica.decode_s`: what lets a simulation jump."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from sizing.speed import hardware_floor
from sizing.speed.replica import Replica

# Relative. A cost with a smooth maximum over the context (latent attention) fails it, and is then asked at every
# step.
STRAIGHT = 1e-9


class Line(NamedTuple):
    """Seconds of one iteration = base_s + slope_s x mean context, up to and with `upto` tokens of context."""

    base_s: float
    slope_s: float
    upto: float


class IterationCost:
    """The cost of one replica's iterations. Offline the whole prefill and the pipeline's bubble count, as in the closed form; online the
    fitted share. `stretch` is what measured points near the question say of every time."""

    def __init__(self, replica: Replica, *, offline: bool, stretch: float = 1.0) -> None:
        stages = replica.features.stages
        self._replica = replica
        self._knee = replica.features.span_tokens
        self._share = 1.0 if offline else replica.efficiency.prefill_share
        self._stretch = stretch * (1 + replica.efficiency.bubble * (stages - 1) / stages if offline else 1.0)
        self._lines: dict[tuple[int, bool], Line | None] = {}
        self._prompts: dict[int, float] = {0: 0.0}
        self._floors: dict[int, float] = {0: 0.0}
        self._hidden: dict[tuple[int, int], float] = {}

    def line(self, batch: int, context: float) -> Line:
        """Return the line of the cost in the context. Where the cost is not straight, the line holds for this context alone."""
        key = (batch, context > self._knee)
        if key not in self._lines:
            self._lines[key] = self._drawn(batch, beyond=key[1])
        known = self._lines[key]
        return known or Line(self._at(batch, context), 0.0, context)

    def mixed_s(self, step_s: float, chunks: Iterable[tuple[int, int]], batch: int) -> float:
        """Return the time of a step that decodes for `step_s` and computes chunks (begin, end) of prompts; at least the chunks'
        arithmetic at the GPU's peak. The chunks of a prompt add up to `Replica.prefill_s`, less what each step hides while it reads its
        weights."""
        fitted = floor = 0.0
        tokens = 0
        for begin, end in chunks:
            fitted += self.prompt_s(end) - self.prompt_s(begin)
            floor += self._floor_s(end) - self._floor_s(begin)
            tokens += end - begin
        return max(step_s + (fitted * self._share - self._hidden_s(tokens, batch)) * self._stretch, floor)

    def _hidden_s(self, tokens: int, batch: int) -> float:
        key = (tokens, batch)
        if key not in self._hidden:
            self._hidden[key] = self._replica.hidden_s(tokens, batch, per_step=0.0) if tokens else 0.0
        return self._hidden[key]

    def _drawn(self, batch: int, *, beyond: bool) -> Line | None:
        # Two pieces: below the span of windowed layers the cost rises with all layers, beyond it with the full ones.
        # 65,536 is the far end of the chord where no span ends it.
        low, high = (self._knee, self._knee * 4) if beyond else (1.0, min(self._knee, 65536.0))
        first, middle, last = (self._at(batch, one) for one in (low, (low + high) / 2, high))
        if not math.isclose(middle, (first + last) / 2, rel_tol=STRAIGHT):
            return None
        slope = (last - first) / (high - low)
        return Line(first - slope * low, slope, math.inf if beyond or self._knee > 1e8 else self._knee)

    def _at(self, batch: int, context: float) -> float:
        return self._replica.decode_s(batch, context) * self._stretch

    def _floor_s(self, tokens: int) -> float:
        if tokens not in self._floors:
            self._floors[tokens] = hardware_floor.prompt_s(self._replica, tokens)
        return self._floors[tokens]

    def prompt_s(self, tokens: int) -> float:
        """`Replica.prefill_s`, not drawn out."""
        if tokens not in self._prompts:
            self._prompts[tokens] = self._replica.prefill_s(tokens)
        return self._prompts[tokens]
