"""`make mutants`: which mutants are made, that its tables fit the tree, and what a worker says of a mutant."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.mutants import mutations, subjects
from tools.mutants.subjects import Planted, Subject, TableError

ROOT = Path(__file__).resolve().parents[2]

SOURCE = """\
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from a import b as b1


def least(one: int | None, *, limit: int = 3, other: float | None = None) -> int | None:
    if one is None or one >= limit:
        return None
    known: int | str = one + 1
    return known
"""


def changes() -> set[tuple[str, str]]:
    return {(one.before, one.after) for one in mutations.mutants("m.py", SOURCE)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("if one is None or one >= limit:", "if one is None or one > limit:"),
        ("if one is None or one >= limit:", "if one is None or one < limit:"),
        ("if one is None or one >= limit:", "if one is None and one >= limit:"),
        ("if one is None or one >= limit:", "if one is not None or one >= limit:"),
        ("known: int | str = one + 1", "known: int | str = one - 1"),
        ("known: int | str = one + 1", "known: int | str = one + 2"),
    ],
)
def test_an_operator_a_boundary_and_a_number_are_changed_one_at_a_time(before: str, after: str) -> None:
    """Each as a mutant of its own."""
    assert (before, after) in changes()


def test_what_has_no_effect_when_the_program_runs_is_not_mutated() -> None:
    """Annotations, imports for the type checker, and the star before keyword-only parameters."""
    assert not any("&" in after or "not TYPE_CHECKING" in after or "/" in after for _, after in changes())
    assert any("limit: int = 4" in after for _, after in changes()), "a default is no annotation"


def test_every_mutant_can_be_compiled_and_none_is_the_original() -> None:
    """And none is made twice."""
    made = mutations.mutants("m.py", SOURCE)
    assert len(made) == len({one.source for one in made}) >= 10
    for one in made:
        assert SOURCE != one.source
        compile(one.source, "m.py", "exec")


def test_the_tables_fit_the_tree() -> None:
    """Every module and every test is there, the text of a planted mutation stands once, and there are no more equivalents than a few."""
    assert {"constraints", "layouts", "preflight", "quotas", "refusals", "tiers", "decision", "diff", "limits", "lock"} <= {
        one.name for one in subjects.subjects()
    }
    rows = subjects.planted()
    assert 10 == len(rows)
    for one in rows:
        source = (ROOT / one.subject.module).read_text()
        assert one.mutated(source) != source


def test_every_equivalent_names_a_mutant_that_is_made() -> None:
    """A row whose line has changed has to be looked at anew."""
    for module in {one.module for one in subjects.equivalents()}:
        made = {(one.before, one.after) for one in mutations.mutants(module, (ROOT / module).read_text())}
        assert {(one.before, one.after) for one in subjects.equivalents() if one.module == module} <= made
    assert all(one.reason for one in subjects.equivalents())


def test_a_module_that_has_moved_is_named_with_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything runs."""
    monkeypatch.setattr(subjects, "_table", lambda name: {"tiers": {"modules": ["gone.py"], "tests": ["tests/pricing/test_tiers.py"]}})
    with pytest.raises(TableError, match=r"^tools/mutants/subjects.yaml: tiers: gone.py is not there: write where it stands now$"):
        subjects.subjects()


def test_a_planted_text_that_is_not_there_is_refused() -> None:
    """Nothing is run without it."""
    one = Planted("rule", Subject("rule", "m.py", ()), "limit", "other")
    with pytest.raises(TableError, match=r"m.py holds 2 times 'limit'"):
        one.mutated("limit limit")


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    """A package with one module and its tests."""
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "__init__.py").touch()
    (tmp_path / "made" / "sums.py").write_text("def more(n):\n    return n + 1\n")
    (tmp_path / "test_sums.py").write_text("from made.sums import more\n\n\ndef test_one_more():\n    assert 3 == more(2)\n")
    return tmp_path


def worked(folder: Path, *sources: str) -> list[tuple[str, str]]:
    """The outcomes of a worker in a folder, the first for the module as it stands."""
    task = json.dumps({"module": "made/sums.py", "tests": ["test_sums.py"], "sources": sources})
    command = [sys.executable, str(ROOT / "tools" / "mutants" / "worker.py")]
    done = subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(folder)}, input=task, capture_output=True, text=True, check=False)
    return [(line["outcome"], line["by"]) for line in map(json.loads, done.stdout.splitlines())]


def test_a_worker_tells_killed_from_survived(small_tree: Path) -> None:
    """A failed test and a failed import kill; what the tests do not notice survives; the module is left as it was."""
    failing, same, broken = "def more(n):\n    return n + 2\n", "def more(n):\n    return 1 + n\n", "def more(n:\n"
    said = [("survived", ""), ("killed", "test_sums.py::test_one_more"), ("survived", ""), ("killed", "test_sums.py is not imported")]
    assert said == worked(small_tree, failing, same, broken)
    assert "def more(n):\n    return n + 1\n" == (small_tree / "made" / "sums.py").read_text()


def test_a_worker_does_not_begin_where_the_tests_are_not_green(small_tree: Path) -> None:
    """Every mutant would be killed."""
    (small_tree / "test_sums.py").write_text("from made.sums import more\n\n\ndef test_one_more():\n    assert 4 == more(2)\n")
    assert [("killed", "test_sums.py::test_one_more")] == worked(small_tree, "def more(n):\n    return n + 1\n")


def test_tests_that_do_not_import_the_module_prove_nothing(small_tree: Path) -> None:
    """They would let every mutant live."""
    (small_tree / "test_sums.py").write_text("def test_nothing():\n    pass\n")
    assert [("killed", "none of the tests imports made/sums.py")] == worked(small_tree, "")


def test_a_mutant_that_never_ends_is_killed(small_tree: Path) -> None:
    """By the processor time that it takes, whatever else the machine does."""
    assert ("killed", "the end of the interpreter") == worked(small_tree, "def more(n):\n    while True:\n        n += 1\n")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "nothing"], "Error: no subject is called nothing: tools/mutants/subjects.yaml names them"),
        (["--processes", "0"], "--processes must be 1 or more"),
        (["--write", "--only", "tiers"], "--write is of all subjects, --only of some"),
    ],
)
def test_a_question_that_cannot_be_answered_ends_with_two(arguments: list[str], said: str) -> None:
    """One line, before anything is copied."""
    done = subprocess.run([sys.executable, "-m", "tools.mutants", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (2, True) == (done.returncode, done.stderr.strip().endswith(said)), done.stderr
