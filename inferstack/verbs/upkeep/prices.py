"""`inferstack prices`: which prices are known, and today's from AWS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from inferstack.cli.command import Command, begin
from inferstack.cli.help import Verb, VerbGroup
from inferstack.cli.options import DEFAULT_STACK, Fault, Json, Profile, Stack, Verbose, Yes
from inferstack.pricing.rates import known, rates
from inferstack.records.errors import CloudRefused, InferstackError, InputError

if TYPE_CHECKING:
    from infra.calls.price_calls import Clients
    from infra.calls.prices import Refreshed

SHOWN_ABSENT = 3
Regions = Annotated[
    list[str] | None,
    typer.Option("--region", metavar="REGION", help="AWS region. May be repeated. Default: the settings' region.", show_default=False),
]
One = Annotated[str | None, typer.Option("--region", metavar="REGION", help="Only this region.", show_default=False)]
AllRegions = Annotated[bool, typer.Option("--all-regions", help="Every region with a known instance price.")]
Rehearse = Annotated[
    bool, typer.Option("--rehearse", help="Use the embedded AWS: synthetic prices, stored separately, never used in a plan.")
]
Key = Annotated[str | None, typer.Option("--key", metavar="PATTERN", help="Part of a key, or a pattern with * and ?.", show_default=False)]
ShowGaps = Annotated[bool, typer.Option("--gaps", help="List the prices that a bill could need and that are missing, by region.")]
ShowRegions = Annotated[bool, typer.Option("--regions", help="List only the regions, with the number of priced types.")]


def app() -> typer.Typer:
    made = typer.Typer(
        cls=VerbGroup,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        help="List the known prices and their age, update them from AWS.",
    )
    made.command("refresh", cls=Verb, short_help="Read today's prices from AWS into your own facts")(refresh)
    made.command("list", cls=Verb, short_help="Each price that counts today: date, age, source")(list_)
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
    at = begin("prices refresh", stack, as_json=as_json, yes=yes, verbose=verbose, profile=profile)
    return _refresh(at, tuple(region or ()), all_regions=all_regions, rehearse=rehearse, faults=fault)


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
    """List every price that counts today, with unit, date, age, source and confidence; older than 30 days is marked."""
    at = begin("prices list", stack, as_json=as_json, yes=yes, verbose=verbose)
    if gaps:
        return _gaps(at, region)
    if regions:
        return _regions(at)
    return _listing(at, region=region, pattern=key)


def _refresh(command: Command, regions: tuple[str, ...], *, all_regions: bool, rehearse: bool, faults: Sequence[str] | None) -> int:
    """0 when everything was read; 4 when a price could not be, after what could was kept. Raises InputError, CloudRefused."""
    from inferstack.stack import rehearsal
    from infra.calls import prices

    rehearsal.refuse_unless_rehearsal(faults, rehearsal=rehearse, stack="of no rehearsal (prices refresh without --rehearse)")
    wanted = _wanted(command, regions, all_regions=all_regions)
    done: list[Refreshed] = []
    refused: dict[str, InferstackError] = {}
    with _clients(command, rehearse, faults) as clients:
        for region in wanted:
            try:
                done.append(prices.refresh(region, clients, now=command.now(), note=command.screen.note))
                _tell(command, done[-1])
            except CloudRefused as error:
                if len(wanted) == 1 or error.message.startswith("no usable AWS identity"):
                    raise
                refused[region] = error
                command.screen.say(f"{region}: not refreshed: {error.message}")
    told = [one.as_json() for one in done]
    document = {"regions": told, "refused": {region: error.message for region, error in refused.items()}}
    unread = [key for one in done for key in one.failed]
    if refused or unread:
        where = [*refused, *(one.region for one in done if one.failed)]
        what = (
            f"{len(unread)} price{'s' if len(unread) != 1 else ''}" if unread else f"{len(refused)} region{'s' if len(refused) > 1 else ''}"
        )
        raise CloudRefused(
            f"{what} could not be read in {', '.join(where)}; the others were stored", hint=_again(where, rehearse), document=document
        )
    command.screen.answer(document)
    return 0


def _listing(command: Command, *, region: str | None, pattern: str | None) -> int:
    found = list(known.listed(region=region, pattern=pattern, today=command.now().date()))
    if not found:
        hint = "inferstack prices list --regions" if region else "inferstack prices list --key on-demand"
        raise InputError(f"no price is known{f' of {pattern}' if pattern else ''}{f' in {region}' if region else ''}", hint=hint)
    command.screen.answer({"prices": [one.as_json() for one in found]})
    if not command.screen.as_json:
        from inferstack.show import prices

        prices.table(command.screen, found)
    return 0


def _gaps(command: Command, region: str | None) -> int:
    """List the missing prices of one region by name, of all regions as counts."""
    today = command.now().date()
    found = [known.gaps(name, today=today) for name in ([region] if region else rates.regions())]
    command.screen.answer({"needed": len(known.needed()), "regions": [one.as_json() for one in found]})
    if not command.screen.as_json:
        from inferstack.show import prices

        prices.gaps(command.screen, found, whole=region is not None)
    return 0


def _regions(command: Command) -> int:
    counted: Counter[str] = Counter()
    for one in known.listed(region=None, pattern="ec2/on-demand/*", today=command.now().date()):
        counted[one.rate.region] += 1
    command.screen.answer({"regions": dict(sorted(counted.items()))})
    for name, count in sorted(counted.items()):
        command.screen.say(f"{name:<16} {count:>3} instance types with an on-demand price")
    return 0


def _again(regions: Sequence[str], rehearse: bool) -> str:
    words = " ".join(f"--region {region}" for region in regions)
    return f"inferstack prices refresh {words}{' --rehearse' if rehearse else ''}"


def _wanted(command: Command, given: tuple[str, ...], *, all_regions: bool) -> tuple[str, ...]:
    from infra.calls import prices

    if given and all_regions:
        raise InputError("--region and --all-regions: give one of them", hint="--all-regions covers every region with a known price")
    chosen = given or (rates.regions() if all_regions else (command.loaded.settings.region,))
    return tuple(prices.checked(region) for region in dict.fromkeys(chosen))


@contextmanager
def _clients(command: Command, rehearse: bool, faults: Sequence[str] | None) -> Iterator[Clients]:
    """Open clients of the user's identity, or of the embedded AWS; each region's are made once."""
    from infra.calls.aws import Aws

    made: dict[str, Aws] = {}
    if not rehearse:
        from inferstack.stack import world

        profile = command.loaded.settings.profile
        world.say_endpoints(command, profile)
        yield lambda region: made.setdefault(region, Aws(region, profile))
        return
    from inferstack.stack import rehearsal

    with rehearsal.asked_alone(command, faults) as info:
        yield lambda region: made.setdefault(region, Aws(region, endpoint_url=info.endpoint_url, access_key=info.access_key))


def _tell(command: Command, done: Refreshed) -> None:
    """One line for each price that could not be read; nothing of the others but their number."""
    screen = command.screen
    mark = " (synthetic: no plan uses them)" if done.rehearsal else ""
    unread = f", {len(done.failed)} not" if done.failed else ""
    screen.say(f"{done.region}: {len(done.read)} prices read{unread}, {done.appended} readings added{mark}")
    for key, why in done.failed.items():
        screen.say(f"  not read: {key}: {why}; the earlier price stays in use")
    if done.absent:
        names = list(done.absent)
        more = f" and {len(names) - SHOWN_ABSENT} more" if len(names) > SHOWN_ABSENT else ""
        screen.say(f"  not sold there now: {', '.join(names[:SHOWN_ABSENT])}{more}")
    screen.say(f"  in {done.path}" if done.appended else "  nothing new: today's readings are already in the file")
