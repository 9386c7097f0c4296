"""The work of `fleet`: read, plan, show."""

from __future__ import annotations

from pathlib import Path

from inferstack.command import Command
from records.fleet import FleetRequest


def plan(command: Command, file: Path, *, region: str | None, max_usd_per_hour: float | None) -> int:
    """0, or 1 where a model of the fleet is served by nothing. Flags win over the file."""
    from sizing import fleet

    asked = FleetRequest.read(file)
    stated = {name: value for name, value in {"region": region, "max_usd_per_hour": max_usd_per_hour}.items() if value is not None}
    planned = fleet.plan(asked.replaced(**stated) if stated else asked, now=command.now())
    command.screen.answer(planned)
    from inferstack import render_fleet

    render_fleet.show(command.screen, planned)
    return 1 if planned.not_served else 0
