"""Which resource types have no charge, which have one that is not in the facts, and which nobody has classified yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, cast

from pricing import rates
from pricing.instances import TEMPLATE, bears_gpu
from pricing.lines import free, unpriced
from pricing.registration import UNKNOWN, Registration, Whole
from records.facts import load
from records.preview import BillLine


def other(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """Every type without a pricer of its own."""
    free_because = _reason("free", one.type)
    rate_missing = _reason("rate_missing", one.type)
    if free_because is not None:
        yield free(one, free_because)
    elif rate_missing is not None:
        yield unpriced(one, "resource", rate_missing)
    else:
        yield unpriced(one, "resource", "this bill does not know the type", gpu_bearing=may_bear_gpu(one, whole))


def may_bear_gpu(one: Registration, whole: Whole) -> bool:
    """An input names an instance type that is not known to be without accelerator, or a launch template."""
    starts_instances = any(found.type == TEMPLATE and one.refers_to(found.urn) for found in whole.registrations)
    return starts_instances or any(_suspect(value) for value in _instance_types(one.inputs))


def _suspect(value: object) -> bool:
    if not isinstance(value, str) or value == UNKNOWN:
        return True
    return bears_gpu(value if rates.accelerators(value) is not None else value.removeprefix("ml."))


def _instance_types(value: Any) -> Iterator[object]:
    """Every value under a key that is called instanceType, instanceTypes, instanceFamily and the like, at any depth."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if any(word in name.lower() for word in ("instancetype", "instancefamily")):
                yield from inner if isinstance(inner, list | tuple) else (inner,)
            yield from _instance_types(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _instance_types(inner)


def _reason(table: str, kind: str) -> str | None:
    listed = cast(dict[str, str], load("pricing")["classes"][table])
    return listed.get(kind) or next((why for name, why in listed.items() if name.endswith("*") and fnmatchcase(kind, name)), None)
