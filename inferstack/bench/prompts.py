"""Prompts of one length that no cache has seen: two-letter words from one seed, in an order of its own for each request.

All prompts of a run hold the same words, so that a tokenizer counts the same number of tokens in each. Their order differs from the
first words on, and a prefix cache shares nothing but the chat template.
"""

from __future__ import annotations

import random
import string

# The chat template's own tokens in the rehearsal model: beginning of text and two role marks. Trial prompts measure it for every model.
TEMPLATE_TOKENS = 3
BYTES_PER_WORD = len(" ab")
# 12! orders of the first words: no two of at most 4,096 prompts begin alike.
HEAD_WORDS = 12


class Prompts:
    """Everything that costs time is done here, before the clock runs: a prompt is then three slices put together."""

    def __init__(self, seed: int, *, words: int) -> None:
        self.words = max(1, words)
        self._seed = seed
        drawn = _words(random.Random(f"{seed}"), self.words)
        self._head, self._rest = drawn[:HEAD_WORDS], "".join(drawn[HEAD_WORDS:])
        self._starts: dict[int, tuple[str, int]] = {}

    def prepare(self, count: int) -> None:
        """Draw the beginnings of the first `count` prompts."""
        for index in range(count):
            self._starts[index] = self._start(index)

    def text(self, index: int) -> str:
        """Return the prompt of a request. Negative indices are for trials and warm-up, and never come again."""
        head, turn = self._starts.get(index) or self._start(index)
        return f"{head}{self._rest[turn:]}{self._rest[:turn]}"

    def _start(self, index: int) -> tuple[str, int]:
        draw = random.Random(f"{self._seed}:{index}")
        if self.words < HEAD_WORDS:  # too few orders to tell thousands of prompts apart
            return "".join(_words(draw, self.words)), 0
        head = "".join(draw.sample(self._head, len(self._head)))
        return head, BYTES_PER_WORD * draw.randrange(max(1, self.words - HEAD_WORDS))


def words_for(tokens: int) -> int:
    """Return how many words make a prompt of `tokens` where each is one token, as in the rehearsal model."""
    return max(1, tokens - TEMPLATE_TOKENS)


def _words(draw: random.Random, count: int) -> list[str]:
    letters = draw.choices(string.ascii_lowercase, k=2 * count)
    return [f" {first}{second}" for first, second in zip(letters[::2], letters[1::2], strict=True)]
