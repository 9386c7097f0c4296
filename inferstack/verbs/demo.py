"""`inferstack demo`: plan, preview, up, bench and down of a small cluster on the embedded AWS."""

from __future__ import annotations

import typer

from inferstack.cli import options
from inferstack.cli.options import Fault, Json, Verbose, Yes


def app() -> typer.Typer:
    return options.one(demo)


def demo(fault: Fault = None, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """Show the whole chain without an AWS account: stack `demo`, rehearsed, measured and removed."""
    from inferstack.actions import demo as showing
    from inferstack.cli import command

    return showing.run(command.begin("demo", showing.STACK, as_json=as_json, yes=yes, verbose=verbose), faults=fault)
