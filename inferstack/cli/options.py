"""Options that every verb takes, and those that several take; named once so that they mean the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

Stack = Annotated[str, typer.Option("--stack", "-s", envvar="INFERSTACK_STACK", metavar="NAME", help="Which stack.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, everything for people on stderr.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more, on stderr.")]
Rehearse = Annotated[
    bool | None,
    typer.Option("--rehearse/--no-rehearse", help="Only when the stack is made: build it on the embedded AWS. Recorded with the stack."),
]
Source = Annotated[
    Path | None,
    typer.Argument(metavar="[REQUEST.yaml|PLAN.json]", help="What to build. Default: the stack's newest plan.", show_default=False),
]
Region = Annotated[str | None, typer.Option("--region", metavar="REGION", help="AWS region.", show_default=False)]
Profile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="Profile of the AWS configuration.", show_default=False)]
Backend = Annotated[
    str | None,
    typer.Option("--backend", metavar="URL", help="Pulumi backend of a real stack. Recorded with the stack.", show_default=False),
]
MaxUsd = Annotated[
    float | None, typer.Option("--max-usd-per-hour", metavar="USD", help="Refuse anything dearer than this.", show_default=False)
]
MaxUsdInAll = Annotated[
    float | None, typer.Option("--max-usd", metavar="USD", help="Refuse what costs more until it expires.", show_default=False)
]
Fault = Annotated[
    list[str] | None,
    typer.Option("--fault", metavar="NAME[@RESOURCE]", help="Rehearsal only: let this fail. May be repeated.", show_default=False),
]
ApiKeyFile = Annotated[
    Path | None,
    typer.Option(
        "--api-key-file", metavar="FILE", help="The endpoint's key. Default: INFERSTACK_API_KEY, else one is made.", show_default=False
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
        help="What is used of parts billed by use. Default: usage.yaml beside inferstack.yaml.",
        show_default=False,
    ),
]
ExpiresIn = Annotated[
    str | None,
    typer.Option("--expires-in", metavar="4h", help="AWS removes the GPUs after this time by itself (4h; at most 7d).", show_default=False),
]
AllowFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-flag",
        metavar="NAME",
        help="Let the plan hold this engine flag although it runs code or reaches out of the node. May be repeated.",
        show_default=False,
    ),
]
DEFAULT_STACK = "default"


def one(function: Callable[..., int | None]) -> typer.Typer:
    """An app of one verb."""
    made = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    made.command()(function)
    return made
