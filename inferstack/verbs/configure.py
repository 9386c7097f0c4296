"""`inferstack configure`: the second half of `up` alone."""

from __future__ import annotations

import typer

from inferstack.chain import configuration, stack_access, weights_transfer
from inferstack.cli import options
from inferstack.cli.command import begin
from inferstack.cli.options import DEFAULT_STACK, Backend, Json, Profile, Stack, Verbose, Yes


def app() -> typer.Typer:
    return options.one(configure)


def configure(
    profile: Profile = None,
    backend: Backend = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Run the playbooks on the stack's nodes again; a second run changes nothing."""
    at = begin("configure", stack, as_json=as_json, yes=yes, verbose=verbose, profile=profile, backend=backend)
    run = stack_access.built(at)
    with stack_access.opened_cluster(at) as (work, here):
        sha256 = weights_transfer.manifest_sha256(work, here, run)
        done = configuration.configure(work, here, run, weights_manifest_sha256=sha256)
    from inferstack.show import records

    at.screen.answer(done)
    records.configured(at.screen, done)
    return 0
