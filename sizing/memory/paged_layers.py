"""Pages of a KV cache where layers differ: equal groups of layers share one pool of pages, and a request holds pages of every group.

vllm/v1/core/kv_cache_utils.py: a group has as many layers as the rarest kind (as the commonest where that is little more), a page holds
one block of tokens of a group, and a recurrent state takes one page whatever the length, so the block grows until the state fits in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Block sizes stay multiples of 16, but need be no power of two: a 0.20.0 log of Qwen3.6-35B-A3B has blocks of 2,096
# tokens, as many as a recurrent state needs.
ALIGNMENT_TOKENS = 16


@dataclass(frozen=True, slots=True)
class LayerKind:
    """`n` layers on one GPU that keep the same: `token_bytes` each, or a `state_bytes` each, over `span_tokens` (0 = everything)."""

    n: int
    token_bytes: float
    state_bytes: float = 0.0
    span_tokens: int = 0
    chunked: bool = False


@dataclass(frozen=True, slots=True)
class Paging:
    """`full`, `state`: groups, of which one of states holds `state_pages` a request. `spans`: (groups, tokens, chunked) of each kind that
    looks back so far and no further."""

    page_bytes: float
    block_tokens: int
    full: int
    state: int
    spans: tuple[tuple[int, int, bool], ...]
    state_pages: int = 1

    @property
    def groups(self) -> int:
        return self.full + self.state + sum(groups for groups, _, _ in self.spans)

    def pages(self, tokens: float, *, in_flight: int = 0) -> int:
        """Count the pages that one request of this many tokens holds. Beside a span, the `in_flight` tokens of a step are held until the
        step ends."""
        whole = math.ceil(tokens / self.block_tokens)
        held = sum(groups * min(whole, self._span_blocks(span, chunked, in_flight)) for groups, span, chunked in self.spans)
        return self.full * whole + held + self.state * self.state_pages

    def pool(self, available_bytes: float) -> int:
        """Return the pages that the memory holds."""
        return int(available_bytes // self.page_bytes)

    def printed_tokens(self, available_bytes: float) -> int:
        """Return the capacity as vLLM printed it before 0.21: as if every group kept every token."""
        return self.pool(available_bytes) // self.groups * self.block_tokens

    def _span_blocks(self, span: int, chunked: bool, in_flight: int) -> int:
        # vllm/v1/kv_cache_interface.py. A chunk begins at a multiple of its length; a window slides, so its first
        # token may be the last of a block, which is one block more.
        if chunked:
            return math.ceil((span + in_flight) / self.block_tokens)
        return math.ceil((span - 1 + in_flight) / self.block_tokens) + 1


def paging(kinds: Sequence[LayerKind], *, block_tokens: int, merge_below: float, state_pages: int = 1) -> Paging | None:
    """Return the pages, or None where all layers keep everything, or none keeps any: a token then costs its bytes. `merge_below`: how
    much more frequent the most frequent kind may be for the group to take its size."""
    tokens, states = [kind for kind in kinds if kind.token_bytes], [kind for kind in kinds if kind.state_bytes]
    if not tokens or (len(tokens) == 1 and not states and not tokens[0].span_tokens):
        return None
    each = max(kind.token_bytes for kind in tokens)
    if states:
        block = math.ceil(max(kind.state_bytes for kind in states) / each / ALIGNMENT_TOKENS) * ALIGNMENT_TOKENS
        block_tokens = max(block, block_tokens)
    # A group larger than the rarest kind wastes pages, a smaller one needs more groups. vLLM pads the rarer kind
    # where the commoner is little more: 1.25 times, from 0.18.0 1.5 times. Llama 4 has 12 full and 36 chunked layers:
    # four groups of 12.
    counts = [kind.n for kind in tokens + states]
    size = max(counts) if max(counts) < merge_below * min(counts) else min(counts)
    return Paging(
        page_bytes=size * block_tokens * each,
        block_tokens=block_tokens,
        full=sum(math.ceil(kind.n / size) for kind in tokens if not kind.span_tokens),
        state=sum(math.ceil(kind.n / size) for kind in states),
        spans=tuple((math.ceil(kind.n / size), kind.span_tokens, kind.chunked) for kind in tokens if kind.span_tokens),
        state_pages=state_pages,
    )
