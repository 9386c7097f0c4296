"""sizing.models.quantisation.formats: the names of formats, those of llama.cpp among them."""

from __future__ import annotations

import pytest

from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from sizing.models.quantisation.formats import normalised


@pytest.mark.parametrize("mix", sorted(load("sizing")["engines"]["gguf"]["mixes"]))
def test_a_mix_is_known_by_llama_cpps_own_name(mix: str) -> None:
    """As `q4_k_m`, `Q4_K_M`, `Q4-K-M` or `gguf-q4_k_m`; a name of 16 bit that every engine knows stays that."""
    wanted = mix if mix == "bf16" else f"gguf-{mix}"
    for name in (mix, mix.upper(), mix.replace("_", "-")):
        assert wanted == normalised(name)
    for name in (f"gguf-{mix}", f"GGUF-{mix.upper()}", f"gguf_{mix}", f"gguf:{mix}"):
        assert f"gguf-{mix}" == normalised(name)


@pytest.mark.parametrize("name", ["q4_k_x", "gguf", "gguf-", "q9_0", "iq4_xs_m"])
def test_a_mix_that_is_none_is_refused_with_the_known_ones(name: str) -> None:
    """Never the nearest one."""
    with pytest.raises(InputError, match="gguf-q4_k_m"):
        normalised(name)
