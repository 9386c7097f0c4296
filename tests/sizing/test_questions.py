"""Questions in words: what is read, what is said to be unread with the command that reads it, and yes or no first."""

from __future__ import annotations

import pytest

from inferstack.records.errors import InputError
from sizing.explaining import parse_question, wrong_claims
from sizing.explaining.wrong_claims import Answer


def asked(question: str) -> Answer:
    return wrong_claims.answer(question)


def notes(question: str) -> str:
    return "\n".join(asked(question).unread)


@pytest.mark.parametrize(
    ("question", "command"),
    [
        ("1M tokens a day with Llama 3.1 8B", "inferstack plan --model Llama-3.1-8B-Instruct --tokens-per-day 1000000"),
        ("Qwen3 8B for 200 users on L40S", "inferstack plan --model Qwen3-8B --gpu L40S --users 200"),
        ("mixtral 8x7b in fp8 at 3 rps in eu-west-1", "--weight-quant fp8 --region eu-west-1 --request-rate 3"),
        ("64 concurrent requests to gpt-oss-120b, 2000 tokens in, 300 out", "--concurrency 64 --isl 2000 --osl 300"),
        ("Scout for $7 an hour", "--max-usd-per-hour 7"),
        ("vLLM or TensorRT-LLM for Llama 3.1 8B?", "inferstack plan --model Llama-3.1-8B-Instruct --engine tensorrt-llm"),
        ("self-hosting pays at 27M tokens a day?", "inferstack compare --model MODEL --tokens-per-day 27000000"),
        ("Llama 3.3 70B or an API?", "inferstack compare --model Llama-3.3-70B-Instruct"),
        ("Llama 3.1 8B with Llama Guard 3 8B in front on one H100", "--guard meta-llama/Llama-Guard-3-8B"),
    ],
)  # fmt: skip
def test_what_the_sum_does_not_hold_is_said_with_the_command_that_reads_it(question: str, command: str) -> None:
    """Dropped without a word it would be another question's answer."""
    assert command in notes(question)


@pytest.mark.parametrize("words", ["startup", "tokyo", "hair salon", "gpudirect"])
def test_a_word_that_nobody_reads_is_told(words: str) -> None:
    """Whatever it is."""
    assert f'"{words}"' in notes(f"Llama 3.1 8B on an L4 for my {words}")
    assert () == asked("does Llama 3.1 8B fit on an L4?").unread


def test_amounts_of_a_day_are_no_context() -> None:
    """Nor are users, money or rates."""
    for question in (
        "1M tokens a day with Llama 3.1 8B",
        "Llama 3.1 8B at 5M tokens per month",
        "$2M for Llama 3.1 8B",
        "1k users of Llama 3.1 8B",
    ):
        assert None is parse_question.in_words(question).tokens
        assert not any("with 1,000,000" in line or "5,000,000 tokens:" in line for line in asked(question).sum)


@pytest.mark.parametrize(
    ("question", "verdict"),
    [
        ("does Llama 3.3 70B fit on one H100?", "No: Llama-3.3-70B-Instruct does not start on 1 x H100-SXM-80"),
        ("does Llama 3.3 70B in fp8 fit on 2 H100?", "Yes: Llama-3.3-70B-Instruct starts on 2 x H100-SXM-80"),
        ("DeepSeek V3 on 8xH200", "Yes: DeepSeek-V3 starts on 8 x H200-SXM-141"),
        ("Llama 3.1 8B with 5M context", "No: 5,000,000 tokens are more than"),
        ("Qwen3 8B on 2xA100 40GB", "Yes: Qwen3-8B starts on 2 x A100-SXM-40"),
        ("does mistral 7b fit in 24 GB", "Yes: Mistral-7B-Instruct-v0.3 starts on 1 x "),
    ],
)
def test_yes_or_no_stands_first_where_the_question_can_be_decided(question: str, verdict: str) -> None:
    """The sum follows it."""
    assert str(asked(question).verdict).startswith(verdict)


def test_no_length_above_the_positions_starts() -> None:
    """A machine for a context that the engine refuses would be money for nothing."""
    found = asked("Llama 3.1 8B with 5M context")
    assert "131,072" in str(found.verdict)
    assert not any("5,000,000 tokens:" in line and "cheapest" in line for line in found.sum)


@pytest.mark.parametrize(
    ("question", "fewest"),
    [
        ("how many H100 for Llama 4 Maverick?", "at least 8 x H100-SXM-80 in fp8"),
        ("Maverick on how many B200?", "at least 4 x B200-HGX-180 in fp8"),
        ("how many L4 for Llama 3.1 8B", "at least 1 x L4 in bf16"),
        ("how many A100 80GB for Llama 3.1 405B fp8", "at least 8 x A100-SXM-80 in fp8"),
    ],
)
def test_how_many_is_counted_and_never_taken_for_one(question: str, fewest: str) -> None:
    """The least that starts, and why the number before it does not."""
    found = asked(question)
    assert any(line.startswith(fewest) for line in found.sum)
    assert "the fewest possible" in found.understood


def test_the_memory_of_users_is_counted() -> None:
    """80 layers x 2 x 8 heads x 128 x 2 bytes = 320 KiB a token; 32,000 x 20 are 195.3 GiB."""
    lines = asked("how much memory does Llama 3.3 70B need in fp8 with 32k context and 20 users?").sum
    assert any("for 20 users at 32,000 tokens each in 16 bit: 195.3 GiB" in line for line in lines)


def test_a_card_is_sold_in_the_sizes_of_its_instances() -> None:
    """Two H100 are two p5.4xlarge or one p5.48xlarge."""
    lines = asked("what do 2 x H100 cost?").sum
    assert "2 of them: 2 x p5.4xlarge = $13.76 an hour on demand" in lines
    assert "2 of them: 1 x p5.48xlarge = $55.04 an hour on demand" in lines


@pytest.mark.parametrize(("region", "usd"), [("eu-north-1", "$58.8"), ("ap-northeast-1", "$68.8"), ("us-west-2", "$55.0")])
def test_a_region_is_read(region: str, usd: str) -> None:
    """And one that has no price is refused by name."""
    assert any(usd in line and region in line for line in asked(f"what does p5.48xlarge cost in {region}?").sum)
    with pytest.raises(InputError, match="region eu-mars-1"):
        asked("what does p5.48xlarge cost in eu-mars-1?")


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("what does Llama 3.3 licence ask of me?", "Built with Llama"),
        ("Llama 3.1 licence", "meta-llama/Llama-3.1-405B-Instruct: licence: Llama 3.1 Community License"),
        ("is Llama 4 Scout allowed in the EU?", "NOT for licensees domiciled in the EU"),
    ],
)
def test_a_family_without_a_size_has_a_licence(question: str, says: str) -> None:
    """Every model of it, where it has several."""
    assert any(says in line for line in asked(question).sum)
    assert () == asked(question).unread


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("does a 70b model fit on 2 A100 40GB", "70b is a size, not a model"),
        ("llama 3.9 8b", "no model 'llama-3.9-8b'"),
        ("Qwen 9 7B on an H100", "no model 'qwen-9-7b'"),
        ("H100 96GB", "no H100 has 96 GB"),
        ("what is love", "not understood"),
    ],
)
def test_a_model_or_a_card_that_is_not_there_is_refused(question: str, said: str) -> None:
    """Never answered with the GPU alone."""
    with pytest.raises(InputError, match=said):
        asked(question)


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("should I use Ollama for 50 users?", "Ollama runs llama.cpp underneath"),
        ("TGI for Llama 3.3 70B", "TGI is not sized"),
        ("SGLang with Llama 3.3 70B", "sizing.estimate"),
        ("llama.cpp for gpt-oss 20b", "--engine llama.cpp"),
    ],
)
def test_an_engine_that_is_named_is_answered(question: str, says: str) -> None:
    """With what reads it, or why it is not sized."""
    assert says in notes(question)
