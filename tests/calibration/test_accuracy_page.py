"""docs/accuracy.md as a function of predictions."""

from __future__ import annotations

import dataclasses
import math
import random
import tempfile
from pathlib import Path

import pytest

from tools.calibration import writing
from tools.calibration.__main__ import checked, main
from tools.calibration.page import choosing, report
from tools.calibration.predict import FORMULAS, kind, measured
from tools.calibration.splits import PARTS, HeldOut
from tools.calibration.table import Entry


@pytest.fixture(scope="module")
def some(every: list[Entry]) -> list[Entry]:
    """Two pages of one engine, so that there are layouts to choose, and a few of all else."""
    return [one for i, one in enumerate(every) if one.sample.question.get("engine_version") in ("0.14", "1.1") or i % 25 == 0]


@pytest.fixture(scope="module")
def held(some: list[Entry]) -> list[HeldOut]:
    """Errors that depend on line and split alone."""
    known = [entry for entry in some if kind(entry) in FORMULAS]
    values = measured(known)
    return [
        HeldOut(entry, split, float(value), float(value), float(value) * math.exp(0.3 * math.sin(entry.sample.line + at)), False, True)
        for at, split in enumerate(PARTS)
        for entry, value in zip(known, values, strict=True)
    ]


def test_the_page_does_not_depend_on_the_order_of_rows_and_predictions(some: list[Entry], held: list[HeldOut]) -> None:
    """The same bytes for the same figures, page and pictures, so that a difference means another figure."""
    first = report.files(some, held)
    mixed, others = list(held), list(some)
    random.Random(1).shuffle(mixed)
    random.Random(2).shuffle(others)
    assert first == report.files(others, mixed)
    assert {"accuracy.md", *(f"pictures/residuals-{name}.svg" for name in ("throughput", "itl", "ttft"))} == first.keys()


def test_another_prediction_is_another_page(some: list[Entry], held: list[HeldOut]) -> None:
    """Each split is in it: a shift of its predictions shows."""
    first = report.files(some, held)["accuracy.md"]
    for split in PARTS:
        moved = [dataclasses.replace(one, predicted=one.predicted * (0.5 + one.entry.gpus)) if one.split == split else one for one in held]
        assert first != report.files(some, moved)["accuracy.md"], split


def test_the_head_names_the_loss_of_a_choice_and_whether_the_aim_is_met(held: list[HeldOut]) -> None:
    """Perfect predictions lose nothing and meet it; the reverse ranks miss it."""
    perfect = [dataclasses.replace(one, predicted=one.measured) for one in held]
    reverse = [dataclasses.replace(one, predicted=1 / one.measured) for one in held]
    assert "**0.00 mean, best chosen 100 %**" == choosing.headline(choosing.found(report.counted(perfect)))[2]
    assert "(missed)" in choosing.headline(choosing.found(report.counted(reverse)))[2]


def test_what_stands_is_compared_byte_by_byte_and_the_first_difference_is_named(tmp_path: Path) -> None:
    """Nothing where all is equal; else file, line, and both texts, of a line that is missing or a line end that differs too."""
    made = {"accuracy.md": "one\ntwo\n", "pictures/a.svg": "<svg/>\n"}
    writing.write_pages(made, tmp_path)
    assert writing.first_difference(made, tmp_path) is None
    (tmp_path / "accuracy.md").write_bytes(b"one\r\ntwo\n")
    assert "accuracy.md:1: stands 'one\\r', made anew 'one'" in str(writing.first_difference(made, tmp_path))
    (tmp_path / "accuracy.md").write_bytes(b"one\ntwo")
    assert "accuracy.md:3: stands nothing, made anew ''" in str(writing.first_difference(made, tmp_path))
    (tmp_path / "pictures" / "a.svg").unlink()
    (tmp_path / "accuracy.md").write_bytes(b"one\ntwo\n")
    assert "pictures/a.svg: is missing" in str(writing.first_difference(made, tmp_path))


def test_an_unknown_word_is_refused_before_any_work(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and the words that there are."""
    assert 2 == main(["reckon"])
    assert "calibrate | accuracy | check" in capsys.readouterr().err


def test_a_page_that_differs_is_left_to_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1 and one line with the difference and the folder; exit 0 where every byte is the same."""
    made = {"accuracy.md": "one\ntwo\n"}
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    docs = tmp_path / "docs"
    writing.write_pages({"accuracy.md": "one\n2\n"}, docs)
    assert 1 == checked(made, docs)
    line = capsys.readouterr().err
    assert line.startswith("docs/accuracy.md:2: stands '2', made anew 'two'") and 1 == line.count("\n")
    assert "one\ntwo\n" == (Path(line.split("what was made is in ")[1].strip()) / "accuracy.md").read_text()
    writing.write_pages(made, docs)
    assert 0 == checked(made, docs)
