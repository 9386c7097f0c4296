"""`inferstack prices`: which prices are known, and today's from AWS."""

from __future__ import annotations

from typing import Annotated

import typer

from inferstack.cli.options import DEFAULT_STACK, Fault, Json, Profile, Stack, Verbose, Yes

Regions = Annotated[
    list[str] | None,
    typer.Option("--region", metavar="REGION", help="AWS region. May be repeated. Default: the settings' region.", show_default=False),
]
One = Annotated[str | None, typer.Option("--region", metavar="REGION", help="Only of this region.", show_default=False)]
AllRegions = Annotated[bool, typer.Option("--all-regions", help="Every region with a known instance price.")]
Rehearse = Annotated[bool, typer.Option("--rehearse", help="Ask the embedded AWS: synthetic prices, kept apart, never used in a plan.")]
Key = Annotated[str | None, typer.Option("--key", metavar="PATTERN", help="Part of a key, or one with * and ?.", show_default=False)]
ShowGaps = Annotated[bool, typer.Option("--gaps", help="What a bill could need and no fact has, by region.")]
ShowRegions = Annotated[bool, typer.Option("--regions", help="Only the regions, and how many types have a price there.")]


def app() -> typer.Typer:
    made = typer.Typer(
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        help="Which prices are known and how old they are, and today's from AWS.",
    )
    made.command("refresh")(refresh)
    made.command("list")(list_)
    made.callback()(_group)
    return made


def _group() -> None:
    """Which prices are known and how old they are, and today's from AWS."""


def refresh(
    region: Regions = None,
    all_regions: AllRegions = False,
    profile: Profile = None,
    rehearse: Rehearse = False,
    fault: Fault = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Read today's prices from AWS and append them to your own facts; nothing that stands is changed. Needs `pricing:GetProducts`."""
    from inferstack.actions import prices
    from inferstack.cli import command

    at = command.begin("prices refresh", stack, as_json=as_json, yes=yes, verbose=verbose, profile=profile)
    return prices.refresh(at, tuple(region or ()), all_regions=all_regions, rehearse=rehearse, faults=fault)


def list_(
    region: One = None,
    key: Key = None,
    gaps: ShowGaps = False,
    regions: ShowRegions = False,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Every price that counts today, with unit, date, age, source and confidence; older than 30 days is marked."""
    from inferstack.actions import prices
    from inferstack.cli import command

    at = command.begin("prices list", stack, as_json=as_json, yes=yes, verbose=verbose)
    if gaps:
        return prices.gaps(at, region)
    if regions:
        return prices.regions(at)
    return prices.listing(at, region=region, pattern=key)
