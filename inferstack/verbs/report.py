"""`inferstack report`: the decision as one HTML file that opens anywhere, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inferstack.cli import options
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes

NO = {"show_default": False}
File = Annotated[
    Path | None, typer.Argument(metavar="[REQUEST.yaml|PLAN.json]", help="What to report. Default: the stack's current run.", **NO)
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Default: report.html beside the records.", **NO)]


def app() -> typer.Typer:
    return options.one(report)


def report(
    source: File = None,
    out: Out = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Write the decision, its cost, its grounds and what was measured as one self-contained HTML file."""
    from inferstack.actions import report as reporting
    from inferstack.cli import command

    at = command.begin("report", stack, as_json=as_json, yes=yes, verbose=verbose)
    return reporting.report(at, source, out)
