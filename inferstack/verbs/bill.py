"""`inferstack bill`: what the resources of any Pulumi program cost, line by line."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from inferstack.cli import options
from inferstack.cli.options import DEFAULT_STACK, Json, Region, Stack, UsageFile, Verbose, Yes

NO = {"show_default": False}
File = Annotated[
    Path | None,
    typer.Argument(
        metavar="[PREVIEW.json|REGISTRATIONS.json|PLAN.json]",
        help="What `pulumi preview --json --show-sames` wrote, a registrations.json or a plan.json. Default: the stack's preview or plan.",
        **NO,
    ),
]
Hours = Annotated[float | None, typer.Option("--hours", metavar="H", min=0, help="Hours until it is taken down.", **NO)]
Markdown = Annotated[bool, typer.Option("--markdown", help="For a pull request: a table, its details folded.")]
On = Annotated[
    datetime | None,
    typer.Option("--on", formats=["%Y-%m-%d"], metavar="DATE", help="The day by which prices are old. Default: today.", **NO),
]


def app() -> typer.Typer:
    return options.one(bill)


def bill(
    source: File = None,
    region: Region = None,
    hours: Hours = None,
    usage: UsageFile = None,
    markdown: Markdown = False,
    on: On = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Price a Pulumi preview line by line, every price with source and date; exit 1 if a GPU has no price. Writes nothing."""
    from inferstack.actions import bill as billing
    from inferstack.cli import command

    at = command.begin("bill", stack, as_json=as_json, yes=yes, verbose=verbose, usage=usage)
    day: date | None = on.date() if on else None
    return billing.show(at, source, region=region, hours=hours, markdown=markdown, on=day)
