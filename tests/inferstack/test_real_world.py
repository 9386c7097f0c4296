"""Before a real stack is touched: where its calls, its state and its bill go."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferstack.cli.command import begin
from inferstack.stack import world
from tests.inferstack.command_line import CommandLine


@pytest.fixture(autouse=True)
def nobodys_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.mark.parametrize("verb", ["preview", "up", "prices refresh"])
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"])
def test_a_real_stack_does_not_follow_an_endpoint_to_this_machine(
    command_line: CommandLine, request_file: Path, monkeypatch: pytest.MonkeyPatch, verb: str, name: str
) -> None:
    """Exit 2 with the variable's name, before any call; a session token went there in the clear."""
    assert 0 == command_line.run("plan", str(request_file), "--no-rehearse", "--stack", "real").code
    monkeypatch.setenv(name, "http://127.0.0.1:18920")
    where = ("--stack", "real", "--backend", f"file://{command_line.work}") if verb == "up" else ("--stack", "real")
    answer = command_line.run(*verb.split(), *(where if verb != "prices refresh" else ("--region", "us-east-1")), "-y")
    assert 2 == answer.code
    assert f"{name}: http://127.0.0.1:18920 is not https" in answer.err


def test_the_question_names_backend_and_profile_and_the_file_that_chose_them(command_line: CommandLine, request_file: Path) -> None:
    """An example folder of somebody else may hold an inferstack.yaml."""
    assert 0 == command_line.run("plan", str(request_file), "--no-rehearse", "--stack", "real").code
    file = command_line.here / "inferstack.yaml"
    file.write_text("backend: https://evil.example\nprofile: prod\n")
    at = begin("up", "real", as_json=False, yes=False, verbose=False)
    told = world.question(at, at.stack.record())
    assert f"backend https://evil.example ({file}:1) and profile prod ({file}:2)" in told
    answer = command_line.run("up", "--stack", "real")
    assert 2 == answer.code and "https://evil.example" in answer.err and "profile prod" in answer.err


def test_a_rehearsal_is_not_asked_about_either(command_line: CommandLine, request_file: Path) -> None:
    """Its state and its account are this machine's."""
    assert 0 == command_line.run("plan", str(request_file), "--rehearse").code
    at = begin("up", "default", as_json=False, yes=False, verbose=False)
    assert "" == world.question(at, at.stack.record())
