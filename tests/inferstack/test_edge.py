"""One handler: a red line, a hint and an exit code for each kind of error; nothing else reaches the user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inferstack import edge
from records.errors import CloudRefused, Finding, InferstackError, InputError, Interrupted, MissingTool
from tests.inferstack.command_line import CommandLine

ROOT = Path(__file__).resolve().parents[2]
KINDS: list[tuple[type[InferstackError], int]] = [(Finding, 1), (InputError, 2), (MissingTool, 3), (CloudRefused, 4), (Interrupted, 130)]


@pytest.mark.parametrize(("kind", "code"), KINDS)
def test_each_error_has_its_exit_code_one_line_and_its_hint(
    kind: type[InferstackError], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Message and hint are one line each on stderr; stdout stays empty."""

    def answer(arguments: object) -> int:
        raise kind("it went\nwrong", hint="do\nthis")

    monkeypatch.setattr(edge, "_answer", answer)
    assert code == edge.run(["x"])
    said = capsys.readouterr()
    assert ("", "Error: it went wrong\ndo this\n") == (said.out, said.err)


def test_with_json_an_error_is_one_document_on_stdout(command_line: CommandLine) -> None:
    """A program that reads stdout need not read stderr."""
    answer = command_line.run("runs", "--stack", "nowhere", "--json")
    assert 2 == answer.code == answer.document["error"]["code"]
    assert answer.document["error"]["message"] in answer.err


def test_a_surprise_keeps_its_traceback_and_asks_for_a_report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A defect of ours is never dressed up as the user's mistake."""

    def answer(arguments: object) -> int:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(edge, "_answer", answer)
    assert edge.SURPRISE == edge.run(["x"])
    said = capsys.readouterr().err
    assert "Traceback" in said and "ZeroDivisionError: a bug" in said and "report it" in said


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("rnus",), "No such command 'rnus'. Did you mean 'runs'?"),
        (("plan", "--modell", "x"), "No such option: --modell"),
        (("plan", "--users", "many"), "Invalid value for '--users'"),
        (("plan", "--isl"), "Option '--isl' requires an argument"),
        (("bench", "--concurrency", "0"), "Invalid value for '--concurrency'"),
        (("extend",), "Missing option '--by'"),
        (("weights",), "Missing command"),
        (("--json",), "Missing command"),
        (("settings", "surplus"), "Got unexpected extra argument"),
    ],
)
def test_a_wrong_command_line_exits_2_and_names_the_help(command_line: CommandLine, arguments: tuple[str, ...], expected: str) -> None:
    """Usage errors are one line as all others are."""
    answer = command_line.run(*arguments)
    assert 2 == answer.code
    assert expected in answer.err
    assert "--help" in answer.err
    assert "Traceback" not in answer.err


def test_without_a_verb_the_help_is_shown(command_line: CommandLine) -> None:
    """Every verb is listed."""
    from inferstack import cli

    said = command_line.run().out
    assert [] == [verb for verb in cli.VERBS if f"  {verb} " not in said]


def test_global_options_may_stand_before_the_verb(command_line: CommandLine) -> None:
    """`inferstack --json settings` is `inferstack settings --json`."""
    assert command_line.run("settings", "--json").document == command_line.run("--json", "settings").document
    assert "nowhere" in command_line.run("--stack", "nowhere", "status").err


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["plan", "--help"]])
def test_asking_for_help_is_no_error(command_line: CommandLine, arguments: list[str]) -> None:
    """Exit 0, on stdout."""
    answer = command_line.run(*arguments)
    assert (0, "") == (answer.code, answer.err)
    assert "inferstack" in answer.out


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    """`inferstack settings | head -0` ends quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "INFERSTACK_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "inferstack", "settings", "--json"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, env=environment)
    os.close(writer)
    assert (0, "") == (done.returncode, done.stderr)


def test_json_goes_to_stdout_and_the_rest_to_stderr(command_line: CommandLine) -> None:
    """One document, and nothing else, on stdout."""
    answer = command_line.run("settings", "--json")
    assert json.loads(answer.out)["settings"]
    assert "setting" in answer.err
