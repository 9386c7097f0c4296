"""`inferstack report`: of a file or of the stack's run; wrong input is one line and exit code 2, and writes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.inferstack.command_line import CommandLine


def test_a_request_file_gives_a_page_in_the_working_folder(command_line: CommandLine, request_file: Path) -> None:
    found = command_line.run("report", "request.yaml")
    page = command_line.here / "report.html"
    assert (0, "") == (found.code, found.err)
    assert str(page) in found.out
    assert "Llama-3.1-8B-Instruct" in page.read_text()


def test_the_stacks_run_gets_its_page_beside_its_records(command_line: CommandLine, request_file: Path) -> None:
    command_line.run("plan", "request.yaml")
    found = command_line.run("report", "--json")
    run = (command_line.work / "default" / "current").resolve()
    assert (0, str(run / "report.html")) == (found.code, found.document["report"])
    assert run.name in (run / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("report",), "--stack default: no such stack"),
        (("report", "none.yaml"), "none.yaml"),
        (("report", "request.yaml", "--out", "."), "--out: .: is a folder; give a file"),
        (("report", "request.yaml", "--out", "request.yaml/x.html"), "--out: request.yaml/x.html"),
    ],
)
def test_wrong_input_is_one_line_and_writes_nothing(
    command_line: CommandLine, request_file: Path, arguments: tuple[str, ...], says: str
) -> None:
    before = command_line.tree()
    found = command_line.run(*arguments)
    assert 2 == found.code
    assert says in found.err
    assert before == command_line.tree()
