"""sizing.options.lora: the bytes of an adapter against its published count, and the KV that slots take."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from sizing.batch.question import parse
from sizing.catalog import find_model
from sizing.engines.versions import engine_version
from sizing.estimate import answer
from sizing.options.lora import Adapters, adapters, slot_bytes
from sizing.options.replica import with_adapters

VLLM, LLAMA_CPP = engine_version("vllm", None), engine_version("llama.cpp", None)


def _adapters(slots: int, rank: int) -> Adapters:
    return adapters(find_model("Llama-3.1-8B-Instruct"), VLLM, slots=slots, rank=rank)


def test_rank_16_on_every_matrix_of_8b_is_as_published() -> None:
    """41,943,040 parameters, as PEFT prints them, in 16 bit."""
    assert 41_943_040 * 2 == slot_bytes(find_model("Llama-3.1-8B-Instruct"), rank=16)


def test_slots_are_taken_from_the_kv() -> None:
    """What the weights gain the KV loses; too many slots do not start."""
    r = parse({"id": "x", "model": "Llama-3.1-8B-Instruct", "gpu": "H100", "memory_only": True, "max_model_len": 4096}).replica
    held = with_adapters(r, _adapters(8, 64))
    assert 8 * 4 * 41_943_040 * 2 / 2**30 == pytest.approx(r.budget.kv_gib - held.budget.kv_gib)
    assert (("LoRA adapters", pytest.approx(2.5)),) == held.beside
    assert "more than is available" in (with_adapters(r, _adapters(1000, 64)).why_not or "")


def test_experts_take_adapters_of_their_attention_only() -> None:
    """Never guessed: the modules of experts are refused by the model's name, the default leaves them out."""
    scout = find_model("Llama-4-Scout-17B-16E-Instruct")
    assert ("q_proj", "k_proj", "v_proj", "o_proj") == adapters(scout, VLLM, slots=1).modules
    with pytest.raises(InputError, match="Scout"):
        adapters(scout, VLLM, slots=1, modules=("q_proj", "up_proj"))
    with pytest.raises(InputError, match="DeepSeek-V3"):
        adapters(find_model("DeepSeek-V3"), VLLM, slots=1)


def test_an_engine_holds_slots_of_the_next_rank_that_it_takes() -> None:
    """vLLM's --max-lora-rank has choices: 24 is held as 32, 600 is refused; llama.cpp holds what it is given."""
    shape = find_model("Llama-3.1-8B-Instruct")
    assert (32, 24) == (adapters(shape, VLLM, slots=1, rank=24).held_rank, adapters(shape, LLAMA_CPP, slots=1, rank=24).held_rank)
    with pytest.raises(InputError, match="lora_rank: vllm supports ranks up to 512"):
        adapters(shape, VLLM, slots=1, rank=600)


def test_the_ranks_of_vllm_are_those_of_its_frozen_option() -> None:
    """The facts of the engine and the table that was read out of its parser."""
    rows = load("sizing")["engines"]["flags"]["vllm"]["records"]
    choices = next(row["choices"] for row in rows if "--max-lora-rank" in row["options"])
    assert choices.split("|") == [str(one) for one in VLLM.facts["special"]["lora_ranks"]]


@settings(max_examples=30, deadline=None)
@given(slots=st.integers(1, 40), rank=st.sampled_from([8, 16, 64]), isl=st.integers(64, 4096), tp=st.sampled_from([1, 2]))
def test_more_adapters_never_raise_concurrency(slots: int, rank: int, isl: int, tp: int) -> None:
    """Nor a larger rank; and every slot is memory of the KV."""

    def room(**asked: int) -> float:
        plain = {"id": "x", "model": "Llama-3.1-8B-Instruct", "gpu": "A100-80", "isl": isl, "osl": 64, "concurrency": 4, "tp": tp}
        return float(answer({**plain, **asked})["max_concurrency"])

    few = room(lora_slots=slots, lora_rank=rank)
    assert room(lora_slots=slots + 1, lora_rank=rank) < few
    assert room(lora_slots=slots, lora_rank=2 * rank) < few < room()
