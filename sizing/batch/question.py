"""A question of the batch interface: its keys checked, its names resolved to a replica and its traffic."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from inferstack.records import request
from inferstack.records.errors import InputError
from inferstack.records.files.reading import first_wrong, unknown
from inferstack.records.request import GpuOverride, Request
from sizing.batch.keys import BEYOND, QUESTION
from sizing.catalog import Gpu, find_gpu, find_instance, find_model, overridden, shared
from sizing.engines.engine import EngineVersion
from sizing.engines.layouts import ReplicaLayout
from sizing.engines.versions import engine_version, seen_by, settings
from sizing.models.hf_config import from_config
from sizing.models.quantisation.formats import bits_of
from sizing.models.shape import ModelShape
from sizing.options.request import of_question
from sizing.planning.checkpoint import as_published
from sizing.speed.replica import Replica, replica
from sizing.speed.traffic import Traffic

LOADS = tuple(name for name in request.LOADS if name in QUESTION)


@dataclass(frozen=True, slots=True)
class Question:
    """`traffic` is None where only memory is asked; it is that of one of `replicas` replicas."""

    replica: Replica
    traffic: Traffic | None
    replicas: int
    memory_length: int
    told_length: float


def parse(question: Mapping[str, Any]) -> Question:
    """Raises InputError for unknown keys, values that no request may hold, and names that are not in the facts."""
    question = read_keys(question)
    get = question.get
    shape, engine = _shape(question), engine_version(get("engine"), get("engine_version"))
    gpu = _gpu(question)
    replaced: GpuOverride | None = get("gpu_override")
    if replaced is None or replaced.memory_gib is None:
        gpu = seen_by(gpu, engine)
    offline = all(get(name) is None for name in LOADS) and not get("memory_only")
    bits = bits_of(shape, get("weight_quant"))
    layout, dp = _layout(question, shape, engine, offline=offline)
    setting = settings(
        engine, shape, gpu=gpu, offline=offline, max_model_len=get("max_model_len"), max_num_seqs=get("max_num_seqs"),
        max_num_batched_tokens=get("max_num_batched_tokens"), utilization=get("gpu_memory_utilization"),
    )  # fmt: skip
    special = of_question(question, shape, engine)
    one = special.on(
        replica(
            shape, gpu, bits, layout=layout, engine=engine, settings=setting, kv_quant=get("kv_quant", "auto"), offline=offline,
            hop_bytes_per_s=_hop_bytes_per_s(question, gpu, layout),
        )
    )  # fmt: skip
    seen = special.images.prompt_tokens if special.images else 0.0
    length = (get("isl") or 0) + seen + (get("osl") or 0)
    traffic = None if get("memory_only") else _traffic(question, dp, image_tokens=seen)
    told = get("max_model_len") or length or (setting.max_model_len if engine.checks_whole_length else 0)
    return Question(one, traffic, dp, setting.max_model_len, float(told))


def read_keys(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a question as a request would hold them; null is a key that was left out. Raises InputError for unknown keys
    and for what no request may hold, in its words."""
    _refuse_unknown(question)
    try:
        held = Request.model_validate(dict(question))
    except ValidationError as error:
        wrong = first_wrong(error, Request)
        raise InputError(f"{'.'.join(wrong.at)}: {wrong.says}" if wrong.at else wrong.says, hint=wrong.hint) from None
    if held.gpu is None and held.instance_type is None:
        raise InputError("give gpu or instance_type")
    if not held.memory_only and not {"isl", "osl"} <= held.model_fields_set:
        raise InputError("isl and osl are needed unless memory_only is true")
    return {name: getattr(held, name) for name in held.model_fields_set}


def _refuse_unknown(question: Mapping[str, Any]) -> None:
    if strangers := sorted(question.keys() - QUESTION.keys()):
        raise InputError("; ".join(f"{name}: {_not_a_field(name)}" for name in strangers))


def _not_a_field(name: str) -> str:
    """Say why a question has no such field, in the words that a request file gets."""
    if name in BEYOND:
        return f"unknown field; beyond the estimate: {BEYOND[name]}"
    if name in Request.model_fields:
        return "a field of plan, not of the estimate"
    return unknown(name, QUESTION)


def _shape(question: Mapping[str, Any]) -> ModelShape:
    if question.get("model"):
        return as_published(find_model(question["model"]), question.get("weight_quant"))
    return _configured(json.dumps(question["config"], sort_keys=True))


@functools.lru_cache(256)
def _configured(config: str) -> ModelShape:
    return from_config(json.loads(config))


def _gpu(question: Mapping[str, Any]) -> Gpu:
    return _resolved_gpu(question.get("gpu"), question.get("instance_type"), question.get("gpu_override"))


@functools.lru_cache(1024)
def _resolved_gpu(name: str | None, instance_type: str | None, override: GpuOverride | None) -> Gpu:
    if instance_type:
        of_instance = find_instance(instance_type)
        if of_instance.gpu is None:
            raise InputError(f"instance_type: {instance_type} has no GPU: {of_instance.why_unsupported}")
        gpu = shared(find_gpu(name or of_instance.gpu), of_instance.gpu_share)
    else:
        gpu = find_gpu(name or "")
    return overridden(gpu, override) if override else gpu


def _hop_bytes_per_s(question: Mapping[str, Any], gpu: Gpu, layout: ReplicaLayout) -> float:
    """Return the rate between pipeline stages: over the network where the instance type has fewer GPUs than the layout."""
    instance = find_instance(question["instance_type"]) if question.get("instance_type") else None
    return instance.network_bytes_per_s if instance and layout.gpus > max(instance.gpu_count, 1) else gpu.link_bytes_per_s


def _layout(question: Mapping[str, Any], shape: ModelShape, engine: EngineVersion, *, offline: bool) -> tuple[ReplicaLayout, int]:
    """Experts over more GPUs than tp: attention runs data-parallel there, and the replicas of `dp` are inside the expert group."""
    tp, pp, ep, dp = (int(question.get(key) or 1) for key in ("tp", "pp", "ep", "dp"))
    node = find_instance(question["instance_type"]).gpu_count if question.get("instance_type") else 0
    if shape.is_moe and ep > tp:
        return ReplicaLayout(tp=ep, pp=pp, ep=ep, attention_dp=tp == 1), max(1, dp * tp // ep)
    if shape.is_moe and offline and tp > 1 and engine.offline_attention_dp:
        return ReplicaLayout(tp=tp, pp=pp, ep=tp, attention_dp=True, gpus_per_node=node), dp
    return ReplicaLayout(tp=tp, pp=pp, ep=ep, gpus_per_node=node), dp


def _traffic(question: Mapping[str, Any], replicas: int, *, image_tokens: float) -> Traffic:
    if question.get("tokens_per_s"):
        question = {**question, "request_rate": float(question["tokens_per_s"]) / float(question["osl"])}
    get = question.get
    concurrency, rate, number = (
        float(question[key]) / replicas if get(key) else None for key in ("concurrency", "request_rate", "num_requests")
    )
    return Traffic(
        isl=float(question["isl"]) + image_tokens,
        osl=float(question["osl"]),
        concurrency=concurrency,
        request_rate=rate,
        burstiness=get("burstiness") or 1.0,
        num_requests=number,
        prefix_hit_rate=get("prefix_hit_rate") or 0.0,
    )
