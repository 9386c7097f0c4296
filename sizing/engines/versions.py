"""Engines by version, and the settings that a question or a plan runs under."""

from __future__ import annotations

import functools
from dataclasses import replace

from sizing.catalog import Gpu
from sizing.engines import table
from sizing.engines.engine import EngineVersion, parsed
from sizing.engines.launch import LaunchSettings
from sizing.models.shape import ModelShape

# vLLM 0.5.3 to 0.7 (V0) turned chunked prefill on by itself above this max_model_len (vllm/engine/arg_utils.py), and
# then took 2,048 tokens a step in place of the whole length. Before 0.6.5 it was 512, which is not modelled.
LONG_CONTEXT = 32768


def engine_version(name: str | None, version: str | None) -> EngineVersion:
    """Return the engine, or the default one; without a version the newest of the facts. Raises InputError for an engine that is not
    known."""
    plain = table.plain_name(name) if name else table.default()
    return _engine(plain, version or str(table.facts(plain)["default_version"]))


@functools.cache
def _engine(name: str, version: str) -> EngineVersion:
    return table.engine_named(name)(name=name, text=version, version=parsed(version), facts=table.facts(name))


def seen_by(gpu: Gpu, engine: EngineVersion) -> Gpu:
    """Return the GPU with the memory that torch reported under the drivers of this engine version's time, where the facts hold that."""
    # Newer drivers keep more for themselves: a log of vLLM 0.7 on a g5 (February 2025) shows 22.30 GiB of an A10G,
    # one of 2026 shows 22.06. With today's figure the old logs would be missed by that difference.
    then = gpu.total_then
    if then is None or engine.name not in dict(then[0]) or engine.version >= parsed(dict(then[0])[engine.name]):
        return gpu
    return replace(gpu, total_gib=then[1])


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
) -> LaunchSettings:
    """Return the settings, with the engine version's own defaults where a value is not given."""
    length = max_model_len or shape.max_positions
    seqs = max_num_seqs or int(engine.tier("max_num_seqs", gpu, offline=offline))
    tokens = max_num_batched_tokens or engine.step_tokens(
        _batched_tokens(engine, gpu, length=length, offline=offline), sequences=seqs, length=length
    )
    # vLLM refuses max_num_batched_tokens below max_num_seqs (vllm/config/scheduler.py), and cuts its own default to
    # it.
    return LaunchSettings(length, min(seqs, tokens), tokens, utilization or engine.utilization(gpu, offline=offline))


def _batched_tokens(engine: EngineVersion, gpu: Gpu, *, length: int, offline: bool) -> int:
    value = engine.tier("max_num_batched_tokens", gpu, offline=offline)
    if value == "max_model_len":
        return max(length, 2048) if length <= LONG_CONTEXT else 2048
    return int(value)
