"""The engine's options for a plan, each held against the frozen option table of the pinned version."""

from __future__ import annotations

import functools
from typing import Any

from inferstack.records import engines
from inferstack.records.errors import InputError
from sizing.engines import table
from sizing.engines.launch import Flags, Launch
from sizing.options.lora import MODULES
from sizing.options.replica import SpecialReplica
from sizing.speed.replica import Replica


def flags(
    r: Replica, *, online_quantisation: bool, kv_quant: str, replicas_per_node: int, nodes: int = 1, trust_remote_code: bool = False
) -> Flags:
    """Option without dashes -> value. `nodes` of one replica: each starts with its own rank and the first one's address beside these
    options. Raises InputError for an engine that no plan starts, or an unknown option."""
    refuse_undeployed(r.engine.name)
    apart = replicas_per_node == 1 or r.engine.keeps_replicas_apart(r.shape)
    assert apart, f"{replicas_per_node} replicas of {r.shape.id} in one process are not independent"
    made = r.engine.flags(
        Launch(
            model=r.shape.id, layers=r.shape.num_layers, compute_capability=r.gpu.compute_capability, tp=r.layout.tp, pp=r.layout.pp,
            ep=r.layout.ep, settings=r.settings, kv_tokens=r.kv_tokens, kv_quant=kv_quant,
            online_format=r.bits.format if online_quantisation else "", replicas=replicas_per_node, nodes=nodes, **_special(r),
        )
    )  # fmt: skip
    if trust_remote_code and r.engine.remote_code_flag:
        made[r.engine.remote_code_flag] = True
    check(r.engine.name, made)
    return made


def refuse_undeployed(engine: str) -> None:
    """Raises InputError for an engine that is sized, but that no plan starts."""
    if engine not in table.deployed():
        raise InputError(
            f"engine: {engine} is sized (python -m sizing.estimate) but not deployed; deployed: {', '.join(table.deployed())}",
            hint=f"plan with --engine {table.default()}",
        )


def check(engine: str, given: Flags) -> None:
    """Raises InputError for an option that the frozen table does not hold, or a value outside its choices."""
    known = options(engine)
    for name, value in given.items():
        if name not in known:
            raise InputError(f"engine flag --{name} is not in the frozen option table of {engine}")
        choices = known[name].get("choices")
        if choices and str(value) not in choices.split("|"):
            raise InputError(f"engine flag --{name} takes {choices}, not {value}")


@functools.cache
def options(engine: str) -> dict[str, dict[str, Any]]:
    """Return each option's row of the table by its spelling without dashes; of a table of several sources only what all of them know."""
    usable = [row for row in engines.options(engine) if str(row.get("where", "both")).startswith("both")]
    return {spelling.lstrip("-"): row for row in usable for spelling in row["options"]}


def _special(r: Replica) -> dict[str, Any]:
    """Speculation and adapters; no speculation where a draft is needed and none is named."""
    if not isinstance(r, SpecialReplica):
        return {}
    made: dict[str, Any] = {}
    s, a = r.speculation, r.adapters
    if s and not (s.method in ("eagle3", "draft") and s.model is None):
        made |= {"speculative_method": s.method, "speculative_tokens": s.tokens, "speculative_model": s.model}
    if a:
        limited = a.given or len(a.modules) < len(MODULES)
        made |= {"lora_slots": a.slots, "lora_rank": a.held_rank, "lora_modules": a.modules if limited else ()}
    return made
