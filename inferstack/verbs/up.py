"""`inferstack up`: build the cluster and configure its nodes."""

from __future__ import annotations

from typing import Annotated

import typer

from inferstack.cli import options
from inferstack.cli.options import (
    DEFAULT_STACK,
    AllowFlag,
    ApiKeyFile,
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

Backend = Annotated[str | None, typer.Option("--backend", metavar="URL", help="Pulumi backend of a real stack.", show_default=False)]
Ami = Annotated[str | None, typer.Option("--ami", metavar="AMI-ID", help="Image of the nodes.", show_default=False)]
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
    """Build the planned cluster and configure it; may be run again at any time, and goes on where it was stopped."""
    from inferstack.chain import sequence
    from inferstack.cli import command

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
    at = command.begin("up", stack, as_json=as_json, yes=yes, verbose=verbose, **flags, **limits)
    return sequence.up(
        at, source, rehearse=rehearse, faults=fault, allowed=allow_flag, api_key_file=api_key_file, hf_token_file=hf_token_file
    )
