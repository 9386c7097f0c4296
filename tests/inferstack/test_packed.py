"""An installed wheel reads from itself what a checkout has beside the program."""

from __future__ import annotations

from pathlib import Path

import pytest

import hatch_build
from inferstack.records.files import places
from inferstack.stack import pulumi, toolchain

ROOT = Path(__file__).resolve().parents[2]


def test_what_a_wheel_carries_is_in_the_checkout() -> None:
    """The hook names files that exist, and each one that the program looks for."""
    assert [] == [name for name in hatch_build.PACKED if not (ROOT / name).exists()]
    assert {"Pulumi.yaml", "requirements/all.lock", "tools/go.mod", "tools/go.sum", "tools/bin"} <= set(hatch_build.PACKED)


def test_a_wheel_lays_the_pulumi_project_into_the_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own folder may be read-only; a newer wheel replaces the file."""
    packed = tmp_path / "packed"
    (packed / "tools").mkdir(parents=True)
    (packed / "Pulumi.yaml").write_text("name: inferstack\n")
    (packed / "tools" / "go.mod").write_text("module x\n\nrequire github.com/pulumi/pulumi/pkg/v3 v3.1.2\n")
    monkeypatch.setattr(places, "_checkout", lambda: None)
    monkeypatch.setattr(places, "PACKED", packed)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert tmp_path / "state" / "inferstack" == pulumi.project_folder()
    assert "3.1.2" == toolchain.pinned_version()
    (packed / "Pulumi.yaml").write_text("name: inferstack\nmain: stacks\n")
    assert "main: stacks" in (pulumi.project_folder() / "Pulumi.yaml").read_text()


def test_a_checkout_is_its_own_project() -> None:
    """Nothing is laid anywhere."""
    assert (ROOT, ROOT / "Pulumi.yaml") == (pulumi.project_folder(), places.of_checkout("Pulumi.yaml"))
