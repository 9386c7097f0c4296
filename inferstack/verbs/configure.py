"""`inferstack configure`: the second half of `up` alone."""

from __future__ import annotations

import typer

from inferstack.cli import options
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes


def app() -> typer.Typer:
    return options.one(configure)


def configure(stack: Stack = DEFAULT_STACK, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """Run the playbooks on the stack's nodes again; a second run changes nothing."""
    from inferstack.chain import sequence
    from inferstack.cli import command

    return sequence.configure(command.begin("configure", stack, as_json=as_json, yes=yes, verbose=verbose))
