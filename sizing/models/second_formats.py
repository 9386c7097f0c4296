"""Files that hold weights a second time: `original/` of Meta and OpenAI, Mistral's `consolidated*` beside shards, or those shards."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch

# Mistral and Meta publish their own format beside that of transformers: whoever pulls the whole repository pays for
# disk and time twice.
CONSOLIDATED = "consolidated*.safetensors"
INDEX = "model.safetensors.index.json"
MISTRAL_TOKENIZER, TOKENIZER = "tekken.json", "tokenizer.json"


def second(names: Iterable[str]) -> frozenset[str]:
    """Return the files of a repository or folder that an engine does not load where the others are there.

    vLLM takes a repository with `consolidated*` for one in Mistral's format, and must where that format's tokenizer is the only one.
    """
    every = frozenset(names)
    weights = {name for name in every if name.endswith(".safetensors")}
    top = {name for name in weights if "/" not in name}
    consolidated = {name for name in top if fnmatch(name, CONSOLIDATED)}
    shards = top - consolidated
    beside = (weights - top) | {name for name in every if name.startswith("original/")} if top else set()
    if not consolidated or not shards:
        return frozenset(beside)
    native = MISTRAL_TOKENIZER in every and TOKENIZER not in every
    return frozenset(beside | (shards | {INDEX} if native else consolidated | {"consolidated.safetensors.index.json"})) & every
