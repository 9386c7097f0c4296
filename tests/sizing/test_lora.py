"""sizing.lora: the bytes of an adapter against its published count, and the KV that slots take."""

from __future__ import annotations

import pytest

from records.errors import InputError
from sizing.catalog import find_model
from sizing.lora import slot_bytes, with_adapters
from sizing.question import parse


def test_rank_16_on_every_matrix_of_8b_is_as_published() -> None:
    """41,943,040 parameters, as PEFT prints them, in 16 bit."""
    assert 41_943_040 * 2 == slot_bytes(find_model("Llama-3.1-8B-Instruct"), rank=16)


def test_slots_are_taken_from_the_kv() -> None:
    """What the weights gain the KV loses; too many slots do not start."""
    r = parse({"id": "x", "model": "Llama-3.1-8B-Instruct", "gpu": "H100", "memory_only": True, "max_model_len": 4096}).replica
    held = with_adapters(r, slots=8, rank=64)
    assert 8 * 4 * 41_943_040 * 2 / 2**30 == pytest.approx(r.budget.kv_gib - held.budget.kv_gib)
    assert "more than is left" in (with_adapters(r, slots=1000, rank=64).why_not or "")


def test_models_with_experts_are_refused_by_name() -> None:
    """Never guessed."""
    with pytest.raises(InputError, match="Scout"):
        slot_bytes(find_model("Llama-4-Scout-17B-16E-Instruct"), rank=16)
