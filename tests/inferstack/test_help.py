"""What `--help` prints: groups, panels, examples, whole sentences within 80 columns; and what other tools' words lead to."""

from __future__ import annotations

import re
import shlex

import pytest

from inferstack.cli import help as help_
from inferstack.cli import verbs_table
from inferstack.cli.request_flags import FLAGS
from tests.inferstack.command_line import CommandLine

VERBS = tuple(verbs_table.VERBS)
SUBVERBS = (("weights", "put"), ("model", "add"), ("model", "show"), ("model", "list"), ("prices", "refresh"), ("prices", "list"))
LONGEST_SUMMARY = 55


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("arguments", [(), *((verb,) for verb in VERBS), *SUBVERBS], ids=" ".join)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_fits_80_columns_and_cuts_nothing(command_line: CommandLine, arguments: tuple[str, ...], flag: str) -> None:
    """`-h` is `--help`; no line is wider, and none is cut off with dots."""
    said = command_line.run(*arguments, flag)
    assert 0 == said.code
    usage, _, rest = said.out.partition("\n")
    assert [] == [line for line in said.out.splitlines() if len(line) > 80]
    assert "..." not in rest, usage


def test_the_list_of_verbs_is_in_groups_and_says_where_to_start(command_line: CommandLine) -> None:
    """Every verb but `migrate` once; each summary in one line."""
    said = command_line.run("--help").out
    heads = [f"{title}:" for title in help_.GROUPS]
    assert heads == [line for line in said.splitlines() if line in heads]
    listed = [name for names in help_.GROUPS.values() for name in names]
    assert sorted(set(VERBS) - {"migrate"}) == sorted(listed)
    assert [] == [name for name in listed if f"  {name:<11}{verbs_table.VERBS[name]}\n" not in said]
    assert [] == [name for name, summary in verbs_table.VERBS.items() if len(summary) > LONGEST_SUMMARY]
    assert "Start here:" in said and "docs/" in said


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_two_or_three_examples_that_it_takes(command_line: CommandLine, verb: str) -> None:
    """Each is a call of the verb, and every flag in it exists there."""
    examples = help_.EXAMPLES[verb]
    assert 2 <= len(examples) <= 3
    said = command_line.run(verb, "--help").out
    for one in examples:
        assert f"  {one}\n" in said
        words = shlex.split(one.removeprefix('eval "$(').removesuffix(')"'))
        assert ["inferstack", verb] == words[:2]
        command = verbs_table.load(verb)
        if hasattr(command, "commands"):
            command = command.commands[words[2]]
        taken = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
        assert [] == [word for word in words if word.startswith("--") and word.partition("=")[0] not in taken], one


def test_the_options_of_plan_are_in_panels(command_line: CommandLine) -> None:
    """Each flag of a request under the panel where a person looks for it."""
    said = command_line.run("plan", "--help").out
    panels = ["Model", "Engine", "Load", "Targets", "Layout", "Where", "Limits", "Speculation", "LoRA", "Images"]
    places = [said.index(f"\n{panel}:\n") for panel in panels]
    assert sorted(places) == places
    found = {"--weight-quant": "Model", "--users": "Load", "--itl-p99-ms": "Targets", "--tp ": "Layout", "--gpu": "Where"}
    for flag, panel in found.items():
        begin = said.index(f"\n{panel}:\n")
        end = said.index("\n\n", begin)
        assert flag in said[begin:end], flag
    assert len(FLAGS) > 40


@pytest.mark.parametrize(("word", "verb"), help_.VERBS_ELSEWHERE.items())
def test_another_tools_verb_is_answered_with_ours(command_line: CommandLine, word: str, verb: str) -> None:
    """One line, exit code 2, and the verb exists."""
    said = command_line.run(word)
    assert (2, "") == (said.code, said.out)
    assert f"did you mean {verb}?" in said.err
    assert verb.split()[0] in VERBS and word not in VERBS


@pytest.mark.parametrize(("word", "flag"), help_.FLAGS_ELSEWHERE.items())
def test_another_tools_flag_is_answered_with_ours(command_line: CommandLine, word: str, flag: str) -> None:
    """Of the first verb that has the flag; where a verb has none such, the plain refusal stays."""
    verb = next(name for name in VERBS if flag in _flags(name))
    said = command_line.run(verb, word, "1")
    assert 2 == said.code
    assert f"{word}: no such option of inferstack {verb}; did you mean {flag}?" in said.err
    assert word not in _flags(verb)


def _flags(verb: str) -> set[str]:
    return {name for option in getattr(verbs_table.load(verb), "params", ()) for name in option.opts}


def test_a_panel_is_a_word_of_the_order() -> None:
    """A new option cannot stand in a panel that nobody placed."""
    for name in VERBS:
        for option in getattr(verbs_table.load(name), "params", ()):
            assert help_.panel(option) in (*help_.ORDER, "Arguments"), (name, option.name)
    assert re.match(r"inferstack \w", help_.EXAMPLES["plan"][0])
