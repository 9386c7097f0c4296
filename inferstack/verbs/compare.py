"""`inferstack compare`: a plan by purchase option, beside hosted APIs and owned hardware."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

import typer

from inferstack.cli import options
from inferstack.verbs.plan import plan

NO = {"show_default": False}
NOT_OF_COMPARE = ("file", "rehearse")
File = Annotated[
    Path | None, typer.Argument(metavar="[REQUEST.yaml|PLAN.json]", help="What to compare. Default: the stack's newest plan.", **NO)
]
Hours = Annotated[
    float | None, typer.Option("--hours-per-week", metavar="H", help="Open so many hours, once a day. Default: always.", **NO)
]
Schedule = Annotated[
    str | None,
    typer.Option("--schedule", metavar="WORDS", help='When it is open: "Mon-Fri 08:00-18:00 Europe/Berlin". Off in between.', **NO),
]
Months = Annotated[float, typer.Option("--months", metavar="N", help="How long it is needed.")]
LoadShare = Annotated[float, typer.Option("--load-share", metavar="0..1", help="Mean load of the open hours over the asked load.")]
Interruptible = Annotated[bool, typer.Option("--interruptible", help="Spot may be chosen: all instances may be taken at once.")]
Batch = Annotated[bool, typer.Option("--batch", help="Batch prices of the APIs, where known: answers within a day.")]
Owned = Annotated[
    str | None, typer.Option("--owned", metavar="SYSTEM|FILE", help="Beside a system of the facts, or one of an owned.yaml.", **NO)
]


def app() -> typer.Typer:
    return options.one(_with_flags_of_plan())


def compare(
    context: typer.Context,
    source: File = None,
    hours_per_week: Hours = None,
    schedule: Schedule = None,
    months: Months = 12.0,
    load_share: LoadShare = 1.0,
    interruptible: Interruptible = False,
    batch: Batch = False,
    owned: Owned = None,
    **flags: Any,
) -> int:
    """Self-host or buy tokens: purchase options, cost per million tokens, break-even volumes, owned hardware. Of the stack's own plan
    write comparison.json beside it."""
    from inferstack.actions import compare as comparing

    return comparing.compare(dict(context.params))


def _with_flags_of_plan() -> Any:
    """The flags of `plan`, whatever they are: one list of them, so that a request means the same in both verbs."""
    of_plan = inspect.signature(plan, eval_str=True).parameters
    mine = {name: one for name, one in inspect.signature(compare, eval_str=True).parameters.items() if name != "flags"}
    parameters = mine | {name: one for name, one in of_plan.items() if name not in NOT_OF_COMPARE and name not in mine}

    def compare_with_flags(**given: Any) -> int:
        return compare(**given)

    compare_with_flags.__name__, compare_with_flags.__doc__ = "compare", compare.__doc__
    compare_with_flags.__annotations__ = {name: one.annotation for name, one in parameters.items()} | {"return": int}
    compare_with_flags.__signature__ = inspect.Signature(list(parameters.values()), return_annotation=int)  # type: ignore[attr-defined]
    return compare_with_flags
