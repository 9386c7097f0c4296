"""The engine's options of a plan: those that run code need a person's word, and those that the planner did not write are shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from inferstack.records import engines
from inferstack.records.errors import InferstackError, InputError
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from playbooks import flag_classes

SPECULATION = {"method", "model", "num_speculative_tokens", "prompt_lookup_min", "prompt_lookup_max"}
"""Keys of --speculative-config that the planner writes."""


def refuse_dangerous(plan: Plan, *, allowed: Iterable[str]) -> None:
    """Raises InputError for options that run code or reach out of the node and that neither the person nor the planner allowed."""
    if plan.engine not in engines.roles():
        return
    found = flag_classes.dangers(plan.engine, plan.engine_flags, allowed=(*allowed, *_of_the_request(plan)))
    if found:
        listed = "; ".join(f"--{one.flag} ({one.why})" for one in found)
        words = " ".join(f"--allow-flag {one.flag}" for one in found)
        raise InputError(f"plan: engine flag {listed}: runs code on the node or opens connections", hint=f"if you accept it: {words}")


def unplanned(plan: Plan) -> tuple[str, ...]:
    """Return the options that the planner does not write for this request on this cluster, as they would stand on the command line."""
    written = _written(plan)
    return tuple(f"--{name} {value}" for name, value in plan.engine_flags.items() if written.get(name) != value)


def said(plan: Plan) -> Sequence[str]:
    """Return one line for people, or nothing where every option is the planner's."""
    found = unplanned(plan)
    return (f"Engine flags that the planner did not write: {', '.join(found)}",) if found else ()


def _of_the_request(plan: Plan) -> tuple[str, ...]:
    """Options that the planner itself writes because the request says so."""
    from sizing.engines.table import remote_code_flags

    named: list[str] = []
    if plan.request.trust_remote_code:
        named += remote_code_flags()
    draft = plan.request.speculative_model
    if _plain_speculation(plan.engine_flags.get("speculative-config"), draft):
        named.append("speculative-config")
    if draft is not None and plan.engine_flags.get("spec-draft-model") == draft:
        named.append("spec-draft-model")
    return tuple(named)


def _plain_speculation(value: object, draft: str | None) -> bool:
    try:
        told = json.loads(str(value))
    except ValueError:
        return False
    return isinstance(told, dict) and set(told) <= SPECULATION and told.get("model") in (None, draft)


def _written(plan: Plan) -> dict[str, str | int | float | bool]:
    """Plan the request again on the plan's own cluster; nothing where that cannot be done, so that every option is shown."""
    from sizing.planning import planner

    layout = {"tp": plan.layout.tp, "pp": plan.layout.pp, "ep": plan.layout.ep}
    pinned = {"instance_type": plan.instance_type, "instance_types": None, "gpu": None, "region": plan.region, "engine": plan.engine}
    fixed = {"weight_quant": plan.model.weight_quant, "any_quant": None, "max_usd_per_hour": None, "guards": None, "split": False}
    try:
        request = Request.model_validate({**plan.request.model_dump(), **pinned, **layout, **fixed})
        return dict(planner.plan(request, now=plan.created_at).engine_flags)
    except (InferstackError, ValueError):
        return {}
