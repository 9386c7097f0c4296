"""One handler: a red line, a hint and an exit code for each kind of error; nothing else reaches the user."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inferstack.cli import edge, verbs_table
from inferstack.cli.screen import Screen
from inferstack.records.errors import CloudRefused, Finding, InferstackError, InputError, Interrupted, MissingTool
from inferstack.records.plan import Plan
from inferstack.show import tables
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
        (("plan", "--modell", "x"), "--modell: unknown flag; did you mean --model?"),
        (("simulate", "--seed", "many"), "Invalid value for '--seed'"),
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
    """Every verb is listed but `migrate`: there is one version of the records."""
    said = command_line.run().out
    assert [] == [verb for verb in verbs_table.VERBS if verb != "migrate" and f"  {verb} " not in said]


@pytest.mark.parametrize("verb", sorted(set(verbs_table.VERBS) - {"migrate"}))
def test_the_list_shows_how_each_verbs_own_help_begins(command_line: CommandLine, verb: str) -> None:
    """The list is read from the table of verbs, without the verb's module: it cannot say another thing."""
    listed = next(line.split(maxsplit=1)[1] for line in command_line.run("--help").out.splitlines() if line.startswith(f"  {verb} "))
    assert listed in (verbs_table.VERBS[verb], f"{verbs_table.VERBS[verb]}.")
    assert " ".join(verbs_table.load(verb).help.split()).startswith(verbs_table.VERBS[verb])


def test_the_list_of_verbs_imports_none_of_them() -> None:
    """A verb brings its records and the sizing with it; who asks which verbs there are waits for none of that."""
    left_out = ("inferstack.verbs.", "inferstack.chain.", "inferstack.records.plan", "sizing.")
    code = f"import sys; from inferstack.cli import edge; edge.run(['--help']); print([m for m in sys.modules if m.startswith({left_out})])"
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "  plan " in done.stdout and "[]" == done.stdout.splitlines()[-1]


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


MACHINE = [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EDQUOT, errno.EMFILE, errno.EIO]


@pytest.mark.parametrize("number", MACHINE)
def test_what_the_machine_refuses_is_one_line_with_the_path(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 3, the path and the system's own words, no traceback."""

    def answer(arguments: object) -> int:
        raise OSError(number, os.strerror(number), "/some/place")

    monkeypatch.setattr(edge, "_answer", answer)
    assert MissingTool.code == edge.run(["x"])
    lines = capsys.readouterr().err.splitlines()
    assert f"Error: /some/place: {os.strerror(number)}" == lines[0] and 2 == len(lines)


def test_a_full_disk_under_an_open_file_is_one_line_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The system names no file for a write; a log, a download."""

    def answer(arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(edge, "_answer", answer)
    assert MissingTool.code == edge.run(["x"])
    assert "Error: this machine: No space left on device\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    "raised", [FileNotFoundError(errno.ENOENT, "No such file", "x"), ConnectionRefusedError(111, "refused"), OSError("?")]
)
def test_other_errors_of_the_system_stay_surprises(raised: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that we forgot to make is our defect, not the machine's."""

    def answer(arguments: object) -> int:
        raise raised

    monkeypatch.setattr(edge, "_answer", answer)
    assert edge.SURPRISE == edge.run(["x"])


PLAN = ("plan", "--model", "Llama-3.1-8B-Instruct", "--users", "4")


def call(work: Path, *arguments: str, **streams: Any) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INFERSTACK_")}
    environment |= {"INFERSTACK_DIR": str(work), **streams.pop("environment", {})}
    command = [sys.executable, "-m", "inferstack", *arguments]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, errors="replace", check=False, timeout=120, **streams)


@pytest.mark.parametrize("arguments", [PLAN, (*PLAN, "--json"), ("--help",)])
def test_an_answer_that_cannot_be_written_is_one_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """`> /dev/full`: exit code 3, and what was computed is kept."""
    with Path("/dev/full").open("w") as full:
        done = call(tmp_path, *arguments, stdout=full)
    assert (3, ["Error: standard output: No space left on device", "free some disk space, then run the command again"]) == (
        done.returncode,
        done.stderr.splitlines(),
    )


def test_a_reader_that_has_had_enough_is_no_error(tmp_path: Path) -> None:
    """`inferstack plan | head -1`: exit code 0, a quiet stderr, wherever in the answer the reader left."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = call(tmp_path, *PLAN, stdout=writer)
    finally:
        os.close(writer)
    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252"])
def test_an_answer_in_any_encoding_is_whole(encoding: str, tmp_path: Path) -> None:
    """People see a question mark for a sign that the encoding lacks; the document loses nothing."""
    odd = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    told = call(tmp_path, *PLAN, environment=odd)
    assert (0, "") == (told.returncode, told.stderr) and "1 x g6.xlarge (1 L4): $" in told.stdout
    document = call(tmp_path, *PLAN, "--json", environment=odd).stdout
    whole = call(tmp_path, *PLAN, "--json", environment={"PYTHONIOENCODING": "utf-8"}).stdout
    assert json.loads(whole)["assumptions"] == json.loads(document)["assumptions"]


def test_a_folder_that_cannot_be_made_is_the_machines_refusal(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file stands where the work folder should be."""
    (command_line.here / "file").touch()
    monkeypatch.setenv("INFERSTACK_DIR", str(command_line.here / "file"))
    answer = command_line.run(*PLAN)
    assert 3 == answer.code and "Not a directory" in answer.err and "Traceback" not in answer.err


def test_a_full_disk_leaves_no_half_made_run_as_the_current_one(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run that was whole before stays the current one, and the one that was begun is gone."""
    assert 0 == command_line.run(*PLAN).code
    before = command_line.run("status", "--json").document

    def full(record: Plan, folder: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device", str(folder / "plan.json"))

    monkeypatch.setattr(Plan, "write", full)
    refused = command_line.run(*PLAN)
    assert 3 == refused.code and refused.err.startswith("Error: ") and "plan.json: No space left on device" in refused.err
    assert before == command_line.run("status", "--json").document
    assert 1 == len(list((command_line.work / "default" / "runs").iterdir()))


@pytest.mark.parametrize("before", ["", "/", "./"])
def test_a_name_of_any_length_is_one_short_line(before: str, command_line: CommandLine) -> None:
    """A hundred thousand letters are neither a traceback nor an echo."""
    answer = command_line.run("plan", "--model", before + "x" * 100_000, "--users", "4")
    assert 2 == answer.code and len(answer.err) < 2500


def test_a_reader_that_leaves_in_the_middle_of_a_table_is_the_edges_to_answer_for() -> None:
    """Rich would end the program with code 1; `inferstack plan | head` is no failure."""

    class Left(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        tables.table(Screen(out=Left()), (tables.name("a"),), [("b",)])
