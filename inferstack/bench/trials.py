"""Trial requests before the run: how long a prompt is by the served tokenizer, and whether `usage` counts what was sent."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from inferstack.bench.prompts import words_for
from inferstack.bench.result import RequestResult
from inferstack.records.measurement import PromptLength, UsageWitness

SHORT_WORDS = 24
"""Prompt of the first trial: beside a long one it tells the chat template from the words."""
FULL_TRIALS = 2
# A token holds a byte or more: a word of two letters and a space is three tokens at most, and two such words are no single token.
LEAST_TOKENS_PER_WORD, MOST_TOKENS_PER_WORD = 0.5, 3.0

Ask = Callable[[int, bool], Awaitable[RequestResult]]
"""Ask with a prompt of so many words, with or without log probabilities."""


@dataclass(frozen=True)
class Trials:
    length: PromptLength | None = None
    witness: UsageWitness | None = None


async def ask_trials(ask: Ask, *, isl: int) -> Trials:
    """Make prompts `isl` tokens long by what `usage` says of trial prompts.

    The length is None where the trials fail, or where `usage` says what no tokenizer can: prompts then keep one token a word, and the
    judge sees what their length is said to be.
    """
    words = words_for(isl)
    short_words = min(SHORT_WORDS, max(1, words // 2))
    short = await ask(short_words, True)
    witness = _witness(short)
    length: PromptLength | None = None
    for _ in range(FULL_TRIALS):
        full = await ask(words, False)
        if short.prompt_tokens is None or full.prompt_tokens is None:
            return Trials(None, witness)
        length = length_by(((short_words, short.prompt_tokens), (words, full.prompt_tokens)), isl=isl)
        if length is None or length.words == words:
            break
        words = length.words
    return Trials(length, witness)


def length_by(trials: tuple[tuple[int, int], tuple[int, int]], *, isl: int) -> PromptLength | None:
    """Return the number of words that makes `isl` tokens, from two trials as (words, prompt tokens)."""
    (few, short), (many, long) = trials
    a_word = (long - short) / (many - few) if many > few else 1.0
    if not LEAST_TOKENS_PER_WORD <= a_word <= MOST_TOKENS_PER_WORD:
        return None
    template = max(0.0, long - many * a_word)
    # From the long trial, not from the line's beginning: its error is the smaller one there.
    words = max(1, many + math.floor((isl - long) / a_word + 0.5))
    return PromptLength(words=words, tokens_per_word=a_word, template_tokens=template)


def _witness(answer: RequestResult) -> UsageWitness | None:
    if answer.error is not None or not answer.counted_tokens or answer.completion_tokens is None:
        return None
    return UsageWitness(counted=answer.counted_tokens, usage=answer.completion_tokens, chunks=answer.chunks)
