"""Options that every verb takes, and those that several take; named once so that they mean the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from inferstack.cli.help import Verb

Stack = Annotated[str, typer.Option("--stack", "-s", envvar="INFERSTACK_STACK", metavar="NAME", help="Name of the stack.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout; messages go to stderr.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print more details to stderr.")]
Rehearse = Annotated[
    bool | None,
    typer.Option("--rehearse/--no-rehearse", help="For a new stack: build it on the embedded AWS. Stored with the stack."),
]
Source = Annotated[
    Path | None,
    typer.Argument(metavar="[REQUEST.yaml|PLAN.json]", help="What to build. Default: the stack's newest plan.", show_default=False),
]
Region = Annotated[str | None, typer.Option("--region", metavar="REGION", help="AWS region.", show_default=False)]
Profile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="AWS profile.", show_default=False)]
Backend = Annotated[
    str | None,
    typer.Option("--backend", metavar="URL", help="Pulumi backend of a real stack. Stored with the stack.", show_default=False),
]
MaxUsd = Annotated[float | None, typer.Option("--max-usd-per-hour", metavar="USD", help="Limit on the cost per hour.", show_default=False)]
MaxUsdInAll = Annotated[
    float | None, typer.Option("--max-usd", metavar="USD", help="Limit on the total cost until expiry.", show_default=False)
]
Fault = Annotated[
    list[str] | None,
    typer.Option("--fault", metavar="NAME[@RESOURCE]", help="Rehearsal only: inject this fault. May be repeated.", show_default=False),
]
ApiKeyFile = Annotated[
    Path | None,
    typer.Option(
        "--api-key-file", metavar="FILE", help="API key of the endpoint. Default: INFERSTACK_API_KEY, else a new one.", show_default=False
    ),
]
HfTokenFile = Annotated[
    Path | None, typer.Option("--hf-token-file", metavar="FILE", help="Hugging Face token. Default: HF_TOKEN.", show_default=False)
]
UsageFile = Annotated[
    str | None,
    typer.Option(
        "--usage",
        metavar="FILE",
        help="Quantities for usage-based prices. Default: usage.yaml beside inferstack.yaml.",
        show_default=False,
    ),
]
ExpiresIn = Annotated[
    str | None,
    typer.Option("--expires-in", metavar="4h", help="AWS removes the GPUs after this time (4h; at most 7d).", show_default=False),
]
AllowFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-flag",
        metavar="NAME",
        help="Allow this engine flag, although it runs code or opens connections. May be repeated.",
        show_default=False,
    ),
]
DEFAULT_STACK = "default"


def one(function: Callable[..., int | None]) -> typer.Typer:
    """An app of one verb."""
    made = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    made.command(cls=Verb)(function)
    return made
