"""A model as people say it (`Llama 3.3 70B`, `llama3.3:70b`, `mistral-7b`) -> the one known id that is meant, or those that may be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

WORD = re.compile(r"\d+x\d+[a-z]?|\d+(?:\.\d+)*[a-z]?(?![a-z0-9])|[a-z]+|\d+")
FORMATS = frozenset({"fp8", "fp4", "awq", "gptq", "int4", "int8", "gguf", "dynamic", "nvfp4", "mxfp4", "quantized", "fp"})
CHAT = frozenset({"instruct", "chat", "it"})
PLAIN = CHAT | {"hf", "meta", "v"}
"""Words that an id may have beyond those that were said, without being another model."""


def meant(said: str, ids: Iterable[str]) -> tuple[str, ...]:
    """Return the ids that hold every word that was said: one where it is clear, several with the newest first, none.

    What is published for chat comes before its base, a file in the original format before a re-quantised one, and of several
    editions of the same model (v0.2, v0.3) the newest is meant.
    """
    asked = Counter(words(said))
    if not asked:
        return ()
    extra = {one: Counter(words(one.rpartition("/")[2])) - asked for one in ids if not asked - Counter(words(one.rpartition("/")[2]))}
    for keep in (_no_format, _no_name, _for_chat):
        extra = {one: left for one, left in extra.items() if keep(left)} or extra
    newest = sorted(extra, key=_version, reverse=True)
    editions = {tuple(sorted(word for word in extra[one].elements() if word not in PLAIN and not _is_edition(word))) for one in newest}
    return tuple(newest[:1]) if len(editions) == 1 else tuple(newest)


def words(name: str) -> list[str]:
    """Return letters and numbers apart, a number with its unit together: `llama3.3:70b` is llama, 3.3, 70b."""
    return WORD.findall(name.lower())


def _no_format(left: Counter[str]) -> bool:
    return not FORMATS & set(left)


def _no_name(left: Counter[str]) -> bool:
    """Tell whether no word is left that names another model, such as guard, vision or coder."""
    return all(word in PLAIN or any(character.isdigit() for character in word) for word in left)


def _for_chat(left: Counter[str]) -> bool:
    return bool(CHAT & set(left))


def _is_edition(word: str) -> bool:
    return bool(re.fullmatch(r"0\.\d+", word))


def _version(one: str) -> tuple[tuple[int, ...], ...]:
    numbers = [word for word in words(one.rpartition("/")[2]) if re.fullmatch(r"\d+(?:\.\d+)*", word)]
    return tuple(tuple(int(part) for part in number.split(".")) for number in numbers)
