"""`inferstack explain`: the sum behind a plan, a request or a claim."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from inferstack.cli import options
from inferstack.verbs.plan import plan

NOT_OF_EXPLAIN = ("file", "rehearse")
Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PLAN.json|REQUEST.yaml|QUESTION",
        help="A plan, a request, or a question in words. Default: the stack's newest plan.",
        show_default=False,
    ),
]


def app() -> typer.Typer:
    return options.one(_with_flags_of_plan())


def explain(context: typer.Context, words: Words = None, **flags: Any) -> int:
    """Show the sum: bytes of each part of a GPU, time of each term, what bounds it, how sure it is. Writes nothing."""
    from inferstack.actions import explain as explaining

    return explaining.explain(dict(context.params))


def _with_flags_of_plan() -> Any:
    """The flags of `plan`, whatever they are: one list of them, so that a request means the same in both verbs."""
    of_plan = inspect.signature(plan, eval_str=True).parameters
    mine = inspect.signature(explain, eval_str=True).parameters
    kept = {name: one for name, one in of_plan.items() if name not in NOT_OF_EXPLAIN and name != "context"}
    parameters = {"context": mine["context"], "words": mine["words"], **kept}

    def explain_with_flags(**given: Any) -> int:
        return explain(**given)

    explain_with_flags.__name__, explain_with_flags.__doc__ = "explain", explain.__doc__
    explain_with_flags.__annotations__ = {name: one.annotation for name, one in parameters.items()} | {"return": int}
    explain_with_flags.__signature__ = inspect.Signature(list(parameters.values()), return_annotation=int)  # type: ignore[attr-defined]
    return explain_with_flags
