"""`inferstack down`: remove everything of a stack, and prove it."""

from __future__ import annotations

from typing import Annotated

import typer

from inferstack.cli import options
from inferstack.cli.options import DEFAULT_STACK, Json, Profile, Stack, Verbose, Yes

AllRehearsals = Annotated[bool, typer.Option("--all-rehearsals", help="Every rehearsal of this work folder.")]


def app() -> typer.Typer:
    return options.one(down)


def down(
    all_rehearsals: AllRehearsals = False,
    profile: Profile = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Destroy the cluster, sweep by tag, id and name, write receipt.json; exit 1 if anything is left. May be run again."""
    from inferstack.chain import sequence
    from inferstack.cli import command

    at = command.begin("down", stack, as_json=as_json, yes=yes, verbose=verbose, profile=profile)
    return sequence.down_all(at) if all_rehearsals else sequence.down(at)
