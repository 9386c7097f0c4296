"""Rows of memory.csv and start_ups.csv as questions to the sizing: one start of an engine or one file, and what was measured of it."""

from __future__ import annotations

import csv
import functools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sizing.engines.engine import parsed

MEASURED = Path(__file__).parent / "measured"
ROWS = (MEASURED / "memory.csv", MEASURED / "start_ups.csv")
SETTINGS = {
    "max_model_len": r"max_model_len=(\d+)",
    "max_num_seqs": r"max_num_seqs=(\d+)",
    "max_num_batched_tokens": r"max_num_batched_tokens=(\d+)",
    "gpu_memory_utilization": r"gpu_memory_utilization=(0?\.\d+)",
}
PER_TOKEN_STEPS = (2000, 4000, 8000, 16000, 32000, 64000, 128000)
FILES = {"checkpoint_bytes": 1.0, "checkpoint_gib": 2.0**30}


@dataclass(frozen=True)
class Start:
    """One question and what was measured. `started` is None where it is not said; `inferred`: an input was chosen by the answer."""

    source: str
    model: str
    engine: str
    version: str
    gpu: str
    question: dict[str, Any]
    measured: dict[str, float] = field(default_factory=dict)
    lines: set[str] = field(default_factory=set)
    started: bool | None = None
    inferred: bool = False


@dataclass(frozen=True)
class Unusable:
    """A row that asks nothing, with the reason."""

    source: str
    model: str
    metric: str
    value: str
    why: str
    line: str = ""


def read(paths: tuple[Path, ...] = ROWS) -> tuple[list[Start], list[Unusable]]:
    """Every row of the files is in one of the two lists."""
    rows = [row for path in paths for row in table(path)]
    starts: dict[tuple[str, ...], Start] = {}
    unusable: list[Unusable] = []
    for row in rows:
        why = _why_unusable(row, rows)
        if why:
            unusable.append(Unusable(row["url_or_repo_path"], row["model"], row["metric"], row["value"], why, row["line"]))
            continue
        for one in _starts(row):
            known = starts.setdefault((*_key(row), str(sorted(one.question.items(), key=str))), one)
            known.measured.update(one.measured)
            known.lines.add(row["line"])
    return list(starts.values()), unusable


def table(path: Path) -> list[dict[str, str]]:
    """Its rows, each with the `line` it stands on."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{**row, "line": f"{path.name}:{number}"} for number, row in enumerate(csv.DictReader(file), 2)]


def _why_unusable(row: dict[str, str], rows: list[dict[str, str]]) -> str | None:
    for rule in _inputs()["unusable"]:
        if _rule_holds(rule, row) and not ("with" in rule and not _beside(row, rows, rule["with"])):
            return str(rule["why"])
    return None


def _rule_holds(rule: dict[str, Any], row: dict[str, str]) -> bool:
    if rule["metric"] not in ("all", row["metric"]) or row["metric"] in rule.get("keep", ()):
        return False
    if "quant" in rule and not row["weight_quant"].startswith(rule["quant"]):
        return False
    if "below_version" in rule and parsed(_version(row["engine_version"]) or "99") >= parsed(rule["below_version"]):
        return False
    return "page" not in rule or rule["page"] in row["url_or_repo_path"]


def _beside(row: dict[str, str], rows: list[dict[str, str]], metric: str) -> bool:
    return any(_key(one) == _key(row) and one["metric"] == metric for one in rows)


def _key(row: dict[str, str]) -> tuple[str, ...]:
    """Rows of one start share these; a remark in brackets at the end of the notes is of one row."""
    plain = re.sub(r" \((torch peak|negative|memory delta)[^)]*\)$", "", row["notes"])
    return row["url_or_repo_path"], row["engine_version"], row["model"], row["weight_quant"], row["gpu"], row["tp"], plain


def _starts(row: dict[str, str]) -> list[Start]:
    if row["metric"] in FILES:
        return [_file(row)]
    question, inferred = _question(row)
    if row["metric"] == "max_model_len_ok":
        return _longest(row, question)
    if row["metric"] == "max_num_tokens":
        question |= {"max_num_batched_tokens": int(float(row["value"])), "max_model_len": 3700, "max_num_seqs": 128}
        return [_start(row, question, {}, started=True)]
    metric, value = row["metric"], float(row["value"])
    if metric == "starts":
        return [_start(row, question, {}, started=value > 0, inferred=inferred)]
    if metric == "kv_cache_blocks":
        metric, value = "kv_cache_tokens", value * 16
    started = None if row["gpu"] == "GPU not named" else "FAILED" not in row["notes"]
    return [_start(row, question, {metric: value}, started=started, inferred=inferred)]


def _longest(row: dict[str, str], question: dict[str, Any]) -> list[Start]:
    """The longest max_model_len that starts: that one does, the next step does not."""
    longest = int(float(row["value"]))
    found = [_start(row, {**question, "max_model_len": longest}, {}, started=True)] if longest else []
    above = next((step for step in PER_TOKEN_STEPS if step > longest), None)
    return found + ([_start(row, {**question, "max_model_len": above}, {}, started=False)] if above else [])


def _start(
    row: dict[str, str], question: dict[str, Any], measured: dict[str, float], *, started: bool | None, inferred: bool = False
) -> Start:
    place = (row["url_or_repo_path"], row["model"], question["engine"], question.get("engine_version", ""), row["gpu"])
    return Start(*place, question, measured, started=started, inferred=inferred)


def _file(row: dict[str, str]) -> Start:
    """A checkpoint on disk. The model may be named with its format, or with two names of one shape."""
    model = re.split(r" / | F16 gguf| FP8| \(|\(", row["model"])[0]
    question = {"id": "x", "model": model, "weight_quant": row["weight_quant"], "gpu": "B300", "tp": 8, "memory_only": True}
    gguf = row["weight_quant"].startswith("gguf")
    question |= {"engine": "llama.cpp", "tp": 1} if gguf else {"engine": "vllm"}
    measured = {"checkpoint_bytes": float(row["value"]) * FILES[row["metric"]]}
    return Start(row["url_or_repo_path"], row["model"], "gguf" if gguf else "safetensors", row["weight_quant"], "", question, measured)


def _question(row: dict[str, str]) -> tuple[dict[str, Any], bool]:
    """What the row, its notes and the inferred inputs say, in the keys of the batch interface."""
    gpu = next((one for one in _inputs()["gpus"] if row["gpu"].startswith(one["begins"])), None)
    question: dict[str, Any] = {"id": "x", "model": row["model"].split(" (quantized)")[0], "memory_only": True}
    question |= {"engine": _engine(row["engine"]), "engine_version": _version(row["engine_version"])}
    question |= {"gpu": gpu["gpu"] if gpu else row["gpu"], "tp": int(row["tp"] or 1)}
    if row["weight_quant"]:
        question["weight_quant"] = row["weight_quant"].split(" ")[0]
    if row["kv_quant"] == "fp8":
        question["kv_quant"] = "fp8"
    if row["ep"]:
        question["ep"] = int(row["ep"])
    total = _total_gib(row) or (gpu or {}).get("total_gib")
    if total:
        question["gpu_override"] = {"memory_gib": total}
    question |= {key: _number(found.group(1)) for key, text in SETTINGS.items() if (found := re.search(text, row["notes"]))}
    return _with_inferred(row, question)


def _with_inferred(row: dict[str, str], question: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    inferred = False
    for rule in _inputs()["inputs"]:
        if rule["page"] in row["url_or_repo_path"] and rule.get("engine", row["engine"]) == row["engine"]:
            question |= rule["set"]
            inferred |= rule["from"] == "answer"
    return question, inferred


def _engine(name: str) -> str:
    return {"vLLM": "vllm", "SGLang": "sglang", "TensorRT-LLM (LMI)": "tensorrt-llm"}[name]


def _version(text: str) -> str:
    found = re.search(r"TRT-LLM (\d[\d.]*)", text) or re.search(r"\d+\.\d+(?:\.\d+)?", text)
    plain = found.group(found.lastindex or 0) if found else ""
    return {"0.28.0": "0.9.0"}.get(plain, plain) if text.startswith("LMI") else plain


def _total_gib(row: dict[str, str]) -> float | None:
    """Return the memory of one GPU as the row prints it: torch's total, or that of a slice by nvidia-smi."""
    if found := re.search(r"total_gpu_mib=(\d+)", row["notes"]):
        return int(found.group(1)) / 1024
    printed = re.search(r"total_gpu_gib=(\d+\.\d+)", row["notes"]) or re.search(r"(\d+\.\d+) GiB\)", row["gpu"])
    return float(printed.group(1)) if printed else None


def _number(text: str) -> float | int:
    return float(text) if "." in text else int(text)


@functools.cache
def _inputs() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((MEASURED / "memory_inputs.yaml").read_text(encoding="utf-8"))
    return content
