"""Engine options of speculation and adapters, by engine. What an engine has no option for is refused before a plan is made."""

from __future__ import annotations

import json

from sizing.engines.versions import EngineVersion
from sizing.options.lora import MODULES, Adapters
from sizing.options.replica import SpecialReplica
from sizing.options.speculation import Speculation
from sizing.speed.replica import Replica

Value = str | int | float | bool
Flags = dict[str, Value]
LOOKUP_MIN, LOOKUP_MAX = 2, 4
"""Tokens of the end of a text that are looked up in it: assumed, vLLM asks for both."""


def flags(r: Replica) -> Flags:
    """Option without dashes -> value; nothing for a plain replica, and no speculation where a draft is needed and none is named."""
    if not isinstance(r, SpecialReplica):
        return {}
    made: Flags = {}
    if r.speculation and not (r.speculation.method in ("eagle3", "draft") and r.speculation.model is None):
        made |= {"vllm": _vllm_speculation, "llama.cpp": _llama_cpp_speculation}[r.engine.name](r.speculation, r.engine)
    if r.adapters and r.engine.name == "vllm":
        made |= _vllm_adapters(r.adapters)
    return made


def _vllm_speculation(s: Speculation, engine: EngineVersion) -> Flags:
    """One JSON object; its method is one of the choices of --spec-method."""
    told: dict[str, str | int] = {"method": engine.facts["special"]["speculative_methods"][s.method]}
    if s.model:
        told["model"] = s.model
    told["num_speculative_tokens"] = s.tokens
    if s.method == "ngram":
        told |= {"prompt_lookup_min": LOOKUP_MIN, "prompt_lookup_max": LOOKUP_MAX}
    return {"speculative-config": json.dumps(told)}


def _llama_cpp_speculation(s: Speculation, engine: EngineVersion) -> Flags:
    made: Flags = {"spec-type": engine.facts["special"]["speculative_methods"][s.method]}
    if s.method == "ngram":
        return made | {"spec-ngram-simple-size-m": s.tokens}
    if s.model:
        made["spec-draft-model"] = s.model
    return made | {"spec-draft-n-max": s.tokens}


def _vllm_adapters(a: Adapters) -> Flags:
    """vLLM sets slots aside for every module that takes adapters, unless they are limited."""
    made: Flags = {"enable-lora": True, "max-loras": a.slots, "max-lora-rank": a.held_rank}
    if a.given or len(a.modules) < len(MODULES):
        made["lora-target-modules"] = " ".join(a.modules)
    return made
