"""Samples: every published measurement as a question of the batch interface, the metric it answers and the value measured.

A row that is not used keeps the reason; nothing is dropped silently.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEASURED = Path(__file__).parent / "measured"
METRICS = {
    "output_tps_total": "output_tokens_per_s",
    "output_tps_per_gpu": "output_tokens_per_s",
    "ttft_ms": "ttft_ms",
    "itl_ms": "itl_ms",
    "tpot_ms": "itl_ms",
    "tpot_median_ms": "itl_ms",
    "e2e_ms": "e2e_ms",
    "req_per_s": "requests_per_s",
    "ttft_p99_ms": "ttft_p99_ms",
    "itl_p99_ms": "itl_p99_ms",
    "e2e_p99_ms": "e2e_p99_ms",
}
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured figure. `line` is that of the file; `why_not` says why it is not compared, `unfit` why no constant may see it.
    `day` is when it was measured, where the source says so."""

    file: str
    line: int
    metric: str
    measured: float
    question: dict[str, Any]
    load: str
    why_not: str | None = None
    unfit: str | None = None
    day: str = ""

    @property
    def name(self) -> str:
        return f"{self.file}:{self.line}"


def samples() -> tuple[Sample, ...]:
    """All files, in the order of their lines."""
    return tuple(sample for file in SOURCES for sample in of_file(file))


@functools.cache
def of_file(file: str) -> tuple[Sample, ...]:
    """Return the samples of one file of `measured/`."""
    return tuple(_of_rows(file, SOURCES[file]))


def rows(file: str) -> Iterator[tuple[int, Row]]:
    """Line number (of the row's end, the header is line 1) and row."""
    with (MEASURED / f"{file}.csv").open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        yield from enumerate(reader, 2)


def _of_rows(file: str, read: Callable[[int, Row], Sample | None]) -> Iterator[Sample]:
    for number, row in rows(file):
        sample = read(number, row)
        if sample is not None:
            yield sample


def _sources() -> dict[str, Callable[[int, Row], Sample | None]]:
    from tools.calibration import reading

    return {name: getattr(reading, name) for name in ("trtllm", "inferencex", "simtoreal", "accelmark", "gpustack", "vllm", "other")}


SOURCES = _sources()
