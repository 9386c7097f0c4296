"""`inferstack migrate`: records of an older inferstack."""

from __future__ import annotations

import typer

from inferstack.cli import options
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes


def app() -> typer.Typer:
    return options.one(migrate)


def migrate(stack: Stack = DEFAULT_STACK, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """Check that every record of a stack can be read; there is one version so far, so nothing is ever changed."""
    from inferstack.actions import migrate as migration
    from inferstack.cli import command

    at = command.begin("migrate", stack, as_json=as_json, yes=yes, verbose=verbose)
    return migration.check(at)
