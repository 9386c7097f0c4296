"""KV memory of a simulated replica in whole bytes: what a sequence holds, and what all decoding sequences take at a step."""

from __future__ import annotations

import math

from sizing.speed.replica import Replica


class Blocks:
    """Growth is kept by phase: a sequence takes a block every `block` steps, so one number a phase says what a step takes."""

    def __init__(self, replica: Replica) -> None:
        kv = replica.kv
        self.block = kv.block_tokens
        self.capacity = int(replica.kv_bytes * replica.features.attention_dp)
        self.used = 0
        self.highest = 0
        self._full, self._span, self._state = (
            round(kv.full_bytes * self.block),
            round(kv.span_bytes * self.block),
            round(kv.beside_tokens_bytes),
        )
        self._span_blocks = math.ceil(kv.span_tokens / self.block) if kv.span_bytes else 0
        self._grow = [0] * self.block
        self._a_round = 0

    def need(self, tokens: int) -> int:
        """Return the bytes that one sequence of this many tokens holds."""
        blocks = -(-tokens // self.block)
        return blocks * self._full + min(blocks, self._span_blocks) * self._span + self._state

    def take(self, size: int) -> None:
        self.used += size
        self.highest = max(self.highest, self.used)

    def give(self, size: int) -> None:
        self.used -= size

    def tokens_in(self, size: int) -> int:
        """Return the tokens in whole blocks of a prompt's begin. A state is not of its begin but of its end."""
        return 0 if self._state else size // (self._full + self._span) * self.block

    def phase(self, step: int, tokens: int) -> int:
        """Return the phase of a sequence that holds so many tokens after this step."""
        return (step - tokens + 1) % self.block

    def begin_growth(self, phase: int, *, with_span: bool) -> None:
        self._change(phase, self._full + (self._span if with_span else 0))

    def end_growth(self, phase: int, *, with_span: bool) -> None:
        self._change(phase, -self._full - (self._span if with_span else 0))

    def span_full(self, phase: int) -> None:
        """Layers with a span hold no more of this sequence."""
        self._change(phase, -self._span)

    def steps_until_span_is_full(self, tokens: int) -> int | None:
        """Decode steps after which no further block of the layers with a span is taken; None where it is so already."""
        left = self._span_blocks - -(-tokens // self.block)
        return (-tokens % self.block) + 1 + (left - 1) * self.block if left > 0 else None

    def growth(self, step: int) -> int:
        """Return the bytes that the step takes when it begins."""
        return self._grow[step % self.block]

    def growth_of(self, first: int, steps: int) -> int:
        """Return the growth over so many steps, the first of them with this number."""
        rounds, rest = divmod(steps, self.block)
        return rounds * self._a_round + sum(self._grow[(first + i) % self.block] for i in range(rest))

    def steps_that_fit(self, first: int, steps: int) -> int:
        """Return how many of at most `steps` steps find the memory that they grow by."""
        free = self.capacity - self.used
        if -(-steps // self.block) * self._a_round <= free:
            return steps
        rounds = free // self._a_round
        fit, free = rounds * self.block, free - rounds * self._a_round
        while fit < steps and self._grow[(first + fit) % self.block] <= free:
            free -= self._grow[(first + fit) % self.block]
            fit += 1
        return min(fit, steps)

    def _change(self, phase: int, size: int) -> None:
        self._grow[phase] += size
        self._a_round += size
