"""Measurements as questions of the batch interface."""

from __future__ import annotations

import pytest

from sizing.estimate import answer
from tools.calibration.samples import METRICS, SOURCES, of_file, rows, samples

ANSWERED = 0.97


@pytest.mark.parametrize("file", sorted(SOURCES))
def test_every_row_of_a_known_metric_is_a_sample(file: str) -> None:
    """Used, flagged or refused with a reason: none is dropped in silence."""
    known = sum(1 for _, row in rows(file) if row["metric"] in METRICS or (file == "other" and row["metric"] == "prefill_tps"))
    assert known == len(of_file(file))
    assert all(sample.why_not != "" and sample.unfit != "" for sample in of_file(file))


def test_nearly_every_usable_row_is_answered() -> None:
    """97 % with a figure; the rest does not start at the engine's defaults, and says so."""
    usable = [sample for sample in samples() if not sample.why_not][::9]
    answers = [answer(sample.question) for sample in usable]
    assert [] == [found["error"] for found in answers if "error" in found]
    assert all(found.get("why_not") for found in answers if not found["fits"])
    assert ANSWERED <= sum(1 for found in answers if found["fits"]) / len(usable)


def test_attention_ranks_are_those_that_the_collection_put_right() -> None:
    """The file of InferenceX multiplies some degrees by themselves; 64 ranks on 8 GPUs would leave an eighth of the load to each."""
    questions = [one.question for one in of_file("inferencex") if not one.why_not]
    assert max(asked["tp"] * asked["dp"] for asked in questions) == 8
