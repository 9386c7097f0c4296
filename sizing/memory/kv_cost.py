"""What tokens and sequences cost of the KV cache of one GPU, and how many of them a given memory holds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sizing.memory.paged_layers import Paging


@dataclass(frozen=True, slots=True)
class KvCost:
    """Cost of KV cache on the fullest GPU of a replica: bytes a token in layers that keep everything and in those with a span, and of a
    state.

    `paging` where the engine hands out pages of unlike layers; `in_flight` tokens that it counts beside a span; `span_pool` where it keeps
    a pool for spans of this share of the tokens, whatever their length; `states_apart` where states have a pool of their own."""

    full_bytes: float
    span_bytes: float
    span_tokens: int
    state_bytes: float
    block_tokens: int
    element_bytes: float
    paging: Paging | None = None
    in_flight: int = 0
    prints_concurrency: bool = True
    span_pool: float = 0.0
    states_apart: bool = False

    @property
    def beside_tokens_bytes(self) -> float:
        """Return what a sequence of any length takes from the memory that holds the tokens."""
        return 0.0 if self.states_apart else self.state_bytes

    def sequence_bytes(self, tokens: float) -> float:
        """Return what an engine sets aside for one sequence of this many tokens before it admits it or starts."""
        return self._held_bytes(tokens, self.in_flight)

    def running_bytes(self, tokens: float) -> float:
        """Return what one sequence of this many tokens holds while it generates: layers with a span have freed what lies before it."""
        return self._held_bytes(tokens, 0)

    def tokens(self, available_bytes: float, *, length: int, windowed: bool) -> int:
        """Return the capacity in tokens as the engine prints it. With layers that keep a span it depends on `length`: the number of
        requests of that length that fit, times the length. vLLM before 0.21 printed it as if no layer had a span."""
        if available_bytes <= 0 or self.full_bytes + self.span_bytes <= 0:
            return 0
        # Only what is printed differs, not what fits: a 0.20.0 log (Qwen3.6-35B-A3B) prints 33,536 tokens for 64
        # pages of 2,096, a 0.22.0 log (Qwen3.5-4B) 141,107 = 137.80 x 1,024.
        if self.paging and not self.prints_concurrency:
            return self.paging.printed_tokens(available_bytes)
        if self.paging:
            return int(self.paging.pool(available_bytes) / self.paging.pages(length, in_flight=self.in_flight) * length)
        if windowed and (self.span_bytes or self.beside_tokens_bytes) and not self.span_pool:
            return int(available_bytes / self.sequence_bytes(length) * length)
        block = (self.full_bytes + self.span_bytes * (self.span_pool or 1.0)) * self.block_tokens
        return int(available_bytes // block) * self.block_tokens

    def _held_bytes(self, tokens: float, in_flight: int) -> float:
        if self.paging:
            return self.paging.pages(tokens, in_flight=in_flight) * self.paging.page_bytes
        held = math.ceil(tokens / self.block_tokens) * self.block_tokens
        # SGLang's swa_full_tokens_ratio (server_args.py): windowed layers have a pool of 0.8 of the tokens, however
        # short the window.
        if self.span_pool:
            return (self.full_bytes + self.span_bytes * self.span_pool) * held + self.beside_tokens_bytes
        spanned = min(held, self.span_tokens + in_flight) if self.span_tokens else held
        return self.full_bytes * held + self.span_bytes * spanned + self.beside_tokens_bytes
