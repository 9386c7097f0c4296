"""`inferstack extend`: move the time at which AWS removes the cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from inferstack.chain import provisioning, stack_access
from inferstack.cli import options
from inferstack.cli.command import begin
from inferstack.cli.options import DEFAULT_STACK, Backend, Json, Profile, Stack, Verbose, Yes

By = Annotated[str, typer.Option("--by", metavar="TIME", help="From now: 30m, 4h, 2d; at most 7d.")]


def app() -> typer.Typer:
    return options.one(extend)


def extend(
    by: By,
    profile: Profile = None,
    backend: Backend = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Move the expiry of the cluster to TIME from now; a later `up` alone never moves its end."""
    at = begin("extend", stack, as_json=as_json, yes=yes, verbose=verbose, expires_in=by, profile=profile, backend=backend)
    span = at.loaded.settings.lifetime
    run = stack_access.begun(at)
    with stack_access.opened_cluster(at) as (work, here):
        expires_at = provisioning.extend(work, here, run, span=span)
    at.screen.answer({"stack": at.name, "expires_at": expires_at.isoformat()})
    at.screen.say(f"AWS removes the GPUs of {at.name} at {expires_at:%Y-%m-%d %H:%M} UTC")
    return 0
