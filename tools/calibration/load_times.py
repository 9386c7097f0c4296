"""How fast weights load and engines start, from published rows, as the facts carry them. `python -m tools.calibration.load_times`."""

from __future__ import annotations

import csv
import re
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from inferstack.records.files.facts import load
from sizing.catalog import find_model
from sizing.models.quantisation.formats import bits_of
from sizing.models.weights import checkpoint_bytes

MEASURED = Path(__file__).parent / "measured" / "loadtime.csv"
Row = dict[str, str]
LOW, HIGH = 0.05, 0.95
FEW = 20
DIGITS = 3


def derived(rows: Iterable[Row] | None = None) -> dict[str, dict[str, Any]]:
    """Name -> {median, low, high, n, what}. Rates in GB/s of checkpoint bytes, times in seconds.

    low and high are the 5 % and 95 % quantiles from 20 rows on, the extremes below.
    """
    known = list(rows) if rows is not None else read()
    return {name: {**_summary(values(known)), "what": what} for name, (what, values) in FIGURES.items()}


def read(path: Path = MEASURED) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main() -> int:
    """Prints what the rows give beside what the facts hold; 1 if they differ."""
    facts, differing = load("sizing")["calibration"]["loading"]["measured"], 0
    for name, found in derived().items():
        held = facts.get(name)
        same = held == found
        differing += not same
        figures = f"median {found['median']:g}, {found['low']:g} to {found['high']:g}, n = {found['n']}"
        sys.stdout.write(f"{name:<32} {figures:<48} facts: {'the same' if same else held}  ({found['what']})\n")
    return 1 if differing else 0


def _summary(values: Iterable[float]) -> dict[str, Any]:
    found = sorted(values)
    n = len(found)
    low, high = (found[0], found[-1]) if n < FEW else (_quantile(found, LOW), _quantile(found, HIGH))
    return {"median": _rounded(statistics.median(found)), "low": _rounded(low), "high": _rounded(high), "n": n}


def _quantile(values: list[float], share: float) -> float:
    """Return the quantile of sorted values, linear between neighbours."""
    at = share * (len(values) - 1)
    below = int(at)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (at - below)


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _gigabytes(model: str) -> float:
    """Return the size of the 16-bit checkpoint: an engine that quantises at load reads that too."""
    shape = find_model(model)
    return checkpoint_bytes(shape, bits_of(shape, None)) / 1e9


def _serverless(rows: Iterable[Row], *, loader: str, said: str) -> Iterator[float]:
    for row in rows:
        if row["source"].startswith("ServerlessLLM H100") and row["engine"] == loader and said in row["notes"]:
            yield _gigabytes(row["model"]) / float(row["value"])


def _start_up_logs(rows: Iterable[Row]) -> Iterator[Row]:
    return (row for row in rows if row["source"].startswith("vLLM startup log") and "bnb" not in row["weight_quant"])


def _noted(row: Row, what: str) -> float | None:
    found = re.search(rf"{what} ([\d.]+) s", row["notes"])
    return float(found.group(1)) if found else None


def _local_disk(rows: Iterable[Row]) -> Iterator[float]:
    for row in _start_up_logs(rows):
        seconds = _noted(row, "weights")
        if seconds:
            yield _gigabytes(row["model"]) / seconds


def _init_after_load(rows: Iterable[Row]) -> Iterator[float]:
    return (seconds for row in _start_up_logs(rows) if (seconds := _noted(row, "engine init")) is not None)


def _whole_start(engine: str) -> Callable[[Iterable[Row]], Iterator[float]]:
    def values(rows: Iterable[Row]) -> Iterator[float]:
        return (float(row["value"]) for row in rows if row["metric"] == "engine_start_s" and row["engine"] == engine)

    return values


def _page_cache(rows: Iterable[Row]) -> Iterator[float]:
    known = list(rows)
    yield from _serverless(known, loader="SafeTensors", said="cached test")
    for row in known:
        if row["metric"] == "weights_load_s" and "page cache warm" in row["notes"]:
            yield _gigabytes(row["model"]) / float(row["value"])


def _hub(rows: Iterable[Row]) -> Iterator[float]:
    return (_gigabytes(row["model"]) / float(row["value"]) for row in rows if row["metric"] == "download_s")


def _image(rows: Iterable[Row]) -> Iterator[float]:
    """The row is a range for an image of 10 GB: both of its ends."""
    for row in rows:
        if row["metric"] == "image_pull_s":
            low, high, gigabytes = re.search(r"RANGE (\d+)-(\d+) s.*?(\d+) GB", row["notes"]).groups()  # type: ignore[union-attr]
            yield from (float(gigabytes) / float(seconds) for seconds in (low, high))


FIGURES: dict[str, tuple[str, Callable[[list[Row]], Iterable[float]]]] = {
    "safetensors_nvme_cold_gb_per_s": (
        "safetensors from NVMe of 29 GB/s, page cache mostly cold, 8x H100 node, transformers",
        lambda rows: _serverless(rows, loader="SafeTensors", said="random test"),
    ),
    "safetensors_local_disk_gb_per_s": (
        "safetensors in vLLM 0.10 and 0.17, Llama 3.1 8B, one H200 node, local disk, page cache unknown",
        _local_disk,
    ),
    "safetensors_page_cache_gb_per_s": ("safetensors from the page cache: 8x H100 node, g6e.12xlarge", _page_cache),
    "own_format_nvme_cold_gb_per_s": (
        "a loader with a format of its own (ServerlessLLM), NVMe, page cache mostly cold, 8x H100 node",
        lambda rows: _serverless(rows, loader="SLLM", said="random test"),
    ),
    "hub_download_gb_per_s": ("Hugging Face hub to a g6e.12xlarge", _hub),
    "image_pull_gb_per_s": ("a container image of 10 GB on AWS, both ends of a quoted range", _image),
    "vllm_init_after_load_s": (
        "vLLM 0.10 and 0.17 after the weights: profile, compile, capture; one node, compile cache mostly warm",
        _init_after_load,
    ),
    "vllm_start_s": (
        "vLLM 0.7 to 0.20, from the constructor to ready, weights included; 16 kinds of GPU, storage unknown",
        _whole_start("vLLM"),
    ),
    "sglang_start_s": ("SGLang 0.5.6, from the constructor to ready, weights included", _whole_start("SGLang")),
}

if __name__ == "__main__":
    sys.exit(main())
