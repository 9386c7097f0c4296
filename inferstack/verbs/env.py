"""`inferstack env`: what plain `pulumi` and `aws` need to work on a stack, as lines for `eval`."""

from __future__ import annotations

from typing import Annotated

import typer

from inferstack.cli import options
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes

Unset = Annotated[bool, typer.Option("--unset", help="Undo it: every variable gets its earlier value back.")]


def app() -> typer.Typer:
    return options.one(env)


def env(stack: Stack = DEFAULT_STACK, unset: Unset = False, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """Print shell lines that point pulumi and aws at a stack: eval "$(inferstack env --stack NAME)"."""
    from inferstack.actions import env as environs
    from inferstack.cli import command

    at = command.begin("env", stack, as_json=as_json, yes=yes, verbose=verbose)
    return environs.undo(at) if unset else environs.enter(at)
