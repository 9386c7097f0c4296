"""inferstack.records.engines: other spellings of the sized engines, and reasons with a way out for those that are not sized."""

from __future__ import annotations

import pytest

from inferstack.records import engines
from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from inferstack.records.files.reading import validated
from inferstack.records.request import Request
from sizing.engines.versions import engine_version

UNSIZED = [(name, one["runs"]) for one in load("sizing")["engines"]["unsized"]["records"].values() for name in one["names"]]


@pytest.mark.parametrize(("name", "runs"), UNSIZED)
def test_an_engine_that_is_not_sized_says_so_and_names_one_that_is(name: str, runs: str) -> None:
    """In a request and in the batch interface alike; the way out is an engine that is sized."""
    assert runs in engines.sized()
    with pytest.raises(InputError, match=f"(?i){name}.*not sized.*--engine {runs}"):
        validated({"model": "x", "engine": name}, Request, where="command line")
    with pytest.raises(InputError, match=f"(?i){name}.*not sized.*--engine {runs}"):
        engine_version(name.upper(), None)


def test_ollama_is_llama_cpp() -> None:
    """The engine under it is named."""
    with pytest.raises(InputError, match=r"(?i)ollama.*llama\.cpp"):
        engine_version("ollama", None)


@pytest.mark.parametrize(
    ("name", "engine"), [("TRT-LLM", "tensorrt-llm"), ("llama-server", "llama.cpp"), ("vLLM", "vllm"), ("sglang", "sglang")]
)
def test_other_spellings_are_the_engine(name: str, engine: str) -> None:
    """In any case of letters."""
    assert engine == Request(model="x", engine=name).engine
    assert engine == engine_version(name, None).name


def test_what_is_no_engine_is_told_the_four() -> None:
    """With what was given."""
    with pytest.raises(InputError, match=r"'vllm', 'tensorrt-llm', 'sglang' or 'llama.cpp' \(given: steam\)"):
        validated({"model": "x", "engine": "steam"}, Request, where="command line")
