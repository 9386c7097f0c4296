"""Lengths of simulated requests: all equal, or log-normal around the mean."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lengths:
    """Mean tokens of prompt and answer; `spread` is their standard deviation over the mean; `hit_rate` of a prompt is in the cache."""

    isl: float
    osl: float
    spread: float = 0.0
    hit_rate: float = 0.0

    @property
    def says(self) -> str:
        how = f"log-normal, spread {self.spread:g} of the mean" if self.spread else "all equal"
        return f"{self.isl:g} tokens in, {self.osl:g} out, {how}"

    def draw(self, rng: random.Random) -> tuple[int, int, int]:
        """Tokens of prompt, of answer, and of the prompt in the prefix cache; at least one each of the first two."""
        prompt, output = self._one(self.isl, rng), self._one(self.osl, rng)
        return prompt, output, int(prompt * self.hit_rate)

    def _one(self, mean: float, rng: random.Random) -> int:
        if not self.spread:
            return max(round(mean), 1)
        sigma = math.sqrt(math.log(1 + self.spread**2))
        return max(round(mean * math.exp(rng.gauss(-sigma * sigma / 2, sigma))), 1)
