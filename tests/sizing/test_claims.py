"""sizing.explaining.wrong_claims: wrong claims are contradicted with a source and a sum of today's facts; what is not understood is
refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from inferstack.pricing.rates.rates import on_demand
from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from sizing.catalog import find_gpu, find_model
from sizing.explaining import answers, parse_question, wrong_claims
from sizing.models.quantisation.formats import bits_of
from sizing.models.weights import checkpoint_bytes

RECORDS = wrong_claims.records()


def contradicted(question: str) -> wrong_claims.Answer:
    found = wrong_claims.answer(question)
    assert found.wrong, question
    return found


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["id"])
def test_whoever_types_a_claim_is_contradicted(record: dict[str, Any]) -> None:
    """By its own words; with what is true, a source, and at least one computed line."""
    found = contradicted(record["claim"])
    assert f"claim {record['id']}" in found.understood
    assert record["says"] in found.says
    assert record["source"] in found.sources
    assert all(wrong_claims.contradiction(record))


@pytest.mark.parametrize(("question", "id_"), [
    ("is p5.xlarge a good choice?", "p5.xlarge"),
    ("H100 at $3.50-4 per hour", "h100-price"),
    ("the H200 has 80-118 GB", "h200-memory"),
    ("does Llama 4 Scout in Q4 fit on one RTX 4090?", "scout-on-24-gb"),
    ("only 2 experts active", "two-experts"),
    ("Maverick FP8 on 5 x H100", "maverick-on-5-h100"),
    ("shall I wait for Llama 3.4", "llama-3.4"),
    ("10 M tokens of context on Scout", "ten-million-tokens"),
    ("0.055 $ per 1M tokens on an owned 8 x H100", "owned-cluster"),
    ("an owned H100 box serves at $0.055 per 1M tokens", "owned-cluster"),
])  # fmt: skip
def test_claims_in_circulation_are_recognised(question: str, id_: str) -> None:
    """As people write them."""
    assert f"claim {id_}" in contradicted(question).understood


@pytest.mark.parametrize("question", [
    "what does p5.4xlarge cost?", "H200", "Llama-3.3-70B-Instruct fp8 on 2 x H100", "Scout int4 on one H100", "Maverick on 8 x H200",
    "Qwen3-8B with 32k tokens", "p5en.48xlarge",
])  # fmt: skip
def test_a_true_or_open_question_is_not_called_wrong(question: str) -> None:
    """A pattern that is too wide would contradict what is right."""
    found = wrong_claims.answer(question)
    assert not found.wrong
    assert found.sum


@pytest.mark.parametrize("question", [
    "Mixtral 8x7B activates 2 experts", "gpt-oss-120b with 10 M tokens of context on 8 x H200", "Llama-3.1-8B-Instruct, 10 M tokens a day",
])  # fmt: skip
def test_what_is_wrong_of_one_model_is_not_held_against_another(question: str) -> None:
    """Mixtral does choose 2 of 8."""
    assert not wrong_claims.answer(question).wrong


def test_a_length_beyond_the_positions_is_said() -> None:
    """Instead of room for sequences that the model cannot read."""
    assert any("more than its" in line for line in wrong_claims.answer("gpt-oss-120b with 1 M tokens of context on 8 x H200").sum)


def test_a_claim_is_taken_as_one_claim() -> None:
    """Patterns do not find each other's claims."""
    taken = {record["id"]: wrong_claims.answer(record["claim"]).understood for record in RECORDS}
    assert {id_: f"claim {id_}" for id_ in taken} == taken


def test_figures_of_an_answer_are_those_of_the_facts() -> None:
    """Prices, bytes and memory are read when the question is asked."""
    rate = on_demand("p5.4xlarge", "us-east-1")
    assert rate is not None
    assert any(f"${rate.usd:.2f} a GPU-hour" in line for line in contradicted("p5.xlarge").sum)
    shape = find_model("Llama-4-Scout-17B-16E-Instruct")
    size = checkpoint_bytes(shape, bits_of(shape, "gguf-q4_k_m")) / 1e9
    answer = contradicted("scout q4 on a 4090")
    assert any(f"{size:.1f} GB of weights" in line for line in answer.sum)
    assert any("does not start" in line for line in answer.sum)
    assert any(f"{find_gpu('A10G').flops_bf16 / 1e12:.0f} TFLOPS" in line for line in contradicted("A10G has 125 TFLOPS").sum)


def test_another_price_gives_another_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum is computed, not written down."""
    from inferstack.pricing.rates import rate_records

    def forget() -> None:
        for remembered in (rate_records.built_in, rate_records._by_key, rate_records._tables):
            remembered.cache_clear()

    before = contradicted("p5.xlarge").sum
    dearer = copy.deepcopy(load("pricing"))
    for record in dearer["ec2_on_demand"]["records"]:
        record["usd"] *= 2
    monkeypatch.setattr(rate_records, "load", lambda _: dearer)
    forget()
    try:
        assert before != contradicted("p5.xlarge").sum
    finally:
        forget()


def test_owned_hardware_at_a_low_load_costs_a_thousand_times_the_claim() -> None:
    """$200k a year over 3.65 G tokens."""
    assert any("$54.79 per 1 M tokens" in line for line in answers.computed(
        "owned", capital_usd=400_000, years=4, running_usd_per_year=100_000, tokens_per_day=1e7
    ))  # fmt: skip


def test_the_claimed_price_of_owned_hardware_is_beside_what_its_gpus_take_when_full() -> None:
    """$200k a year at $0.055 are 3.6 T tokens a year, 115 k tokens/s through every second of it."""
    lines = contradicted("0.055 $ per 1M tokens on an owned 8 x H100").sum
    assert any("$54.79 per 1 M tokens" in line for line in lines)
    assert any("10.0 G tokens a day, 115,308 tokens/s" in line for line in lines)
    assert any("8 x H100-SXM-80, every one full of meta-llama/Llama-3.1-8B-Instruct" in line for line in lines)


def test_ten_million_tokens_have_a_price_in_bytes_time_and_dollars() -> None:
    """12 layers that keep every token: 2 x 8 heads x 128 x 2 bytes each; 36 that keep 8,192."""
    lines = contradicted("a context of 10 M tokens").sum
    kept = 12 * 2 * 8 * 128 * 2 * 10_000_000 + 36 * 2 * 8 * 128 * 2 * 8192
    assert any(f"{kept / 1e9:,.1f} GB" in line for line in lines)
    assert any("minutes" in line for line in lines)
    assert any("an hour" in line and "$" in line for line in lines)


def test_what_is_not_understood_is_refused_with_examples_that_are() -> None:
    """Never an answer to another question."""
    with pytest.raises(InputError) as refused:
        wrong_claims.answer("what is the meaning of life?")
    assert 2 == refused.value.code
    for example in wrong_claims.EXAMPLES:
        assert example in refused.value.hint
        assert wrong_claims.answer(example).sum


def test_a_type_that_does_not_exist_is_refused_in_a_question_too() -> None:
    """With the nearest real ones."""
    with pytest.raises(InputError, match="no instance type"):
        wrong_claims.answer("what does p9.xlarge cost")


@pytest.mark.parametrize(("words", "model", "gpu", "gpus", "quant", "tokens"), [
    ("llama 3.1 8b on an L4", "meta-llama/Llama-3.1-8B-Instruct", "L4", 1, None, None),
    ("gpt-oss 120b on two H200", "openai/gpt-oss-120b", "H200-SXM-141", 2, None, None),
    ("Llama-3.3-70B-Instruct awq on 4 x L40S with 32k context", "meta-llama/Llama-3.3-70B-Instruct", "L40S", 4, "int4-awq", 32000),
    ("llama 3 8b q5_k_m", "meta-llama/Meta-Llama-3-8B-Instruct", None, 1, "gguf-q5_k_m", None),
])  # fmt: skip
def test_names_in_a_sentence_are_found_and_others_not_guessed(
    words: str, model: str | None, gpu: str | None, gpus: int, quant: str | None, tokens: int | None
) -> None:
    """The longest name that stands there; llama 3.9 is not llama 3."""
    found = parse_question.in_words(words)
    assert (model, gpu, gpus, quant, tokens) == (found.model, found.gpu, found.gpus, found.weight_quant, found.tokens)
