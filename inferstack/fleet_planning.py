"""The work of `fleet`: read, plan, show."""

from __future__ import annotations

from pathlib import Path

from inferstack.command import Command
from records.fleet import FleetRequest


def plan(command: Command, file: Path, *, region: str | None, max_usd_per_hour: float | None) -> int:
    """0, or 1 where a model of the fleet is served by nothing. Flags win over the file."""
    from sizing import fleet

    stated = {name: value for name, value in {"region": region, "max_usd_per_hour": max_usd_per_hour}.items() if value is not None}
    planned = fleet.plan(_with_settings(command, FleetRequest.read(file)).replaced(**stated), now=command.now())
    command.screen.answer(planned)
    from inferstack import render_fleet

    render_fleet.show(command.screen, planned)
    return 1 if planned.not_served else 0


def _with_settings(command: Command, asked: FleetRequest) -> FleetRequest:
    """Settings fill in what neither the fleet nor, for the region, one of its models says."""
    settings = command.loaded.settings
    said = asked.region or any(one.request.region for one in asked.models)
    region = asked.region if said else settings.region
    return asked.replaced(region=region, max_usd_per_hour=asked.max_usd_per_hour or settings.max_usd_per_hour)
