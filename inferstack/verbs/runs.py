"""`inferstack runs`: the runs of a stack, newest last, and what each holds."""

from __future__ import annotations

import typer

from inferstack.cli import options
from inferstack.cli.command import begin
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes
from inferstack.verbs import status


def app() -> typer.Typer:
    return options.one(runs)


def runs(stack: Stack = DEFAULT_STACK, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """List the runs of a stack and what each holds."""
    at = begin("runs", stack, as_json=as_json, yes=yes, verbose=verbose)
    told = [status.of_run(run) for run in at.known.runs()]
    at.screen.answer(told)
    from inferstack.show import tables
    from inferstack.show.tables import name, words

    heads = (name("run"), words("plan"), name("stage"), name("verdict"), name("left", 1), words("records", 2))
    rows = [(one["run"], one["plan"], one["stage"], one["verdict"], one["left"], ", ".join(one["records"])) for one in told]
    tables.table(at.screen, heads, rows)
    return 0
