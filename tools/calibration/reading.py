"""How a row of each source is read: one function a file, from the row to a `Sample`, or None for a metric that no answer holds."""

from __future__ import annotations

import re
from typing import Any

from tools.calibration import flagged
from tools.calibration.naming import gpu_facts, model_of, number
from tools.calibration.samples import METRICS, Row, Sample

SHARE_GPT_ISL = {"sharegpt_standard": 257.0, "sharegpt_edge": 105.0, "sharegpt_longctx": 28650.0}
INFERENCEX_MEAN_OF_RANGE = 0.9
"""Lengths are drawn in 0.8 to 1.0 of nominal."""


def trtllm(line: int, row: Row) -> Sample | None:
    """Offline: all queued at once. From 1.1 on the page gives tokens/s of one GPU, and `ep=n` without tp is attention data parallelism."""
    if row["metric"] not in METRICS:
        return None
    gpus, pp = int(float(row["n_gpus"])), int(number(row["pp"]) or 1)
    spread = "attention_dp" in row["notes"] or "DEP" in row["notes"]
    stage = gpus // pp
    question = _engine(row) | {"tp": 1 if spread else stage, "pp": pp, "ep": stage if spread else 1, "dp": stage if spread else 1}
    question |= {"isl": number(row["isl"]), "osl": number(row["osl"])}
    if row["concurrency"].startswith("max"):
        told = re.search(r"num_requests=(\d+)", row["notes"])
        question["num_requests"] = int(told.group(1)) if told else 3000
    else:
        question["concurrency"] = int(number(row["concurrency"]) or 0)
    scale = gpus if row["metric"] == "output_tps_per_gpu" else 1
    why = ("Triton" in row["notes"] and "served through Triton: another client") or None
    return _sample("trtllm", line, row, question, scale=scale, why_not=why)


def inferencex(line: int, row: Row) -> Sample | None:
    """Read a closed loop, all of whose requests were released at once."""
    gpus, tp, ranks = int(float(row["n_gpus"])), int(number(row["tp"]) or 1), _attention_ranks(row)
    scale = INFERENCEX_MEAN_OF_RANGE if "InferenceMAX" in row["notes"] else 1.0
    question = _engine(row) | {"tp": tp, "ep": int(number(row["ep"]) or 1), "dp": ranks}
    question |= {"isl": (number(row["isl"]) or 0) * scale, "osl": (number(row["osl"]) or 0) * scale}
    question["concurrency"] = int(number(row["concurrency"]) or 0)
    if row["engine"] == "vLLM" and "engine_version" not in question:
        question["engine_version"] = re.search("measured 2025-1", row["notes"]) and VLLM_OF_AUTUMN_2025
    _follow_fp8_cache(question, row)
    why = "LAYOUT UNCLEAR: the file does not say how the GPUs are used" if "LAYOUT UNCLEAR" in row["notes"] else None
    if not why and not question["concurrency"]:
        why = "the concurrency is not stated"
    if not why and tp * ranks != gpus and not question["ep"] > 1:
        why = f"tp {tp} x attention data parallelism {ranks} is not {gpus} GPUs"
    return _sample("inferencex", line, row, question, why_not=why)


def _attention_ranks(row: Row) -> int:
    """Where the file multiplies the degree by itself the collection says what it should be."""
    right = re.search(r"put right: attention data parallel (\d+)", row["notes"])
    told = right or re.search(r"attention_dp=(\d+)", row["notes"])
    return int(told.group(1)) if told else 1


VLLM_OF_AUTUMN_2025 = "0.11.0"
"""Where the file gives a date and no version: the release of those weeks."""


def _follow_fp8_cache(question: dict[str, Any], row: Row) -> None:
    """The recipes of InferenceX for Blackwell set an FP8 KV cache; the file does not print it."""
    if row["engine"] in ("vLLM", "SGLang"):
        blackwell = row["gpu"].startswith(("B200", "B300", "GB"))
        question["kv_quant"] = "fp8" if question["weight_quant"] == "nvfp4" or ("InferenceMAX" in row["notes"] and blackwell) else "auto"


def simtoreal(line: int, row: Row) -> Sample | None:
    """Open loop at a fixed rate; prompts share a prefix of about 100 tokens, prefix caching on."""
    rate = re.fullmatch(r"qps ([\d.]+)", row["concurrency"])
    question = _engine(row) | {"tp": int(float(row["tp"])), "isl": number(row["isl"]), "osl": number(row["osl"])}
    for key in ("max_num_batched_tokens", "max_num_seqs", "max_model_len"):
        told = re.search(rf"{key}=(\d+)", row["notes"])
        if told:
            question[key] = int(told.group(1))
    question["gpu_memory_utilization"] = 0.9
    question["prefix_hit_rate"] = round(min(SHARED_PREFIX_TOKENS / (question["isl"] or 1), 0.9), 3)
    if rate:
        question["request_rate"] = float(rate.group(1))
    return _sample("simtoreal", line, row, question, why_not=None if rate else "two rates in one figure")


SHARED_PREFIX_TOKENS = 100.0


def accelmark(line: int, row: Row) -> Sample | None:
    """Offline, fixed rates or one request at a time; latencies are medians."""
    suite = re.search(r"suite (\w), (sharegpt_\w+?)_v1", row["notes"])
    question = _engine(row) | {"tp": int(float(row["tp"])), "pp": int(number(row["pp"]) or 1)}
    question["isl"] = number(row["isl"]) or (SHARE_GPT_ISL.get(suite.group(2)) if suite else None)
    question["osl"] = number(row["osl"])
    length = re.search(r"max_model_len (\d+)", row["notes"])
    if length:
        question["max_model_len"] = int(length.group(1))
    _accelmark_load(question, row)
    why = _no_lengths(question) or (
        (row["metric"] == "req_per_s" and "the achieved rate of an open loop follows from the asked one") or None
    )
    return _sample("accelmark", line, row, question, why_not=why)


def _accelmark_load(question: dict[str, Any], row: Row) -> None:
    rate, together = re.fullmatch(r"qps ([\d.]+)", row["concurrency"]), re.search(r"offline: (\d+) prompts", row["notes"])
    many = re.search(r"(\d+) requests", row["notes"])
    if together:
        question["num_requests"] = int(together.group(1))
    elif rate:
        question["request_rate"] = float(rate.group(1))
        question["num_requests"] = int(many.group(1)) if many else 300
    else:
        question["concurrency"] = int(number(row["concurrency"]) or 1)


def gpustack(line: int, row: Row) -> Sample | None:
    """All requests at once through a client on the same machine."""
    question = _engine(row) | {"tp": int(number(row["tp"]) or 1), "isl": number(row["isl"]), "osl": number(row["osl"])}
    at_once = re.search(r"(\d+)", row["concurrency"])
    question["concurrency"] = int(at_once.group(1)) if at_once else 1
    question["num_requests"] = question["concurrency"]
    return _sample("gpustack", line, row, question, why_not=_no_lengths(question))


def vllm(line: int, row: Row) -> Sample | None:
    """Blogs and community runs."""
    nodes = 2 if "2 nodes" in row["gpu"] or "InfiniBand" in row["notes"] else 1
    question = _engine(row) | {"tp": int(number(row["tp"]) or 1), "pp": int(number(row["pp"]) or 1)}
    question |= {"isl": number(row["isl"]), "osl": number(row["osl"])}
    _blog_load(question, row)
    why = _no_lengths(question) or _unclear_engine(row) or (f"{nodes} nodes" if nodes > 1 else None)
    return _sample("vllm", line, row, question, why_not=why)


def _blog_load(question: dict[str, Any], row: Row) -> None:
    load = row["concurrency"]
    rate, at_once, plain = re.fullmatch(r"qps=([\d.]+)", load), re.search(r"(\d+) prompts", load), re.fullmatch(r"\d+", load)
    if rate:
        question["request_rate"] = float(rate.group(1))
    elif plain:
        question["concurrency"] = int(load)
    elif at_once:
        question["num_requests"] = int(at_once.group(1))


def _unclear_engine(row: Row) -> str | None:
    if not re.match(r"\d+\.\d+", row["engine_version"]):
        return f"engine version not stated: {row['engine_version'] or 'empty'}"
    return None


def other(line: int, row: Row) -> Sample | None:
    """llama.cpp, one request at a time: `tg` is decode from an empty context, `pp` reads a prompt."""
    prompt = row["metric"] == "prefill_tps"
    if row["metric"] not in ("output_tps_total", "prefill_tps"):
        return None
    question = _engine(row) | {"tp": 1, "pp": int(number(row["n_gpus"]) or 1), "concurrency": 1}
    question |= {"isl": number(row["isl"]) if prompt else 1.0, "osl": 1.0 if prompt else number(row["osl"])}
    why = _no_lengths(question)
    if not prompt:
        return _sample("other", line, row, question, why_not=why)
    reread = row | {"metric": "ttft_ms", "value": str((question["isl"] or 0) / float(row["value"]) * 1e3)}
    return _sample("other", line, reread, question, why_not=why)


def _no_lengths(question: dict[str, Any]) -> str | None:
    return None if question.get("isl") and question.get("osl") else "the source does not state the lengths"


def _engine(row: Row) -> dict[str, Any]:
    model, quant = model_of(row)
    gpu, override = gpu_facts(row["gpu"])
    question: dict[str, Any] = {"model": model, "weight_quant": quant, "gpu": gpu, "engine": ENGINES.get(row["engine"], row["engine"])}
    if override:
        question["gpu_override"] = override
    version = re.match(r"v?(\d+(\.\d+)+\S*)", row["engine_version"])
    if version and question["engine"] != "llama.cpp":
        question["engine_version"] = version.group(1).split("+")[0]
    if row["kv_quant"] in ("fp8",):
        question["kv_quant"] = "fp8"
    elif row["kv_quant"] in ("fp16", "bf16", "f16"):
        question["kv_quant"] = "bf16"
    return question


ENGINES = {"vLLM": "vllm", "TensorRT-LLM": "tensorrt-llm", "SGLang": "sglang", "1Cat-vLLM": "1cat"}


def _sample(file: str, line: int, row: Row, question: dict[str, Any], *, scale: float = 1.0, why_not: str | None = None) -> Sample | None:
    metric = METRICS.get(row["metric"])
    if metric is None:
        return None
    kept = {key: value for key, value in question.items() if value not in (None, 0)} | {"id": f"{file}:{line}"}
    load = "closed" if "concurrency" in kept else "open" if "request_rate" in kept else "offline"
    why = why_not or _unknown(kept) or _said(row["notes"])
    unfit = None if why else flagged.why(file, line, row, kept)
    day = re.search(r"measured (20\d\d-\d\d-\d\d)", row["notes"])
    return Sample(file, line, metric, float(row["value"]) * scale, kept, load, why, unfit, day.group(1) if day else "")


def _unknown(question: dict[str, Any]) -> str | None:
    for key in ("model", "gpu"):
        if not question.get(key) or question[key].startswith("?"):
            return f"{key} {question.get(key, '')[1:]!r} is not in the facts"
    if question["engine"] not in ("vllm", "tensorrt-llm", "sglang", "llama.cpp"):
        return f"engine {question['engine']} is not sized"
    return None


def _said(notes: str) -> str | None:
    """What the collection itself says of the row."""
    for word in ("ANOMALY", "FAILED", "INVALID", "READ OFF"):
        if word in notes:
            return f"the source or the collection flags it: {notes[notes.index(word) : notes.index(word) + 80]}"
    return None
