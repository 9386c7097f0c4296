"""90 % bands: factors on a prediction from held-out residuals of its stratum, wider the farther the question is from measured points."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

from sizing.calibration import calibration_facts
from sizing.load import Traffic
from sizing.replica import Replica

Level = Literal["near", "mid", "far"]
Load = Literal["offline", "closed", "arrivals"]
Metric = Literal["output_tokens_per_s", "requests_per_s", "ttft_ms", "itl_ms", "e2e_ms"]
NARROWEST = 0.05
UNFITTED = (0.5, 2.0)
ARRIVALS_MEASURED_ON = "vllm"
SAYS: dict[Level, str] = {
    "near": "measured engine version, GPU class and model family",
    "mid": "model family measured on another GPU class or engine version",
    "far": "model family not measured",
}


@dataclass(frozen=True, slots=True)
class Band:
    """Low and high are factors; `says` tells what the band is."""

    low: float
    high: float
    says: str


@functools.lru_cache(65536)
def level(group: str, gpu_class: str, model_type: str) -> Level:
    seen = _seen()
    if f"{group}|{gpu_class}|{model_type}" in seen:
        return "near"
    return "mid" if f"{group}|{model_type}" in seen or f"{gpu_class}|{model_type}" in seen else "far"


@functools.lru_cache(65536)
def band(metric: Metric, *, engine: str, group: str, moe: bool, load: Load, saturated: bool, at: Level) -> Band:
    """Of the stratum metric x dense or MoE x engine; engines without fitted rows get a factor of two."""
    if engine == "llama":
        return Band(*UNFITTED, says="no fitted rows for this engine: a factor of two either way")
    stratum = _stratum(metric, engine, group=group, moe=moe, load=load, saturated=saturated)
    bands = calibration_facts()["bands"]
    low, high = bands.get(stratum, bands["other"])[at]
    return Band(min(low, 1 - NARROWEST), max(high, 1 + NARROWEST), says=f"90 % of held-out residuals of '{stratum}', {at}: {SAYS[at]}")


def of(r: Replica, metric: Metric, *, t: Traffic, saturated: bool) -> Band:
    kind: Load = "closed" if t.concurrency is not None else "arrivals" if t.request_rate is not None else "offline"
    engine, at = str(r.engine.facts["band_group"]), level(r.group, r.gpu.calibration_class, r.shape.model_type)
    if kind == "arrivals" and metric == "ttft_ms" and engine != ARRIVALS_MEASURED_ON:
        at = "far"
    return band(metric, engine=engine, group=r.group, moe=r.shape.is_moe, load=kind, saturated=saturated, at=at)


def basis(r: Replica) -> str:
    at = level(r.group, r.gpu.calibration_class, r.shape.model_type)
    return f"{r.engine.name} {r.engine.text} as group {r.group} on {r.gpu.calibration_class}; {at}: {SAYS[at]}"


def _stratum(metric: Metric, engine: str, *, group: str, moe: bool, load: Load, saturated: bool) -> str:
    kind = "moe" if moe else "dense"
    if metric == "ttft_ms":
        return "ttft sat" if saturated else "ttft arrivals" if load == "arrivals" else f"ttft {kind} {engine}"
    if metric in ("itl_ms", "e2e_ms") or load != "offline":
        return "itl arrivals moe" if moe and load == "arrivals" and engine == ARRIVALS_MEASURED_ON else f"itl {kind} {engine}"
    return f"thr {kind} {'old' if group in ('t13', 't17') else engine}"


@functools.cache
def _seen() -> frozenset[str]:
    rows = calibration_facts()["seen"]
    pairs = {f"{row.split('|')[i]}|{row.split('|')[2]}" for row in rows for i in (0, 1)}
    return frozenset(rows) | frozenset(pairs)
