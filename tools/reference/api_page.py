"""docs/reference/api.md: the names that a Python program may import, with their signatures, and which need an extra."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import groupby
from typing import Any

from tools.reference.markdown import page

INTRODUCTION = """
These names keep their place, their parameters and their meaning from one minor version to the next; what else can be imported may
move in any version. Each package carries `py.typed`. How they are used: [use it from Python](../how-to/use-from-python.md).

A plain `pip install inferstack` has all of them but those marked `inferstack[cloud]`. Every error that they raise is an
`InferstackError`, with `message`, `hint` and `code` ([exit codes](exit-codes.md)). The fields of the records, and their JSON schemas:
[records](records.md).
"""
LITERAL = (type(inspect.Parameter.empty), type(None), bool, int, float, str)
"""Defaults that are shown; any other is `...`, because its text may name this machine."""


@dataclass(frozen=True)
class Export:
    """`extra` is what `pip` must install for it; empty for a plain install."""

    module: str
    name: str
    what: str
    extra: str = ""


NAMES = (
    Export("sizing.planning.planner", "plan", "Choose the cheapest cluster that holds the request's load."),
    Export("sizing.fleet.fleet", "plan", "Choose the cheapest mix of instances for several models, with a proven lower bound of its cost."),
    Export("sizing.explaining.breakdown", "of_plan", "Compute the sum behind a plan: memory, the terms of an iteration, what bounds it."),
    Export("sizing.estimate", "answer", "Answer one question of the batch interface; a wrong question gets `error` and its `id`."),
    Export("sizing.estimate", "answers", "Answer JSON Lines, a line for each, in their order."),
    Export("sizing.catalog", "find_model", "Find a model by its Hugging Face id, the last part of it, or a short name."),
    Export("sizing.catalog", "models", "Return every model of the facts."),
    Export("sizing.catalog", "find_gpu", "Find a GPU by its id or short name; a MIG slice as `H100 MIG 3g.40gb`."),
    Export("sizing.catalog", "find_instance", "Find an EC2 instance type."),
    Export("sizing.catalog", "instances", "Return every instance type of the facts."),
    Export("inferstack.records.request", "Request", "The record of what is asked: one model, one load, targets and limits."),
    Export("inferstack.records.plan", "Plan", "The record of a plan."),
    Export("inferstack.records.fleet", "FleetRequest", "The record of what is asked of a fleet."),
    Export("inferstack.records.fleet", "FleetPlan", "The record of a fleet's plan."),
    Export("inferstack.records.preview", "Preview", "The record of what `up` would change, and its bill."),
    Export("inferstack.records.preview", "Bill", "The bill, resource by resource and line by line."),
    Export("inferstack.records.measurement", "Measurement", "The record of what `bench` measured."),
    Export("inferstack.records.measurement", "Verdict", "The record of the prediction beside the measurement."),
    Export("inferstack.records.receipt", "Receipt", "The record of what `down` deleted, kept and found left."),
    Export("inferstack.records.errors", "InferstackError", "The root of the errors below."),
    Export(
        "inferstack.records.errors",
        "Finding",
        "Raised where the work was done and found something: nothing holds the load, a limit is passed.",
    ),
    Export("inferstack.records.errors", "InputError", "Raised for wrong input, with the file, line and field, or the nearest names."),
    Export("inferstack.records.errors", "MissingTool", "Raised where a thing is missing on this machine."),
    Export("inferstack.records.errors", "CloudRefused", "Raised where AWS or a host refused; `kind` says which kind of refusal."),
    Export("inferstack.pricing.bill.programs", "read", "Read what `pulumi preview --json --show-sames` wrote, or a `registrations.json`."),
    Export("inferstack.pricing.bill.registration", "Registration", "One resource of a Pulumi program, as the bill reads it."),
    Export("inferstack.pricing.bill.bill", "bill", "Price the resources of any Pulumi program, every price with its source and date."),
    Export("stacks.offline", "bill_of_plan", "Price what `up` would build for a plan, without Pulumi, login and account."),
    Export("inferstack.report.contents", "Contents", "What a report is made of."),
    Export("inferstack.report.page", "page", "Make the report: one HTML page that opens offline."),
    Export("stacks.program", "main", "Run the program of the selected stack; what `main: stacks` in `Pulumi.yaml` calls.", extra="cloud"),
    Export("stacks.program", "build", "Register everything of a stack, inside a Pulumi program of your own.", extra="cloud"),
    Export("stacks.program", "Surroundings", "What a caller of `build` may set.", extra="cloud"),
    Export("infra.components.base", "Base", "The Pulumi component of what outlives clusters: network, bucket, key, budget.", extra="cloud"),
    Export(
        "infra.components.cluster",
        "Cluster",
        "The Pulumi component of what bills by the hour, and of the schedules that remove it.",
        extra="cloud",
    ),
)


def text() -> str:
    groups = (part for module, names in groupby(NAMES, key=lambda one: one.module) for part in _module(module, list(names)))
    return page("The Python interface", INTRODUCTION, *groups)


def _module(module: str, names: list[Export]) -> Iterator[str]:
    extra = f" (`inferstack[{names[0].extra}]`)" if names[0].extra else ""
    yield f"## `{module}`{extra}\n"
    for one in names:
        found = getattr(import_module(module), one.name)
        yield f"```text\n{one.name}{signature(found)}\n```\n\n{one.what}\n"


def signature(found: Any) -> str:
    """Return the parameters as they are written; none for a record, whose fields have a page of their own."""
    from pydantic import BaseModel

    if inspect.isclass(found) and issubclass(found, BaseModel):
        return ""
    shown = inspect.signature(found)
    parameters = [one if isinstance(one.default, LITERAL) else one.replace(default=Ellipsis) for one in shown.parameters.values()]
    text = str(shown.replace(parameters=parameters)).replace("= Ellipsis", "= ...")
    return re.sub(r"(: |-> )'([^']+)'", r"\1\2", text)
