"""`inferstack preview`: what would be built, changed or removed, and what it costs."""

from __future__ import annotations

import typer

from inferstack.cli import options
from inferstack.cli.options import (
    DEFAULT_STACK,
    AllowFlag,
    ExpiresIn,
    Json,
    MaxUsd,
    MaxUsdInAll,
    Profile,
    Rehearse,
    Source,
    Stack,
    UsageFile,
    Verbose,
    Yes,
)


def app() -> typer.Typer:
    return options.one(preview)


def preview(
    source: Source = None,
    rehearse: Rehearse = None,
    allow_flag: AllowFlag = None,
    profile: Profile = None,
    max_usd_per_hour: MaxUsd = None,
    max_usd: MaxUsdInAll = None,
    expires_in: ExpiresIn = None,
    usage: UsageFile = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Show every change and every dollar before anything is made; write preview.json and the stack's configuration."""
    from inferstack.chain import sequence
    from inferstack.cli import command

    flags = {"profile": profile, "max_usd_per_hour": max_usd_per_hour, "max_usd": max_usd, "expires_in": expires_in, "usage": usage}
    at = command.begin("preview", stack, as_json=as_json, yes=yes, verbose=verbose, **flags)
    return sequence.preview(at, source, rehearse=rehearse, allowed=allow_flag)
