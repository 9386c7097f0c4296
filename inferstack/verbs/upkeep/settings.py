"""`inferstack settings`: every setting, its value and where it came from."""

from __future__ import annotations

import typer

from inferstack.cli import options
from inferstack.cli.command import begin
from inferstack.cli.options import DEFAULT_STACK, Json, Profile, Region, Stack, Verbose, Yes


def app() -> typer.Typer:
    return options.one(settings)


def settings(
    region: Region = None,
    profile: Profile = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Show each setting with its source: default, inferstack.yaml, environment or flag."""
    at = begin("settings", stack, as_json=as_json, yes=yes, verbose=verbose, region=region, profile=profile)
    loaded = at.loaded
    values = loaded.settings.model_dump(mode="json")
    told = {name: {"value": value, "source": loaded.sources[name]} for name, value in values.items()}
    at.screen.answer({"file": str(loaded.file) if loaded.file else None, "settings": told})
    from inferstack.show import tables

    rows = [(name, _shown(one["value"]), one["source"]) for name, one in told.items()]
    tables.table(at.screen, (tables.name("setting"), tables.name("value"), tables.words("from")), rows)
    at.screen.say(f"File: {loaded.file or 'none (inferstack.yaml beside the checkout, or INFERSTACK_SETTINGS)'}")
    return 0


def _shown(value: object) -> str:
    if value in (None, [], {}):
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{name}={text}" for name, text in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
