"""The tiny model's sizes and tokens: 256 bytes, every space-led word of one or two lower-case letters, five control tokens."""

from __future__ import annotations

import itertools
import string
from dataclasses import dataclass

CONTROL = ("<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>")
LETTERS = string.ascii_lowercase
SPACE = "Ġ"
BYTES = 256
WORDS = range(BYTES, BYTES + len(LETTERS) + len(LETTERS) ** 2)
SIZE = WORDS.stop + len(CONTROL)
BOS, EOS = WORDS.stop, WORDS.stop + 1
# Without bos_token in it, vLLM would count one prompt token less than llama.cpp.
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@dataclass(frozen=True)
class Sizes:
    """The least that every engine serves: vLLM on a CPU has no kernel for heads smaller than 32."""

    hidden: int = 128
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    feed_forward: int = 256
    context: int = 8192
    seed: int = 7

    @property
    def head_dim(self) -> int:
        return self.hidden // self.heads


def tokens() -> tuple[str, ...]:
    """Return the tokens, by id."""
    return (*_byte_alphabet(), *("".join(pair) for pair in merges()), *CONTROL)


def merges() -> tuple[tuple[str, str], ...]:
    one = [(SPACE, letter) for letter in LETTERS]
    two = [(SPACE + first, second) for first, second in itertools.product(LETTERS, LETTERS)]
    return (*one, *two)


def _byte_alphabet() -> tuple[str, ...]:
    """GPT-2's: printable bytes stand for themselves, the others are moved up behind 255."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = BYTES - len(printable)
    return (*(chr(byte) for byte in printable), *(chr(BYTES + number) for number in range(others)))
