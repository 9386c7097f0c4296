"""Writes what a fit found to the facts that the sizing code reads (constants, bands, neighbours), and the page of errors."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tools.calibration.predict import FIRST, STEP, Constants
from tools.calibration.table import FIXED_LENGTHS

FOLDER = Path(__file__).resolve().parents[2] / "sizing" / "facts" / "calibration"
QUEUE_GUARD = 1.3
SHOWN = 160
"""Characters of a line that a difference prints."""
AS_OF = "2026-11-27"
"""Day of the measurements' collection that the fit used; moved by hand when rows are added."""
SOURCE = (
    "least squares on log residuals (soft L1, ridge towards start values) over tools/calibration/measured: "
    "TensorRT-LLM performance overview 0.13-1.2, InferenceX with in-house sweeps, AccelMark, open loops on vLLM 0.15.1, llama-bench"
)
BORROWS = {"t13": "t10s", "t17": "t10s", "t19": "t10s", "t10": "t11s"}
"""Groups that were measured offline only take the first token of the nearest one of their engine."""
HEAD = """# Constants of the closed form in sizing/speed/step_time.py and sizing/speed/operating_point.py. A value in by_group multiplies
# the base value for that GPU class or engine group.
# GPU classes: volta ampere ada hopper blackwell bwpcie. Engine groups: t13 t17 t19 t10 t10s t11s = TensorRT-LLM, v0 v10 v15 = vLLM,
# sgl sglh = SGLang, llama = llama.cpp. Times in seconds, efficiencies as shares of the datasheet peak. Written by `make calibrate`.
"""
NEIGHBOURS_HEAD = """# What measured points say of the formula near them: log(predicted / measured) of a time; see
# sizing/speed/residuals.py. Written by `make calibrate`.
"""


def write_serving(constants: Constants, *, bands: Mapping[str, Any], rows: int, source: str) -> None:
    """`serving.yaml`."""
    bases, factors = STEP.facts(constants.step)
    first, first_factors = FIRST.facts(constants.first)
    for group in FIXED_LENGTHS:
        factors.setdefault(group, {})["tail"] = 0.0
    content = {
        "as_of": AS_OF, "kind": "measured", "rows": rows, "source": source, "queue_guard": QUEUE_GUARD, "constants": bases,
        "by_group": factors, "ttft": first, "ttft_by_group": first_factors, "ttft_borrows": BORROWS, "bands": dict(bands),
    }  # fmt: skip
    (FOLDER / "serving.yaml").write_text(HEAD + yaml.safe_dump(content, sort_keys=False, width=150), encoding="utf-8")


def write_neighbours(step: Mapping[str, Any], first: Mapping[str, Any], *, source: str) -> None:
    """`neighbours.yaml`, one point a line."""
    content = {"as_of": AS_OF, "kind": "measured", "source": source, "step": dict(step), "ttft": dict(first)}
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=10_000)
    (FOLDER / "neighbours.yaml").write_text(NEIGHBOURS_HEAD + text, encoding="utf-8")


def write_pages(made: Mapping[str, str], folder: Path) -> None:
    """Name below the folder -> text; line ends as they are on every system."""
    for name, text in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def first_difference(made: Mapping[str, str], folder: Path) -> str | None:
    """One line that names the first byte-wise difference in the order of names: file, line, what stands and what was made."""
    for name, text in sorted(made.items()):
        path = folder / name
        if not path.is_file():
            return f"{folder.name}/{name}: is missing; `make accuracy` writes it"
        stands = path.read_bytes().decode("utf-8", errors="replace")
        if stands != text:
            return f"{folder.name}/{name}:{_first_line(stands, text)}; `make accuracy` writes it anew"
    return None


def _first_line(stands: str, made: str) -> str:
    pairs = itertools.zip_longest(stands.split("\n"), made.split("\n"))
    number, one, other = next((i, one, other) for i, (one, other) in enumerate(pairs, 1) if one != other)
    return f"{number}: stands {_shown(one)}, made anew {_shown(other)}"


def _shown(line: str | None) -> str:
    return "nothing" if line is None else repr(line if len(line) <= SHOWN else f"{line[:SHOWN]}…")


class _Dumper(yaml.SafeDumper):
    """Lists of numbers on one line each."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _flow(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=not any(isinstance(one, list) for one in data))


_Dumper.add_representer(list, _flow)
