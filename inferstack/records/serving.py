"""Serving: what a cluster runs, in the words of its plan, so that a measurement says what it is a measurement of."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from inferstack.records.plan import Layout, Plan
from inferstack.records.record import Part

# The name under which clients ask for the model: it changes nothing of what is measured.
NAMES_ONLY = frozenset({"served-model-name"})


class Serving(Part):
    """Whatever here differs between a plan and a measurement makes the prediction say nothing of that measurement."""

    model: str
    revision: str | None = Field(None, description="of the checkpoint; null if the plan names none")
    weight_quant: str
    kv_quant: str
    engine: str
    engine_version: str
    engine_flags: dict[str, str | int | float | bool]
    layout: Layout
    gpu: str
    instance_type: str

    @classmethod
    def of_plan(cls, plan: Plan, *, engine_version: str | None = None) -> Self:
        """Describe what the plan asks for; `engine_version` is given where the roles install another one than the plan names."""
        return cls(
            model=plan.model.id,
            revision=getattr(plan.model, "revision", None),
            weight_quant=plan.model.weight_quant,
            kv_quant=plan.kv_quant,
            engine=plan.engine,
            engine_version=engine_version or plan.engine_version,
            engine_flags={name: value for name, value in plan.engine_flags.items() if name not in NAMES_ONLY},
            layout=plan.layout,
            gpu=plan.gpu,
            instance_type=plan.instance_type,
        )

    def differences(self, other: Serving) -> list[str]:
        """Name every field in which `other` is not this one, with both values; flags one by one."""
        found = []
        for name in type(self).model_fields:
            mine, theirs = getattr(self, name), getattr(other, name)
            if name == "engine_flags":
                found += [_flag(flag, mine.get(flag), theirs.get(flag)) for flag in sorted(mine.keys() | theirs.keys())]
            elif mine != theirs:
                found.append(f"{LABELS[name]} {_written(theirs)} instead of {_written(mine)}")
        return [one for one in found if one]


LABELS = {
    "model": "model",
    "revision": "revision",
    "weight_quant": "weight format",
    "kv_quant": "KV format",
    "engine": "engine",
    "engine_version": "engine version",
    "layout": "layout",
    "gpu": "GPU",
    "instance_type": "instance type",
}


def _flag(name: str, planned: object, served: object) -> str:
    if planned == served:
        return ""
    return f"engine flag --{name} {_written(served)} instead of {_written(planned)}"


def _written(value: object) -> str:
    if isinstance(value, Layout):
        return f"tp{value.tp} pp{value.pp} ep{value.ep} dp{value.dp}"
    return "none" if value is None else str(value)
