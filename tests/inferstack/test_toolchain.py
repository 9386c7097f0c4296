"""The Pulumi CLI is found in one order, built once, and each missing thing is one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inferstack.records.errors import MissingTool
from inferstack.stack import toolchain


def fake_cli(path: Path, version: str = "v3.300.0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


def surroundings(tmp_path: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": str(tmp_path / "bin"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HOME": str(tmp_path),
        "INFERSTACK_OFFICIAL_PULUMI": "no",
        **more,
    }


def test_an_explicit_setting_wins_over_path(tmp_path: Path) -> None:
    """The setting is first in the order."""
    fake_cli(tmp_path / "bin" / "pulumi")
    chosen = fake_cli(tmp_path / "mine" / "pulumi")
    found = toolchain.find(environment=surroundings(tmp_path, INFERSTACK_PULUMI=str(chosen)))
    assert found is not None
    assert (chosen, "setting", "3.300.0") == (found.path, found.how, found.version)


def test_path_wins_over_the_cache(tmp_path: Path) -> None:
    """A CLI that the user installed is used as it is."""
    own = fake_cli(tmp_path / "bin" / "pulumi")
    environment = surroundings(tmp_path)
    fake_cli(toolchain.build_folder(environment) / "pulumi")
    found = toolchain.find(environment=environment)
    assert found is not None
    assert (own, "path") == (found.path, found.how)


def test_a_cli_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    """An old CLI on PATH must not break the run: the cached one is used."""
    fake_cli(tmp_path / "bin" / "pulumi", "v3.10.0")
    environment = surroundings(tmp_path)
    cached = fake_cli(toolchain.build_folder(environment) / "pulumi")
    found = toolchain.find(environment=environment)
    assert found is not None
    assert (cached, "build", toolchain.pinned_version()) == (found.path, found.how, found.version)


def test_a_cached_build_gets_its_language_host(tmp_path: Path) -> None:
    """The Go module has no language host, so ours stands beside the CLI and follows the checkout."""
    environment = surroundings(tmp_path)
    cached = fake_cli(toolchain.build_folder(environment) / "pulumi")
    (cached.parent / "language_host.py").write_text("old")
    toolchain.find(environment=environment)
    for name in toolchain.HOST_FILES:
        assert (toolchain.tools_folder() / "bin" / name).read_bytes() == (cached.parent / name).read_bytes()


def test_without_cli_installer_and_go_the_one_missing_thing_is_named(tmp_path: Path) -> None:
    """Exit code 3 and a line that says what to install."""
    with pytest.raises(MissingTool, match="Go is missing to build it") as caught:
        toolchain.pulumi(say=lambda _: None, environment=surroundings(tmp_path))
    assert caught.value.code == 3
    assert "install pulumi" in caught.value.hint


def test_a_failed_build_says_the_last_line_and_leaves_no_scratch(tmp_path: Path) -> None:
    """Gigabytes of private Go caches go away also when the build fails."""
    shell = shutil.which("sh")
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(f"#!{shell}\necho boom: no such module >&2\nexit 1\n")
    go.chmod(0o755)
    environment = surroundings(tmp_path)
    with pytest.raises(MissingTool, match="boom: no such module"):
        toolchain.pulumi(say=lambda _: None, environment=environment)
    assert [] == [entry.name for entry in toolchain.build_folder(environment).iterdir()]


def test_a_setting_that_points_nowhere_is_refused(tmp_path: Path) -> None:
    """Never fall back silently from what the user asked for."""
    with pytest.raises(MissingTool, match="INFERSTACK_PULUMI"):
        toolchain.find(environment=surroundings(tmp_path, INFERSTACK_PULUMI=str(tmp_path / "nothing")))


def test_the_version_is_the_one_of_the_go_module() -> None:
    """One place pins the version: the Python SDK follows it."""
    from importlib import metadata

    assert metadata.version("pulumi") == toolchain.pinned_version()
