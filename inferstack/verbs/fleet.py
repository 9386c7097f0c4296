"""`inferstack fleet`: which instances hold many models together, and what runs on each GPU."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from inferstack.cli import options, request_flags
from inferstack.cli.command import Command, begin
from inferstack.cli.options import DEFAULT_STACK, Json, MaxUsd, Region, Stack, Verbose, Yes
from inferstack.records.errors import InputError
from inferstack.records.files.reading import place, read_mapping
from inferstack.records.fleet import FleetRequest

File = Annotated[Path, typer.Argument(metavar="FLEET.yaml", help="The models, their loads, and the limits of the fleet.")]


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
    """Choose the cheapest instances that serve many models, with the proven gap; exit 1 if a model fits nowhere. Writes nothing."""
    at = begin("fleet", stack, as_json=as_json, yes=yes, verbose=verbose, region=region, max_usd_per_hour=max_usd_per_hour)
    return _plan(at, file, region=region, max_usd_per_hour=max_usd_per_hour)


def _plan(command: Command, file: Path, *, region: str | None, max_usd_per_hour: float | None) -> int:
    """0, or 1 where a model of the fleet is served by nothing. Flags win over the file."""
    from sizing.fleet import fleet

    stated = {name: value for name, value in {"region": region, "max_usd_per_hour": max_usd_per_hour}.items() if value is not None}
    asked = _with_settings(command, FleetRequest.read(file)).replaced(**stated)
    try:
        planned = fleet.plan(_standing_alone(asked), now=command.now())
    except InputError as error:
        raise _placed(error, file, stated) from None
    command.screen.answer(planned)
    from inferstack.show import fleet as render_fleet

    render_fleet.show(command.screen, planned)
    return 1 if planned.not_served else 0


def _with_settings(command: Command, asked: FleetRequest) -> FleetRequest:
    """Settings fill in what neither the fleet nor, for the region, one of its models says."""
    settings = command.loaded.settings
    said = asked.region or any(one.request.region for one in asked.models)
    region = asked.region if said else settings.region
    return asked.replaced(region=region, max_usd_per_hour=asked.max_usd_per_hour or settings.max_usd_per_hour)


def _standing_alone(asked: FleetRequest) -> FleetRequest:
    """A model of this machine, by path or from the added ones, becomes its config, as in a plan of it alone."""
    members = [one.model_dump(exclude_unset=True, exclude_none=True) for one in asked.models]
    changed = [{**one, "request": _one(number, one["request"])} for number, one in enumerate(members)]
    return asked if changed == members else asked.replaced(models=changed)


def _one(number: int, request: dict[str, object]) -> dict[str, object]:
    try:
        return request_flags.standing_alone(request)
    except InputError as error:
        raise InputError(f"models.{number}.request.model: {error.message}", hint=error.hint) from None


def _placed(error: InputError, file: Path, stated: Mapping[str, object]) -> InputError:
    """The message begins with the field: the file and its line come before it, unless a flag said it."""
    field = error.message.partition(": ")[0]
    if field in stated:
        return InputError(f"--{field.replace('_', '-')}: {error.message}", hint=error.hint)
    _, lines = read_mapping(file)
    return InputError(f"{place(tuple(field.split('.')), str(file), lines)}: {error.message}", hint=error.hint)
