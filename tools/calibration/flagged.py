"""Rows that no constant may see, with the reason: probably wrong, or the measurement of another thing than their labels say.

They are predicted and reported all the same, in a table of their own.
"""

from __future__ import annotations

from typing import Any

SPECULATIVE_DATES = ("2026-01-14", "2026-01-28", "2026-02-05", "2026-02-06")
PROBABLY_SPECULATIVE = (2037, 2117, *range(2181, 2194), 1829, 1831, 1843)
FASTER_THAN_HARDWARE = (761, 801, 803, *range(1769, 1794))
OTHER_CONCURRENCY = (*range(751, 760), 799, *range(1517, 1526))
ODD = {679: "ITL 55-179 ms", 683: "", 695: "", 699: "", 703: "", 2293: "64 ms where its neighbours have 21"}
STREAMED_LATE = 1000


def why(file: str, line: int, row: dict[str, str], question: dict[str, Any]) -> str | None:
    """None for a row that may be fitted."""
    rule = {"trtllm": _trtllm, "inferencex": _inferencex, "accelmark": _accelmark, "gpustack": _gpustack, "vllm": _vllm}.get(file)
    return rule(line, row, question) if rule else None


def _trtllm(line: int, row: dict[str, str], question: dict[str, Any]) -> str | None:
    if row["gpu"].startswith("GH200") and row["engine_version"] == "0.13" and question["tp"] * question["pp"] == 2:
        return "two GH200 give a third of what one pair should"
    return None


def _inferencex(line: int, row: dict[str, str], question: dict[str, Any]) -> str | None:
    """Line numbers are those of the ITL; its TTFT stands on the line before."""
    at = line if row["metric"] == "itl_ms" else line + 1
    if (
        row["engine"] == "TensorRT-LLM"
        and "DeepSeek" in row["model"]
        and any(f"measured {day}" in row["notes"] for day in SPECULATIVE_DATES)
    ):
        return "speculative decoding without saying so: plain runs of the same point take 1.4 times as long"
    if at in PROBABLY_SPECULATIVE:
        return "probably speculative decoding"
    if at in FASTER_THAN_HARDWARE:
        return "faster than the hardware: a prefix cache or several replicas"
    if at in OTHER_CONCURRENCY:
        return "the concurrency is not that of one replica"
    if at in ODD:
        return "unlike every neighbour"
    if question["concurrency"] == 512 and "gpt-oss" in row["model"] and row["gpu"].startswith("H100"):
        return "ITL of 3.6 ms beside a TTFT of 118 s"
    if "Qwen3-235B" in row["model"] and row["gpu"].startswith("H100") and question["tp"] == 2:
        return "110 GiB of weights on GPUs of 79 GiB"
    return _first_token(row, question) if row["metric"] == "ttft_ms" else None


def _first_token(row: dict[str, str], question: dict[str, Any]) -> str | None:
    if row["engine"] == "SGLang" and "DeepSeek" in row["model"] and not row["engine_version"] and question["weight_quant"] == "nvfp4":
        return "SGLang without version: 5 to 9 s at every length"
    if row["engine"] == "SGLang" and row["engine_version"] == "0.5.8.post1" and "InferenceMAX" not in row["notes"]:
        return "SGLang 0.5.8.post1 on one H100: unlike every neighbour"
    short = question["isl"] < STREAMED_LATE and question["osl"] < STREAMED_LATE and question["tp"] < 8
    if row["engine"] == "TensorRT-LLM" and "InferenceMAX" in row["notes"] and "Llama" in row["model"] and short:
        return "answers streamed every 20 tokens: the TTFT holds 16 to 23 ITL"
    return None


def _accelmark(line: int, row: dict[str, str], question: dict[str, Any]) -> str | None:
    if "w4a16" in row["weight_quant"] or "w8a16" in row["weight_quant"]:
        return "weight-only format forced on slow plain kernels"
    if "CAUTION" in row["notes"]:
        return "slowed by its CPU, the collection says"
    return None


def _gpustack(line: int, row: dict[str, str], question: dict[str, Any]) -> str | None:
    return "limits of the client or the CPU show: throughput far below any roofline"


def _vllm(line: int, row: dict[str, str], question: dict[str, Any]) -> str | None:
    if "num-scheduler-steps" in row["notes"] and "num-scheduler-steps 1;" not in row["notes"] and row["metric"].startswith(("tpot", "itl")):
        return "median ITL inflated by multi-step streaming"
    return None
