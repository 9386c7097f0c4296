"""inferstack.records.files.facts: one compiled file that is never older than the YAML."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inferstack.records.errors import InputError
from inferstack.records.files import facts


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "sizing" / "facts" / "gpus"
    folder.mkdir(parents=True)
    (folder / "ada.yaml").write_text("as_of: 2026-11-21\nmemory_gib: 44.4\n")
    return tmp_path


@pytest.mark.parametrize("package", facts.PACKAGES)
def test_the_compiled_facts_equal_the_yaml(package: str) -> None:
    """Decision 7: the JSON that the command line reads says what the YAML says."""
    assert facts.read_yaml(package) == facts.load(package)
    assert facts.read_yaml(package) == json.loads(facts.compiled_path(package).read_text())["facts"]


def test_a_changed_yaml_is_seen_without_a_compile_step(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stale JSON is never served, and the repair says nothing on stdout."""
    assert 44.4 == facts.load.__wrapped__("sizing", root=root)["gpus"]["ada"]["memory_gib"]
    (root / "sizing/facts/gpus/ada.yaml").write_text("memory_gib: 45.0\n")
    assert {"gpus": {"ada": {"memory_gib": 45.0}}} == facts.load.__wrapped__("sizing", root=root)
    assert "" == capsys.readouterr().out


def test_a_truncated_compiled_file_is_made_again(root: Path) -> None:
    """A broken cache costs time, never an answer."""
    facts.compiled_path("sizing", root=root).write_text('{"digest": "')
    assert "2026-11-21" == facts.load.__wrapped__("sizing", root=root)["gpus"]["ada"]["as_of"]


def test_a_file_that_is_added_or_renamed_is_a_change(root: Path) -> None:
    """The digest covers names, not only contents."""
    before = facts.content_digest("sizing", root=root)
    (root / "sizing/facts/gpus/ada.yaml").rename(root / "sizing/facts/gpus/lovelace.yaml")
    assert before != facts.content_digest("sizing", root=root)


def test_a_facts_file_that_is_not_yaml_is_named(root: Path) -> None:
    """One line that names the file."""
    (root / "sizing/facts/gpus/ada.yaml").write_text("a: [1\n")
    with pytest.raises(InputError, match=r"ada\.yaml"):
        facts.load.__wrapped__("sizing", root=root)
