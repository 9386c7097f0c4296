"""`inferstack up`: build the cluster and configure its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from inferstack.chain import configuration, flag_check, planning, provisioning, stack_access
from inferstack.cli import limits, options, secrets
from inferstack.cli.command import Command, begin
from inferstack.cli.options import (
    DEFAULT_STACK,
    AllowFlag,
    ApiKeyFile,
    Backend,
    ExpiresIn,
    Fault,
    HfTokenFile,
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
from inferstack.stack import rehearsal, world

Ami = Annotated[str | None, typer.Option("--ami", metavar="AMI-ID", help="AMI of the nodes.", show_default=False)]
Base = Annotated[str | None, typer.Option("--base", metavar="NAME", help="Base stack to build on.", show_default=False)]
Egress = Annotated[str | None, typer.Option("--egress", metavar="nat|none", help="How nodes reach package indexes.", show_default=False)]


def app() -> typer.Typer:
    return options.one(up)


def up(
    source: Source = None,
    rehearse: Rehearse = None,
    fault: Fault = None,
    allow_flag: AllowFlag = None,
    expires_in: ExpiresIn = None,
    api_key_file: ApiKeyFile = None,
    hf_token_file: HfTokenFile = None,
    profile: Profile = None,
    backend: Backend = None,
    ami: Ami = None,
    base: Base = None,
    egress: Egress = None,
    usage: UsageFile = None,
    max_usd_per_hour: MaxUsd = None,
    max_usd: MaxUsdInAll = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Build the planned cluster and configure it; can be run again at any time, and continues where it stopped."""
    flags = {
        "profile": profile,
        "backend": backend,
        "ami_id": ami,
        "base": base,
        "egress": egress,
        "expires_in": expires_in,
        "usage": usage,
    }
    limits = {"max_usd_per_hour": max_usd_per_hour, "max_usd": max_usd}
    at = begin("up", stack, as_json=as_json, yes=yes, verbose=verbose, **flags, **limits)
    return _up(at, source, rehearse=rehearse, faults=fault, allowed=allow_flag, api_key_file=api_key_file, hf_token_file=hf_token_file)


def _up(
    at: Command,
    source: Path | None,
    *,
    rehearse: bool | None,
    faults: Sequence[str] | None,
    allowed: Sequence[str] | None,
    api_key_file: Path | None,
    hf_token_file: Path | None,
) -> int:
    _refuse_faults(at, faults, rehearse)
    key, token = secrets.api_key(api_key_file), secrets.hugging_face_token(hf_token_file)
    run, plan = planning.chosen(at, source, rehearse=rehearse, allowed=allowed or ())
    limits.refuse_plan(at, plan)
    for line in flag_check.said(plan):
        at.screen.say(line)
    planning.refuse_unservable(at, plan)
    where = world.question(at, at.stack.record())
    at.screen.must_be_askable(f"{where}Build {plan.instance_count} x {plan.instance_type} in {plan.region}?")
    if where and at.screen.yes:
        at.screen.say(where.strip())
    with stack_access.opened(at, faults) as (work, here):
        if limits.any_set(at.loaded.settings) or not at.screen.yes:
            found = provisioning.preview(work, here, run)
            if limits.any_set(at.loaded.settings):
                limits.refuse(at, found)
            at.screen.confirm(where + limits.question(at.stack.record(), plan, found.bill, ends=provisioning.ends(work, here, run)))
        done = provisioning.up(work, here, run, api_key=key, hf_token=token)
        configured = configuration.configure(work, here, run, weights_manifest_sha256=done.weights_manifest_sha256)
    from inferstack.show import records

    at.screen.answer(
        {"outputs": done.outputs.model_dump(mode="json"), "configured": configured.model_dump(mode="json"), "run": str(run.folder)}
    )
    records.configured(at.screen, configured)
    provisioning.say_built(at, done.outputs)
    return 0


def _refuse_faults(at: Command, faults: Sequence[str] | None, rehearse: bool | None) -> None:
    made = at.stack.record().rehearsal if at.stack.exists() else bool(rehearse)
    rehearsal.refuse_unless_rehearsal(faults, rehearsal=made, stack=at.name)
