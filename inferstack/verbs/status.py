"""`inferstack status`: where a stack stands, or all of them."""

from __future__ import annotations

from typing import Annotated

import typer

from inferstack.cli import options
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes

All = Annotated[bool, typer.Option("--all", help="Every stack of this work folder.")]


def app() -> typer.Typer:
    return options.one(status)


def status(stack: Stack = DEFAULT_STACK, all_stacks: All = False, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """Say what a stack is, what was done last, what runs, what it costs and when it expires."""
    from inferstack.actions import status as standing
    from inferstack.cli import command

    at = command.begin("status", stack, as_json=as_json, yes=yes, verbose=verbose)
    stacks = at.workdir.stacks() if all_stacks else [at.known]
    told = [standing.of_stack(at, one) for one in stacks]
    at.screen.answer(told if all_stacks else told[0])
    for one in told:
        standing.show(at.screen, one)
    return 0
