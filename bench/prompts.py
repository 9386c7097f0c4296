"""Prompts of known length that no cache has seen: words of one or two letters, drawn anew for each request from one seed."""

from __future__ import annotations

import random
import string

# The chat template's own tokens in the rehearsal model: beginning of text and two role marks. Real usage is recorded for every model.
TEMPLATE_TOKENS = 3


def prompt(seed: int, index: int, *, tokens: int) -> str:
    """Space-led words, so that the first is one token too. Negative indices are for warm-up: its prompts never come again."""
    draw = random.Random(f"{seed}:{index}")
    return "".join(f" {_word(draw)}" for _ in range(max(1, tokens - TEMPLATE_TOKENS)))


def _word(draw: random.Random) -> str:
    return "".join(draw.choices(string.ascii_lowercase, k=draw.choice((1, 2, 2, 2))))
