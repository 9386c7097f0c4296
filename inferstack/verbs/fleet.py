"""`inferstack fleet`: which instances hold many models together, and what runs on each GPU."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inferstack.cli import options
from inferstack.cli.options import DEFAULT_STACK, Json, MaxUsd, Region, Stack, Verbose, Yes

File = Annotated[Path, typer.Argument(metavar="FLEET.yaml", help="The models, their loads, and the limits of the whole.")]


def app() -> typer.Typer:
    return options.one(fleet)


def fleet(
    file: File,
    region: Region = None,
    max_usd_per_hour: MaxUsd = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Choose the cheapest instances that hold many models, with the proven gap; exit 1 if a model fits nowhere. Writes nothing."""
    from inferstack.actions import fleet as fleet_planning
    from inferstack.cli import command

    at = command.begin("fleet", stack, as_json=as_json, yes=yes, verbose=verbose, region=region, max_usd_per_hour=max_usd_per_hour)
    return fleet_planning.plan(at, file, region=region, max_usd_per_hour=max_usd_per_hour)
