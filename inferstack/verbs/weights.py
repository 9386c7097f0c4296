"""`inferstack weights`: model files in the base's bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inferstack.cli.options import DEFAULT_STACK, HfTokenFile, Json, Profile, Stack, Verbose, Yes

What = Annotated[str, typer.Argument(metavar="MODEL|DIR", help="A Hugging Face id, or a folder of its files.")]
As = Annotated[str | None, typer.Option("--as", metavar="ID", help="The model that the files in DIR are; the plan's model if left out.")]


def app() -> typer.Typer:
    made = typer.Typer(
        rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False, help="Model files in the stack's bucket."
    )
    made.command("put")(put)
    made.callback()(_group)
    return made


def _group() -> None:
    """Model files in the stack's bucket."""


def put(
    what: What,
    model: As = None,
    hf_token_file: HfTokenFile = None,
    profile: Profile = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Upload a model with a SHA-256 manifest; what is there already is not sent again."""
    from inferstack.chain import sequence
    from inferstack.cli import command

    at = command.begin("weights put", stack, as_json=as_json, yes=yes, verbose=verbose, profile=profile)
    return sequence.put_weights(at, _folder(what), what, model=model, hf_token_file=hf_token_file)


def _folder(what: str) -> Path | None:
    return Path(what) if Path(what).is_dir() else None
