"""The engine's options for a plan, each held against the frozen option table of the pinned version."""

from __future__ import annotations

import functools
import math
from typing import Any

from inferstack.records.errors import InputError
from inferstack.records.facts import load
from sizing.engines.layouts import keeps_replicas_apart
from sizing.models import remote_code
from sizing.options import flags as special_flags
from sizing.speed.replica import Replica

Value = str | int | float | bool
Flags = dict[str, Value]
BF16_SINCE = 8.0
DEPLOYED = ("vllm", "tensorrt-llm", "llama.cpp")


def flags(
    r: Replica, *, online_quantisation: bool, kv_quant: str, replicas_per_node: int, nodes: int = 1, trust_remote_code: bool = False
) -> Flags:
    """Option without dashes -> value. `nodes` of one replica: each starts with its own rank and the first one's address beside these
    options. Raises InputError for an engine that no plan starts, or an unknown option."""
    refuse_undeployed(r.engine.name)
    made = {"vllm": _vllm, "tensorrt-llm": _tensorrt_llm, "llama.cpp": _llama_cpp}[r.engine.name](r, online_quantisation, kv_quant)
    if replicas_per_node > 1:
        assert keeps_replicas_apart(r.engine, r.shape), f"{replicas_per_node} replicas of {r.shape.id} in one process are not independent"
        made["data-parallel-size"] = replicas_per_node
    if nodes > 1 and r.engine.name == "vllm":
        made["nnodes"] = nodes
    made |= special_flags.flags(r) | remote_code.flags(engine=r.engine.name, consent=trust_remote_code)
    check(r.engine.name, made)
    return made


def refuse_undeployed(engine: str) -> None:
    """Raises InputError for an engine that is sized, but that no plan starts."""
    if engine not in DEPLOYED:
        raise InputError(
            f"engine: {engine} is sized (python -m sizing.estimate) but not deployed; deployed: {', '.join(DEPLOYED)}",
            hint="plan with --engine vllm",
        )


def check(engine: str, given: Flags) -> None:
    """Raises InputError for an option that the frozen table does not hold, or a value outside its choices."""
    table = options(engine)
    for name, value in given.items():
        if name not in table:
            raise InputError(f"engine flag --{name} is not in the frozen option table of {engine}")
        choices = table[name].get("choices")
        if choices and str(value) not in choices.split("|"):
            raise InputError(f"engine flag --{name} takes {choices}, not {value}")


@functools.cache
def options(engine: str) -> dict[str, dict[str, Any]]:
    """Spelling without dashes -> row of the table. TensorRT-LLM: only what older and newer sources both know."""
    name = {"vllm": "vllm", "tensorrt-llm": "tensorrt_llm", "llama.cpp": "llama_cpp"}[engine]
    rows = load("sizing")["engines"]["flags"][name]["records"]
    usable = [row for row in rows if str(row.get("where", "both")).startswith("both")]
    return {spelling.lstrip("-"): row for row in usable for spelling in row["options"]}


def _vllm(r: Replica, online_quantisation: bool, kv_quant: str) -> Flags:
    made: Flags = {
        "served-model-name": r.shape.id,
        "tensor-parallel-size": r.layout.tp,
        "max-model-len": r.settings.max_model_len,
        "max-num-seqs": r.settings.max_num_seqs,
        "max-num-batched-tokens": r.settings.max_num_batched_tokens,
        "gpu-memory-utilization": r.settings.utilization,
    }
    if r.layout.pp > 1:
        made["pipeline-parallel-size"] = r.layout.pp
    if r.layout.ep > 1:
        made["enable-expert-parallel"] = True
    if online_quantisation:
        made["quantization"] = r.bits.format
    if kv_quant != "auto":
        made["kv-cache-dtype"] = {"bf16": "bfloat16"}.get(kv_quant, kv_quant)
    if r.gpu.compute_capability < BF16_SINCE:
        made["dtype"] = "float16"
    return made


def _tensorrt_llm(r: Replica, online_quantisation: bool, kv_quant: str) -> Flags:
    made: Flags = {
        "tp_size": r.layout.tp,
        "pp_size": r.layout.pp,
        "max_seq_len": r.settings.max_model_len,
        "max_batch_size": r.settings.max_num_seqs,
        "max_num_tokens": r.settings.max_num_batched_tokens,
        "kv_cache_free_gpu_memory_fraction": r.settings.utilization,
    }
    if r.layout.ep > 1:
        made["ep_size"] = r.layout.ep
    return made


def _llama_cpp(r: Replica, online_quantisation: bool, kv_quant: str) -> Flags:
    """One unified KV buffer of as many tokens as all slots together may hold, within what fits. Named slots divide the buffer among
    themselves unless it is said to be one (tools/server/server.cpp)."""
    wanted = r.settings.max_model_len * r.settings.max_num_seqs
    return {
        "alias": r.shape.id,
        "ctx-size": min(wanted, math.floor(r.kv_tokens / 256) * 256),
        "parallel": r.settings.max_num_seqs,
        "kv-unified": True,
        "batch-size": r.settings.max_num_batched_tokens,
        "gpu-layers": r.shape.num_layers + 1,
    }
