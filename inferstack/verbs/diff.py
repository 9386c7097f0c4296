"""`inferstack diff`: what one run costs beside another, line by line."""

from __future__ import annotations

from typing import Annotated

import typer

from inferstack.cli import options
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes

WHICH = "A run's id or the beginning of it, a preview.json, a plan.json, or current."
Old = Annotated[str, typer.Argument(metavar="RUN_A", help=f"Before. {WHICH}")]
New = Annotated[str, typer.Argument(metavar="RUN_B", help=f"After. {WHICH}")]
MaxIncrease = Annotated[
    str | None,
    typer.Option("--max-increase", metavar="10%|USD", help="Exit 1 where it costs so much more an hour.", show_default=False),
]
Markdown = Annotated[bool, typer.Option("--markdown", help="For a pull request: a table, the lines folded.")]


def app() -> typer.Typer:
    return options.one(diff)


def diff(
    old: Old,
    new: New,
    max_increase: MaxIncrease = None,
    markdown: Markdown = False,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Show what RUN_B costs more or less than RUN_A; a run that was never previewed counts by its plan alone."""
    from inferstack.actions import diff as differing
    from inferstack.cli import command

    at = command.begin("diff", stack, as_json=as_json, yes=yes, verbose=verbose)
    return differing.diff(at, old, new, max_increase=max_increase, markdown=markdown)
