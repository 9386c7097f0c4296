"""Stack folders: names, runs, the current link, the record of a stack's world."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from inferstack.records.errors import InputError
from inferstack.stack import workdir
from inferstack.stack.workdir import StackRecord, Workdir

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
BAD_NAMES = ["", "A", "9", "-x", "a_b", "a b", "../up", "a" * 31, "é", "a\n", "sandbox", "demo-base", "."]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_no_stack_may_have_is_refused(name: str, tmp_path: Path) -> None:
    """Names become folders, tags and AWS names; ours are not given away."""
    with pytest.raises(InputError, match="--stack"):
        Workdir(tmp_path).stack(name)
    assert [] == list(tmp_path.iterdir())


def test_the_newest_run_is_the_current_one(tmp_path: Path) -> None:
    """`current` follows each new run once it is settled, and falls back when one is dropped."""
    stack = Workdir(tmp_path).stack("demo")
    first = stack.new_run(NOW)
    second = stack.begun_run(NOW.replace(second=1))
    assert first.folder.resolve() == (tmp_path / "demo" / "current").resolve()
    stack.settle(second)
    assert second.folder.resolve() == (tmp_path / "demo" / "current").resolve()
    assert [first, second] == stack.runs()
    stack.drop(second)
    assert first.folder.resolve() == (tmp_path / "demo" / "current").resolve()
    stack.drop(first)
    assert stack.current() is None


def test_a_broken_current_link_falls_back_to_the_newest_run(tmp_path: Path) -> None:
    """A link that somebody removed hides no run."""
    stack = Workdir(tmp_path).stack("demo")
    run = stack.new_run(NOW)
    (tmp_path / "demo" / "current").unlink()
    assert run == stack.current()


def test_an_unknown_stack_names_the_known_ones(tmp_path: Path) -> None:
    """The hint says how a stack is made."""
    work = Workdir(tmp_path)
    work.stack("demo").write(StackRecord(stack="demo", rehearsal=True, region="us-east-1", base="demo-base", created_at=NOW))
    with pytest.raises(InputError, match="known: demo") as caught:
        work.known("dmeo")
    assert "inferstack plan --stack dmeo" in caught.value.hint


def test_the_work_folder_is_that_of_the_current_folder_or_its_nearest_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As git, Pulumi and Terraform do: two projects do not share a stack, and a project's own folders do."""
    project, inner, other = tmp_path / "project", tmp_path / "project" / "src" / "deep", tmp_path / "other"
    for folder in (inner, other):
        folder.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert inner / ".inferstack" == workdir.find({}).root
    (project / ".inferstack").mkdir()
    assert project / ".inferstack" == workdir.find({}).root
    monkeypatch.chdir(other)
    assert other / ".inferstack" == workdir.find({}).root
    assert tmp_path == workdir.find({"INFERSTACK_DIR": str(tmp_path)}).root


def test_a_parents_folder_of_another_user_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below a folder that many may write, anybody could lay one with a stack of his own in it."""
    here = tmp_path / "here"
    here.mkdir()
    (tmp_path / ".inferstack").mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr("inferstack.records.files.places.os.getuid", lambda: (tmp_path / ".inferstack").stat().st_uid + 1)
    assert here / ".inferstack" == workdir.find({}).root
    monkeypatch.setattr("inferstack.records.files.places.os.getuid", lambda: (tmp_path / ".inferstack").stat().st_uid)
    assert tmp_path / ".inferstack" == workdir.find({}).root


def test_a_stack_of_the_checkouts_own_folder_is_named_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stacks made before work folders followed the user are not lost: what runs in one costs money."""
    old = Workdir(tmp_path / "checkout" / ".inferstack")
    old.stack("demo").write(StackRecord(stack="demo", rehearsal=True, region="us-east-1", base="demo-base", created_at=NOW))
    monkeypatch.setattr("inferstack.records.files.places.root", lambda *args: tmp_path / "checkout")
    with pytest.raises(InputError, match="no such stack in") as caught:
        Workdir(tmp_path / "here" / ".inferstack").known("demo")
    assert f"INFERSTACK_DIR={tmp_path / 'checkout' / '.inferstack'}" in caught.value.hint
