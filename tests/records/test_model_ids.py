"""One rule for a model's id, wherever it enters."""

from __future__ import annotations

import pytest

from inferstack.records import model_ids

HOSTILE = [
    "acme/{{ lookup('pipe', 'id') }}",
    "acme/m\nExecStartPre=+/bin/sh",
    "acme/m --trust-remote-code",
    "\x1b]0;OWNED\x07",
    "../../etc",
    "a/../b",
    "/abs",
    "a//b",
    "a/",
    ".hidden",
    "-flag",
    "acme/.git",
    "%H",
    "$(id)",
    "a\u202eb",
    "a\n",
    "",
    "a" * 201,
    None,
    ["a"],
]


@pytest.mark.parametrize("name", ["meta-llama/Llama-3.1-8B-Instruct", "gpt2", "a/b/c", "Qwen2.5-72B-Instruct-GPTQ-Int4", "a+b_c.d"])
def test_a_legal_name_is_kept(name: str) -> None:
    """Ids of the hub and plain folder names pass as they are."""
    assert (name, ()) == model_ids.named(name, otherwise="x")


@pytest.mark.parametrize("name", HOSTILE)
def test_any_other_name_becomes_the_slug_of_its_file_with_a_sentence(name: object) -> None:
    """What the rule does not allow never becomes an id; no name at all needs no sentence."""
    own, said = model_ids.named(name, otherwise="My Model{{x}}")
    assert "My-Model-x" == own and model_ids.legal(own)
    assert (0 if name in (None, "") else 1) == len(said)
    assert all(line.isprintable() for line in said)


@pytest.mark.parametrize("text", ["", "...", "{{}}", "ä" * 500, "-" * 300, "a" * 500])
def test_every_slug_is_an_id(text: str) -> None:
    """Also of a text that has nothing to keep."""
    assert model_ids.legal(model_ids.slug(text))
