"""`inferstack env`: what plain `pulumi` and `aws` need to work on a stack, as lines for `eval`.

Stdout is for the shell alone; people read stderr.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from inferstack.cli import options
from inferstack.cli.command import Command, begin
from inferstack.cli.options import DEFAULT_STACK, Backend, Json, Profile, Stack, Verbose, Yes
from inferstack.stack import environment, world

Unset = Annotated[bool, typer.Option("--unset", help="Restore the earlier value of every variable.")]


def app() -> typer.Typer:
    return options.one(env)


def env(
    unset: Unset = False,
    profile: Profile = None,
    backend: Backend = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Print shell lines that point pulumi and aws at a stack: eval "$(inferstack env --stack NAME)"."""
    at = begin("env", stack, as_json=as_json, yes=yes, verbose=verbose, profile=profile, backend=backend)
    return _undo(at) if unset else _enter(at)


def _enter(command: Command) -> int:
    """The stack's world is opened (a rehearsal's embedded AWS starts) and stays open after this command."""
    record = command.known.record()
    as_json = command.screen.as_json
    command.screen.as_json = True  # everything for people goes to stderr
    with world.opened(command, record) as found:
        pass
    _print(found.change, environment.shell(found.change, command.workdir.root / ".shells"), as_json=as_json, command=command)
    return 0


def _undo(command: Command) -> int:
    _print(None, environment.shell_unset(), as_json=command.screen.as_json, command=command)
    return 0


def _print(change: environment.Change | None, lines: str, *, as_json: bool, command: Command) -> None:
    if as_json:
        command.screen.answer({"change": change, "shell": lines})
    else:
        sys.stdout.write(lines)
        sys.stdout.flush()
