"""What repeats of one configuration say of the data."""

from __future__ import annotations

import dataclasses

import pytest

from tools.calibration import noise
from tools.calibration.table import Entry


@pytest.fixture
def row(every: list[Entry]) -> Entry:
    return next(entry for entry in every if entry.sample.file == "trtllm" and entry.dense)


def measured(row: Entry, *, configuration: int, version: str | None, value: float, line: int) -> Entry:
    asked = {key: of for key, of in row.sample.question.items() if key != "engine_version"}
    sample = dataclasses.replace(row.sample, question=asked | ({"engine_version": version} if version else {}), measured=value, line=line)
    return dataclasses.replace(row, sample=sample, configuration=f"configuration {configuration}")


def test_pairs_are_the_same_version_again_and_versions_that_follow_each_other(row: Entry) -> None:
    """0.9 comes before 0.20, several runs of a version count as their geometric mean, and other configurations are no pair."""
    rows = []
    for at in range(noise.FEWEST):
        rows.append(measured(row, configuration=at, version="0.20", value=150.0, line=1))
        rows.append(measured(row, configuration=at, version="0.9", value=50.0, line=2))
        rows.append(measured(row, configuration=at, version="0.9", value=200.0, line=3))
    found = noise.by_kind(rows)[("output_tokens_per_s", "tensorrt-llm", "dense")]
    assert [300.0] * noise.FEWEST == pytest.approx(list(found.again))
    assert [50.0] * noise.FEWEST == pytest.approx(list(found.adjacent))


def test_too_few_pairs_and_rows_without_a_version_say_nothing(row: Entry) -> None:
    """A kind is left out below ten pairs; where no version is stated nobody knows what is compared."""
    few = [measured(row, configuration=at, version="1.0", value=1.0 + run, line=run) for at in range(noise.FEWEST - 1) for run in (0, 1)]
    unknown = [measured(row, configuration=at, version=None, value=1.0 + run, line=run) for at in range(noise.FEWEST) for run in (0, 1)]
    assert {} == noise.by_kind(few)
    assert {} == noise.by_kind(unknown)
