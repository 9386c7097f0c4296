"""`inferstack migrate`: records of an older inferstack.

There is one version so far: this reads every record and names those that it cannot read.
"""

from __future__ import annotations

import typer

from inferstack.cli import options
from inferstack.cli.command import Command, begin
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes
from inferstack.records.errors import InferstackError
from inferstack.records.files.registry import RECORDS

VERSION = 1


def app() -> typer.Typer:
    return options.one(migrate)


def migrate(stack: Stack = DEFAULT_STACK, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """Check that every record of a stack can be read; there is one version so far, so nothing is ever changed."""
    return _check(begin("migrate", stack, as_json=as_json, yes=yes, verbose=verbose))


def _check(command: Command) -> int:
    """0 when every record is of the current version and can be read, else 1."""
    wrong: dict[str, str] = {}
    read = 0
    for run in command.known.runs():
        for kind in RECORDS:
            if run.has(kind):
                read += 1
                try:
                    run.read(kind)
                except InferstackError as error:
                    wrong[str(run.path(kind))] = error.message
    command.screen.answer({"version": VERSION, "read": read, "changed": 0, "unreadable": wrong})
    for message in wrong.values():
        command.screen.say(message)
    command.screen.say(f"{read} records read; all have the current version {VERSION}; {len(wrong)} cannot be read")
    return 1 if wrong else 0
