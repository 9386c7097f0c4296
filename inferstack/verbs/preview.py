"""`inferstack preview`: what would be built, changed or removed, and what it costs."""

from __future__ import annotations

import typer

from inferstack.chain import flag_check, planning, provisioning, stack_access
from inferstack.cli import limits, options
from inferstack.cli.command import begin
from inferstack.cli.options import (
    DEFAULT_STACK,
    AllowFlag,
    Backend,
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
    backend: Backend = None,
    max_usd_per_hour: MaxUsd = None,
    max_usd: MaxUsdInAll = None,
    expires_in: ExpiresIn = None,
    usage: UsageFile = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Show every change and its cost, build nothing; write preview.json and the stack's configuration."""
    flags = {"max_usd_per_hour": max_usd_per_hour, "max_usd": max_usd, "expires_in": expires_in, "usage": usage}
    at = begin("preview", stack, as_json=as_json, yes=yes, verbose=verbose, profile=profile, backend=backend, **flags)
    run, plan = planning.chosen(at, source, rehearse=rehearse, allowed=allow_flag or ())
    planning.refuse_unservable(at, plan)
    with stack_access.opened(at) as (work, here):
        found = provisioning.preview(work, here, run)
    at.screen.answer(found)
    from inferstack.show import preview as render_preview

    render_preview.show(at.screen, found)
    for line in flag_check.said(plan):
        at.screen.say(line)
    at.screen.say(f"Next: inferstack up --stack {at.name}")
    problem = limits.passed(at, found.bill)
    return limits.refused(at, problem, hint=limits.hint(found.bill)) if problem else 0
