"""inferstack explain: the sum of a plan, a request or a question; nothing is written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.inferstack.command_line import CommandLine

REQUEST = ("--model", "Llama-3.1-8B-Instruct", "--request-rate", "2")


def test_explain_of_a_request_draws_bar_terms_and_roofline_in_80_columns(command_line: CommandLine) -> None:
    """Readable without colour: letters, not colours, tell the parts."""
    found = command_line.run("explain", *REQUEST)
    assert 0 == found.code
    lines = found.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in found.out
    bar = next(line for line in lines if line.startswith("  ["))
    assert 60 == len(bar.strip()) - 2
    assert {"M", "k", "."} <= set(bar)
    assert any("Roofline" in line for line in lines)
    assert any(line.startswith("Bound by") for line in lines)
    assert any("Confidence:" in line for line in lines)
    assert "ms in the queue" in " ".join(found.out.split())


def test_explain_writes_nothing(command_line: CommandLine) -> None:
    """No stack, no run, no request."""
    command_line.run("explain", *REQUEST)
    command_line.run("explain", "H200")
    assert ["here"] == list(command_line.tree())


def test_the_document_of_a_request_adds_up(command_line: CommandLine) -> None:
    """One JSON document on stdout: bytes to the GPU, seconds to the iteration."""
    document: dict[str, Any] = command_line.run("explain", *REQUEST, "--json").document
    found = document["breakdown"]
    assert sum(part["bytes"] for part in found["memory"]) == pytest.approx(found["gpu_bytes"])
    assert sum(term["seconds"] for term in found["iteration"]) == pytest.approx(found["iteration_s"])
    assert found["roofline"]["ridge"] > 0
    assert {"value", "low", "high", "band"} == set(found["figures"]["itl_ms"])


def test_a_plan_is_explained_by_its_file_and_by_its_stack(command_line: CommandLine) -> None:
    """And takes no flags of a request then."""
    assert 0 == command_line.run("plan", *REQUEST).code
    file = str(command_line.work / "default" / "current" / "plan.json")
    by_stack, by_file = command_line.run("explain"), command_line.run("explain", file)
    assert (0, by_stack.out) == (by_file.code, by_file.out)
    refused = command_line.run("explain", file, "--isl", "100")
    assert 2 == refused.code
    assert "--isl" in refused.err


def test_a_request_file_is_planned_and_explained(command_line: CommandLine) -> None:
    """Flags win over it, as in plan."""
    file = command_line.here / "request.yaml"
    file.write_text("model: Llama-3.1-8B-Instruct\nconcurrency: 4\n")
    found = command_line.run("explain", "request.yaml", "--gpu", "H100", "--json")
    assert 0 == found.code
    assert "H100-SXM-80" == found.document["breakdown"]["gpu"]


@pytest.mark.parametrize(("words", "code", "part"), [
    (("p5.xlarge",), 0, "two sizes only"),
    (("Maverick", "FP8", "on", "5", "x", "H100"), 0, "KV heads"),
    (("what is love",), 2, "not understood"),
    (("missing.json",), 2, "no such file"),
    (("H200", "--isl", "100"), 2, "--isl"),
])  # fmt: skip
def test_questions_in_words(command_line: CommandLine, words: tuple[str, ...], code: int, part: str) -> None:
    """An answer, or one line that says what is wrong and exit code 2."""
    found = command_line.run("explain", *words)
    assert code == found.code
    assert part in found.out + found.err


def test_an_answer_is_one_document(command_line: CommandLine) -> None:
    """With the sum and its sources."""
    found = command_line.run("explain", "--json", "H200 with 80 GB")
    document = json.loads(found.out)
    assert document["wrong"] is True
    assert document["sum"]
    assert document["sources"]


@pytest.mark.parametrize(("flags", "part"), [
    (("--model", "Llama-3.4-70B"), "never released"),
    (("--model", "Llama-3.1-8B-Instruct", "--instance-type", "p5.xlarge"), "two sizes only"),
    (("--model", "Llama-3.1-8B-Instruct", "--gpu", "H200-80"), "141 GB"),
    (("--model", "Llama-4-Scout-17B-16E-Instruct", "--weight-quant", "gguf-q4_k_m", "--gpu", "RTX4090"), "not in any EC2 instance type"),
])  # fmt: skip
def test_plan_contradicts_names_that_are_wrong(command_line: CommandLine, flags: tuple[str, ...], part: str) -> None:
    """Where a person types them."""
    found = command_line.run("plan", *flags)
    assert 2 == found.code
    assert part in found.err


@pytest.mark.parametrize(("flags", "parts"), [
    (("--model", "Llama-4-Maverick-17B-128E-Instruct-FP8", "--gpu", "H100", "--tp", "5"), ("8 KV heads and tp=5", "40 query heads do")),
    (("--model", "Llama-4-Scout", "--weight-quant", "gguf-q4_k_m", "--instance-type", "g5.xlarge"), ("weights", "leave no KV cache")),
    (("--model", "Llama-3.1-8B-Instruct", "--gpu", "H100", "--max-usd-per-hour", "4"), ("$6.88/h",)),
])  # fmt: skip
def test_plan_contradicts_what_does_not_hold_with_its_numbers(
    command_line: CommandLine, flags: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    """Five cards, 24 GB, and a price of last year: nothing serves it, exit code 1."""
    found = command_line.run("plan", *flags)
    assert 1 == found.code
    assert [] == [part for part in parts if part not in found.err]


def test_a_plan_prints_licence_and_guards(command_line: CommandLine) -> None:
    """Two lines of the licence; one for each guard, and that nothing deploys it."""
    found = command_line.run("plan", *REQUEST, "--gpu", "H100", "--guard", "Llama-Guard-3-1B", "--details")
    assert 0 == found.code
    assert "licence: Llama 3.1 Community License" in found.out
    assert 'show "Built with Llama"' in found.out
    assert "guard meta-llama/Llama-Guard-3-1B: gpu-share" in found.out
    assert "they are not deployed yet" in found.out


def test_explain_takes_the_flags_of_plan(command_line: CommandLine) -> None:
    """And compare does: whatever the keys of a request become, and in the same order."""
    import typer

    from inferstack.cli.request_flags import FLAGS
    from inferstack.verbs import compare, explain, plan

    for verb in (plan, explain, compare):
        taken = [one.name for one in typer.main.get_command(verb.app()).params]
        assert list(FLAGS) == [name for name in taken if name in FLAGS]


def test_explain_shows_what_a_special_load_adds_in_80_columns(command_line: CommandLine) -> None:
    """A draft and adapters are letters of the memory bar, a speculative step has its terms, a prompt names its images."""
    asked = ("--speculative-method", "eagle3", "--lora-slots", "4", "--lora-module", "q_proj", "--lora-module", "v_proj")
    found = command_line.run("explain", *REQUEST, *asked)
    assert 0 == found.code
    lines = found.out.splitlines()
    assert max(map(len, lines)) <= 80
    for begin in (
        "  D  draft",
        "  d  KV of the draft",
        "  R  LoRA adapters",
        "One speculative step with",
        "  eagle3: draft",
        "  verify: dense GEMMs",
    ):
        assert any(line.startswith(begin) for line in lines), begin
    seen = command_line.run("explain", "--model", "gemma-3-4b-it", "--images-per-request", "2", "--image-pixels", "800x600")
    assert "520 of them for images" in seen.out.replace("\n  ", " ")
    assert any(line.startswith("  vision encoder") for line in seen.out.splitlines())


def test_a_split_fleet_is_shown_and_is_part_of_the_document(command_line: CommandLine) -> None:
    """For people beside the plan, with what `up` builds; as JSON under split_fleet."""
    asked = ("plan", "--model", "Llama-3.1-8B-Instruct", "--request-rate", "20", "--split")
    said = command_line.run(*asked).out
    assert "prefill and decode on separate fleets (comparison only, up builds the plan above)" in said
    document: dict[str, Any] = command_line.run(*asked, "--json").document
    assert document["split_fleet"]["cheaper"] in ("split", "aggregated", "equal")
    assert document["split_fleet"]["prefill"]["instance_count"] >= 1


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--lora-rank", "8"), "lora_rank has no effect without lora_slots"),
        (("--images-per-request", "1", "--image-pixels", "wide"), "--image-pixels: must be width x height"),
        (("--speculative-method", "mtp"), "mtp needs multi-token-prediction layers"),
        (("--lora-slots", "1", "--lora-module", "lm_head"), "--lora-module: must be"),
    ],
)
def test_a_special_load_that_cannot_be_ends_with_one_line_and_code_2(command_line: CommandLine, flags: tuple[str, ...], said: str) -> None:
    """Wrong use, as any other."""
    found = command_line.run("plan", *REQUEST, *flags)
    assert 2 == found.code
    assert said in found.err.splitlines()[0]
