"""Which kind of host this machine gets, and what it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferstack.records.errors import InputError, MissingTool
from inferstack.sandbox.hosts import choose, possible


def test_the_fallback_says_why_and_what_is_not_exercised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: every fallback prints itself."""
    monkeypatch.delenv("INFERSTACK_HOSTS", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    launcher = choose(tmp_path)
    assert "process" == launcher.kind
    assert "needs root (namespaces and mounts)" in launcher.note
    assert "SSH over the session, and reboots are not exercised" in launcher.note


def test_a_missing_tool_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: the one reason names what to install."""
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda tool: None if tool == "systemd-nspawn" else tool)
    assert "needs systemd-nspawn (apt-get install systemd-container)" == possible.why_not(tmp_path)


def test_asking_for_nodes_that_cannot_run_is_an_error_not_a_fallback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: a forced kind is that kind or an error."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("INFERSTACK_HOSTS", "nspawn")
    with pytest.raises(MissingTool, match="needs root"):
        choose(tmp_path)
    monkeypatch.setenv("INFERSTACK_HOSTS", "docker")
    with pytest.raises(InputError, match="'docker' is not a kind of host"):
        choose(tmp_path)
