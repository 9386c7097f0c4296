"""`inferstack extend`: move the time at which AWS removes the cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from inferstack.cli import options
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes

By = Annotated[str, typer.Option("--by", metavar="TIME", help="From now: 30m, 4h, 2d; at most 7d.")]


def app() -> typer.Typer:
    return options.one(extend)


def extend(by: By, stack: Stack = DEFAULT_STACK, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """Let the cluster live for TIME from now; a later `up` alone never moves its end."""
    from inferstack.chain import sequence
    from inferstack.cli import command

    return sequence.extend(command.begin("extend", stack, as_json=as_json, yes=yes, verbose=verbose, expires_in=by))
