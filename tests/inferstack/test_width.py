"""What people see fits the width that there is: nothing is broken inside a word, and a plan's answer is eight lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from inferstack.cli import lines
from inferstack.cli.screen import Screen
from inferstack.show import tables
from tests.inferstack.command_line import CommandLine

ROOT = Path(__file__).parents[2]
BILL = str(ROOT / "examples/bills/two-node-fsx/registrations.json")
LLAMA = ("--model", "meta-llama/Llama-3.3-70B-Instruct")
CHAT = ("--isl", "2000", "--osl", "400", "--ttft-ms", "1000", "--itl-ms", "33")
SCREENS = {
    "plan": ("plan", *LLAMA, *CHAT, "--request-rate", "20"),
    "plan --details": ("plan", *LLAMA, *CHAT, "--request-rate", "20", "--details"),
    "explain": ("explain", *LLAMA, "--users", "16"),
    "explain a question": ("explain", "does Llama 3.3 70B fit on one H100?"),
    "simulate": ("simulate",),
    "compare": ("compare", *LLAMA, *CHAT, "--request-rate", "4"),
    "fleet": ("fleet", str(ROOT / "examples/fleet-of-five/fleet.yaml")),
    "bill": ("bill", BILL, "--on", "2026-11-27"),
    "runs": ("runs",),
    "status": ("status",),
    "settings": ("settings",),
    "prices list": ("prices", "list", "--region", "us-east-1"),
    "prices list --regions": ("prices", "list", "--regions"),
    "model list": ("model", "list"),
    "model show": ("model", "show", "meta-llama/Llama-3.3-70B-Instruct"),
    "doctor": ("doctor",),
}
REQUESTS = [
    (*LLAMA, *CHAT, "--request-rate", "20"),
    (*LLAMA, *CHAT, "--users", "50", "--ttft-p99-ms", "2000", "--n-plus-1"),
    ("--model", "Llama-3.1-8B-Instruct"),
    ("--model", "Llama-3.1-8B-Instruct", "--request-rate", "4", "--weight-quant", "fp8", "--itl-ms", "40"),
    ("--model", "Llama-3.1-405B-Instruct", "--concurrency", "32", "--itl-ms", "60"),
    ("--model", "Llama-3.1-8B-Instruct", "--users", "8", "--guard", "Llama-Guard-3-1B"),
    ("--model", "Llama-4-Maverick-17B-128E-Instruct", "--users", "200", "--e2e-ms", "60000", "--region", "us-west-2"),
    ("--model", "Llama-3.3-70B-Instruct", "--weight-quant", "gguf-q4_k_m", "--users", "4"),
    ("--model", "Qwen/Qwen3-32B", "--tokens-per-s", "20000", "--ttft-ms", "800", "--itl-ms", "50", "--e2e-ms", "30000"),
    ("--model", "deepseek-ai/DeepSeek-V3", "--concurrency", "64"),
]


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("screen", SCREENS)
def test_nothing_is_wider_than_the_terminal_or_broken_inside_a_word(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, screen: str, width: int
) -> None:
    """Each word of the narrow form stands in the unlimited one: no number, name or id is folded. Paths may stick out."""
    if screen in ("runs", "status", "simulate"):
        assert 0 == command_line.run("plan", "--model", "Llama-3.1-8B-Instruct").code
    whole = command_line.run(*SCREENS[screen])
    monkeypatch.setenv("COLUMNS", str(width))
    narrow = command_line.run(*SCREENS[screen])
    assert (0, 0) == (whole.code, narrow.code)
    wide = [line for line in narrow.out.splitlines() if lines.cells(line) > width and len(line.split()) > 2]
    assert [] == wide
    known = {word.strip(":,;") for word in re.split(r"\s+", whole.out)} | {word for line in whole.out.splitlines() for word in line.split()}
    broken = {word for word in narrow.out.split() if word not in known and word.strip(":,;") not in known and not _made_anew(word, screen)}
    assert set() == broken


def _made_anew(word: str, screen: str) -> bool:
    """A picture, a run's id and the time that solving took differ from call to call."""
    timed = screen == "fleet" and re.fullmatch(r"\d+\.\d+", word)
    return bool(timed or re.search(r"^[│└]|\d{8}T\d{6}Z|test_nothing_is_wider", word))


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: " ".join(one[1::2])[:60])
def test_the_answer_of_a_plan_is_eight_lines(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, request_: tuple[str, ...]) -> None:
    """On 80 columns, the price in the first; then an empty line and at most eight candidates; 24 lines hold it all."""
    monkeypatch.setenv("COLUMNS", "80")
    said = command_line.run("plan", *request_).out.splitlines()
    answer = said[: said.index("")]
    assert len(answer) <= 8, "\n".join(answer)
    assert re.match(r"\d+ x \S+ \(\d+ \S+\): \$[\d,.]+/h", answer[0])
    assert "Next: inferstack preview" in answer[-1]
    assert len(said) <= 24


def test_each_target_is_judged_and_marked_in_words(command_line: CommandLine) -> None:
    """A band that crosses a target is doubtful, whatever the mean says."""
    said = command_line.run("plan", *REQUESTS[0]).out
    assert re.search(r"^  met       TTFT mean \d+ ms, target 1,000 ms \(could be \d+ ms\)$", said, re.MULTILINE)
    assert re.search(r"^  doubtful  ITL mean [\d.]+ ms, target 33 ms \(could be \d+ ms\)$", said, re.MULTILINE)


def test_a_plan_without_a_load_says_so_at_the_top(command_line: CommandLine) -> None:
    """Not among the assumptions, where nobody looks."""
    assert "! No load given" in "\n".join(command_line.run("plan", "--model", "Llama-3.1-8B-Instruct").out.splitlines()[:3])


def test_a_saving_holds_when_its_flag_is_added(command_line: CommandLine) -> None:
    """The price that the answer names for a change is the price of the plan with it."""
    plan = command_line.run("plan", *REQUESTS[0], "--json").document
    tried = 0
    for one in plan["savings"]:
        if one["flag"]:
            flag, _, value = one["flag"].partition(" ")
            base = list(REQUESTS[0])
            if flag in base:
                del base[base.index(flag) : base.index(flag) + 2]
            then = command_line.run("plan", *base, flag, value, "--json").document
            assert then["usd_per_hour"] == pytest.approx(one["usd_per_hour"]), one
            tried += 1
    assert tried >= 2
    assert sorted(plan["savings"], key=lambda one: (one["kind"] == "purchase", one["usd_per_hour"])) == plan["savings"]


def test_a_table_that_fits_in_no_way_becomes_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    """An id is longer than the terminal is wide: it is printed whole."""
    long = "i-" + "0" * 60
    screen = Screen(environment={"COLUMNS": "40"})
    assert () == tables.table(screen, (tables.name("id"), tables.number("n")), [(long, 3)])
    assert f"id: {long}\n  n: 3\n" == capsys.readouterr().out


def test_columns_leave_by_rank_and_the_caller_learns_which(capsys: pytest.CaptureFixture[str]) -> None:
    """The highest rank first; words are broken only then."""
    screen = Screen(environment={"COLUMNS": "20"})
    heads = (tables.name("a"), tables.name("b", 1), tables.name("c", 2))
    assert ("c",) == tables.table(screen, heads, [("x" * 8, "y" * 8, "z" * 8)])
    assert f"a         b\n{'x' * 8}  {'y' * 8}\n" == capsys.readouterr().out
