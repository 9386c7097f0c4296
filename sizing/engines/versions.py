"""Engines by version: their defaults, and the settings that a question or a plan runs under."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from typing import Any

from inferstack.records.engines import named
from inferstack.records.errors import InputError
from inferstack.records.facts import load
from sizing.catalog import Gpu
from sizing.models.shape import ModelShape

FILES = {"vllm": "vllm", "tensorrt-llm": "tensorrt_llm", "sglang": "sglang", "llama.cpp": "llama_cpp"}
Version = tuple[int, int, int]
LONG_CONTEXT = 32768
V1_ENGINE: Version = (0, 8, 0)


@dataclass(frozen=True, eq=False, repr=False)
class EngineVersion:
    """One engine at one version. Compared by identity: `engine_version` returns one object for each pair."""

    name: str
    text: str
    version: Version
    facts: dict[str, Any]

    def default(self, setting: str) -> Any:
        """The value of the setting at this version."""
        return ranged(self.facts["defaults"][setting], self.version)["value"]

    @property
    def admits_by_prompt(self) -> bool:
        """vLLM from 0.8: a request begins when its prompt fits, and the one admitted last is taken back where the answers' growth finds no
        room; its prefix cache is on unless told otherwise."""
        return self.name == "vllm" and self.version >= V1_ENGINE

    @property
    def cuts_prompts(self) -> bool:
        """A prompt that does not fit what is left of a step begins in it all the same; TensorRT-LLM takes it whole, in the next one."""
        return self.name != "tensorrt-llm"

    def memory(self, name: str) -> Any:
        return self.facts["memory"][name]

    def group(self, *, offline: bool) -> str:
        """The calibration group."""
        for row in self.facts["calibration_groups"]:
            if row["before"] is None or self.version < parsed(row["before"]):
                return str(row.get("offline", row["group"]) if offline else row["group"])
        raise AssertionError("the last calibration group has no end")

    def gave_up(self, architecture: str) -> str | None:
        """A reason where this version no longer has the model class."""
        last = self.facts.get("last_version_of_class", {}).get(architecture)
        if last is None or self.version <= parsed(last):
            return None
        return f"{self.name} {self.text} no longer has {architecture}; the last version with it is {last}"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the engine runs under. None for `utilization` where the engine has no such share."""

    max_model_len: int
    max_num_seqs: int
    max_num_batched_tokens: int
    utilization: float


def engine_version(name: str | None, version: str | None) -> EngineVersion:
    """Raises InputError for an engine that is not known."""
    try:
        plain = named(name or "vllm")
    except ValueError as error:
        raise InputError(f"engine: {error}") from None
    return _engine(plain, version or str(load("sizing")["engines"][FILES[plain]]["default_version"]))


@functools.cache
def _engine(name: str, version: str) -> EngineVersion:
    return EngineVersion(name=name, text=version, version=parsed(version), facts=load("sizing")["engines"][FILES[name]])


@functools.cache
def parsed(text: str) -> Version:
    """`0.33.0rc1` -> (0, 33, 0). Raises InputError where there is no number."""
    numbers = [int(one) for one in re.findall(r"\d+", text)[:3]]
    if not numbers:
        raise InputError(f"engine_version: {text!r} holds no version number", hint="write it as the engine prints it: 0.33.0")
    numbers += [0] * (3 - len(numbers))
    return numbers[0], numbers[1], numbers[2]


def seen_by(gpu: Gpu, engine: EngineVersion) -> Gpu:
    """The GPU with the memory that torch saw of it under the drivers of the engine's days, where the facts hold that."""
    then = gpu.total_then
    if then is None or engine.name not in dict(then[0]) or engine.version >= parsed(dict(then[0])[engine.name]):
        return gpu
    return replace(gpu, total_gib=then[1])


def ranged(values: list[dict[str, Any]], version: Version) -> dict[str, Any]:
    """The entry whose range holds the version; before the first range the first, as the nearest that is known."""
    for value in values:
        if version >= parsed(value["from"]) and (value["before"] is None or version < parsed(value["before"])):
            return value
    return values[0]


@functools.lru_cache(4096)
def settings(
    engine: EngineVersion,
    shape: ModelShape,
    *,
    gpu: Gpu,
    offline: bool,
    max_model_len: int | None = None,
    max_num_seqs: int | None = None,
    max_num_batched_tokens: int | None = None,
    utilization: float | None = None,
) -> Settings:
    """The engine version's own defaults where a value is not given."""
    length = max_model_len or shape.max_positions
    seqs = max_num_seqs or int(_tier(engine, "max_num_seqs", gpu=gpu, offline=offline))
    tokens = max_num_batched_tokens or _batched_tokens(engine, gpu, length=length, offline=offline)
    if engine.name == "vllm" and not max_num_batched_tokens:
        tokens = min(tokens, seqs * length)
    return Settings(length, min(seqs, tokens), tokens, utilization or _utilization(engine, gpu, offline=offline))


def _batched_tokens(engine: EngineVersion, gpu: Gpu, *, length: int, offline: bool) -> int:
    value = _tier(engine, "max_num_batched_tokens", gpu=gpu, offline=offline)
    if value == "max_model_len":
        return max(length, 2048) if length <= LONG_CONTEXT else 2048
    return int(value)


def _utilization(engine: EngineVersion, gpu: Gpu, *, offline: bool) -> float:
    defaults = engine.facts["defaults"]
    if engine.name == "sglang":
        return sglang_static_fraction(engine, gpu.total_gib, gpus=1)
    if offline and "gpu_memory_utilization_offline" in defaults:
        return float(engine.default("gpu_memory_utilization_offline"))
    return float(engine.default("gpu_memory_utilization")) if "gpu_memory_utilization" in defaults else 1.0


def sglang_static_fraction(engine: EngineVersion, total_gib: float, *, gpus: int) -> float:
    """SGLang's mem_fraction_static: (memory - reserve) / memory, the reserve by version and size of the GPU."""
    if engine.version < parsed(engine.memory("reserve_old_before")):
        row = next(one for one in engine.memory("reserve_old") if total_gib < one.get("below_gib", float("inf")))
        reserve = row["base_gib"] + row["per_gpu_gib"] * gpus
    else:
        rule = engine.memory("reserve_mib")
        chunk = _by_size(engine.default("max_num_batched_tokens"), total_gib)["serve"]
        graphs = _by_size(engine.default("graph_batch"), total_gib)["serve"]
        mib = rule["base"] + rule["per_chunk_token"] * chunk + rule["per_graph_batch"] * graphs + rule["per_gpu"] * gpus
        reserve = max(mib, rule["floor"] if total_gib > rule["floor_above_gib"] else 0) / 1024
    return float((total_gib - reserve) / total_gib)


def _tier(engine: EngineVersion, setting: str, *, gpu: Gpu, offline: bool) -> Any:
    rows = engine.default(setting)
    row = _by_size(rows, gpu.total_gib, name=gpu.id)
    return row["offline" if offline else "serve"]


def _by_size(rows: list[dict[str, Any]], total_gib: float, name: str = "") -> dict[str, Any]:
    for row in rows:
        named = "only" not in row or any(name.startswith(one) for one in row["only"])
        excepted = any(name.startswith(one) for one in row.get("except", ()))
        if total_gib >= row.get("min_gib", 0) and named and not excepted:
            return row
    return rows[-1]
