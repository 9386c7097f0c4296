"""`inferstack connect`: a way to the endpoint of what `up` built, open until Ctrl-C."""

from __future__ import annotations

import typer

from inferstack.cli import options
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes


def app() -> typer.Typer:
    return options.one(connect)


def connect(stack: Stack = DEFAULT_STACK, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """Forward a local port to the endpoint, print the curl line that calls it, and stay until Ctrl-C."""
    from inferstack.actions import connect as connecting
    from inferstack.chain import sequence
    from inferstack.cli import command

    at = command.begin("connect", stack, as_json=as_json, yes=yes, verbose=verbose)
    return connecting.connect(at, sequence.built(at))
