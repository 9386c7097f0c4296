"""A command line with a work folder of its own and none of the user's settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.inferstack.command_line import CommandLine


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
