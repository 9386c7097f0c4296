"""tools.calibration.memory_accuracy: every row is used or refused with a reason, and what the figures must not fall below."""

from __future__ import annotations

import functools

from tools.calibration.memory_accuracy import MemoryRow, Summary, accuracy, held_out, starts, summaries
from tools.calibration.start_up_logs import ROWS, Unusable, read, table


@functools.cache
def compared() -> tuple[list[MemoryRow], list[Unusable]]:
    return accuracy()


def figures(what: str, engine: str = "vllm") -> Summary:
    return next(one for one in summaries(compared()[0]) if (one.what, one.engine) == (what, engine))


def test_nothing_is_said_to_fit_that_an_engine_refused() -> None:
    """No false "fits"; and no start that is refused."""
    found = starts(compared()[0])
    assert [] == found["false fits"]
    assert [] == found["refused wrongly"]
    assert len(found["right"]) > 80


def test_kv_tokens_are_those_of_the_start_up_logs() -> None:
    """1 % in the median, 5 % in nine of ten, with and without the rows whose inputs were chosen by their answer."""
    for what in ("kv_cache_tokens", "kv_cache_tokens, inputs known"):
        assert figures(what).n >= 25
        assert figures(what).median <= 1
        assert figures(what).p90 <= 5


def test_weights_after_load_are_those_of_the_start_up_logs() -> None:
    """0.1 % in the median."""
    assert figures("weights_gib").n >= 40
    assert figures("weights_gib").median <= 0.1


def test_files_weigh_what_was_published() -> None:
    assert figures("checkpoint_bytes", "safetensors").worst <= 0.5
    assert figures("checkpoint_bytes", "gguf").worst <= 1
    assert figures("gguf_tensors_gib", "gguf").worst <= 1


def test_every_row_is_used_or_has_a_reason() -> None:
    """A row that asks nothing is listed, never dropped."""
    begun, unusable = read()
    lines = [row["line"] for path in ROWS for row in table(path)]
    assert sorted(lines) == sorted({line for one in begun for line in one.lines} | {one.line for one in unusable})
    assert all(one.why for one in unusable)


def test_constants_that_the_logs_set_are_shown_held_out() -> None:
    """Each log is predicted from the others."""
    assert {"graphs", "rest", "sampler"} == set(held_out())
    assert held_out()["sampler"].worst < 1
    assert 9 == held_out()["graphs"].n
    assert held_out()["graphs"].median < 15
