"""Which resource types have no charge, which have one that is not in the facts, and which nobody has classified yet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, cast

from inferstack.pricing.bill.lines import free, unpriced
from inferstack.pricing.bill.registration import UNKNOWN, Registration, mapping
from inferstack.pricing.bill.whole import Whole
from inferstack.pricing.services.instances import GROUP, TEMPLATE, bears_gpu
from inferstack.records.files.facts import load
from inferstack.records.preview import BillLine

TYPE_KEYS = ("instancetype", "instancefamily", "machinetype", "vmsize")
"""Part of the names of inputs that hold an instance type, of AWS and of others."""
TYPE = re.compile(r"(?<![a-z0-9-])([a-z]+[0-9][a-z0-9-]*)\.(?:nano|micro|small|medium|[0-9]*x?large|metal[a-z0-9-]*)(?![a-z0-9])")
"""An EC2 instance type, alone or within another name: `ml.g5.xlarge`, `db.r6g.large`, `r6g.large.search`."""
GPU = re.compile(r"(?<![a-z])gpus?(?![a-z])|nvidia|neuron", re.IGNORECASE)
ONLY_NAMES = ("tags", "tagsall", "name", "description", "nameprefix", "labels", "annotations")
CAPACITY_PROVIDER = "aws:ecs/capacityProvider:CapacityProvider"


def other(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """Every type without a pricer of its own."""
    free_because = "a component: its children are billed" if one.component else _reason("free", one.type)
    rate_missing = _reason("rate_missing", one.type)
    starts = _starts(one)
    if free_because is not None:
        yield free(one, free_because)
    elif starts is not None and _its_group_is_billed(one, whole):
        yield free(one, "its Auto Scaling group is billed")
    elif starts is not None:
        yield unpriced(one, "resource", starts, gpu_bearing=may_bear_gpu(one, whole, starts=True))
    elif rate_missing is not None:
        yield unpriced(one, "resource", rate_missing)
    else:
        yield unpriced(one, "resource", "the bill does not know this type", gpu_bearing=may_bear_gpu(one, whole))


def may_bear_gpu(one: Registration, whole: Whole, *, starts: bool = False) -> bool:
    """An input names an instance type that is not known to be without accelerator, a GPU, or a launch template.

    `starts` is for a type that starts instances: it may bear a GPU unless every type that it names has none.
    """
    named = list(_instance_types(one.inputs))
    if any(_suspect(value) for value in named) or _mentions_gpu(one.inputs):
        return True
    templates = [found for found in whole.registrations if found.type == TEMPLATE and one.refers_to(found.urn)]
    return any(_suspect(found.inputs.get("instanceType", UNKNOWN)) for found in templates) or (starts and not named and not templates)


def _starts(one: Registration) -> str | None:
    """Why the resource starts instances; None where it starts none."""
    for path, why in _table("starts_instances_when").get(one.type, {}).items():
        value: Any = one.inputs
        for name in path.split("."):
            value = mapping(value).get(name)
        if value not in (None, False, "false"):
            return str(why)
    return _reason("starts_instances", one.type)


def _its_group_is_billed(one: Registration, whole: Whole) -> bool:
    groups = (found for found in whole.registrations if found.type == GROUP and one.refers_to(found.urn))
    return one.type == CAPACITY_PROVIDER and not one.inputs.get("managedInstancesProvider") and any(groups)


def _suspect(value: object) -> bool:
    """Whether a value that stands where an instance type stands may mean one with an accelerator."""
    if not isinstance(value, str) or value == UNKNOWN:
        return True
    types = [found.group(0) for found in TYPE.finditer(value.lower())]
    return any(bears_gpu(kind) for kind in types) if types else True


def _instance_types(value: Any) -> Iterator[object]:
    """Every value under a key that is called instanceType, instanceFamily and the like, and every type that a text holds, at any depth."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if any(word in name.lower() for word in TYPE_KEYS) and not isinstance(inner, Mapping):
                yield from inner if isinstance(inner, list | tuple) else (inner,)
            elif name.lower() not in ONLY_NAMES:
                yield from _instance_types(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _instance_types(inner)
    elif isinstance(value, str):
        yield from (found.group(0) for found in TYPE.finditer(value.lower()))


def _mentions_gpu(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(
            (GPU.search(_words(name)) and inner not in (None, False, 0, "0", "")) or _mentions_gpu(inner)
            for name, inner in value.items()
            if name.lower() not in ONLY_NAMES
        )
    if isinstance(value, list | tuple):
        return any(_mentions_gpu(inner) for inner in value)
    return isinstance(value, str) and bool(GPU.search(value))


def _words(name: str) -> str:
    """`workerGpuCount` as `worker Gpu Count`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)


def _reason(table: str, kind: str) -> str | None:
    listed = _table(table)
    return listed.get(kind) or next((why for name, why in listed.items() if "*" in name and fnmatchcase(kind, name)), None)


def _table(name: str) -> dict[str, Any]:
    return cast(dict[str, Any], load("pricing")["classes"][name])
