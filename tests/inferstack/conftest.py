"""A command line with a work folder of its own and none of the user's settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.inferstack.command_line import CommandLine

REQUEST = "model: Llama-3.1-8B-Instruct\nisl: 512\nosl: 64\nrequest_rate: 4\nttft_ms: 800\n"


@pytest.fixture
def command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    for name in list(os.environ):
        if name.startswith(("INFERSTACK_", "AWS_", "PULUMI_")) or name in ("HF_TOKEN", "NO_COLOR"):
            monkeypatch.delenv(name)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("INFERSTACK_DIR", str(tmp_path / "work"))
    return CommandLine(tmp_path / "work", here, capsys)


@pytest.fixture
def request_file(command_line: CommandLine) -> Path:
    """A small request in the folder that the user stands in."""
    path = command_line.here / "request.yaml"
    path.write_text(REQUEST)
    return path
