"""`inferstack weights`: model files in the base's bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inferstack.chain import planning, provisioning, stack_access
from inferstack.cli import secrets
from inferstack.cli.command import Command, begin
from inferstack.cli.help import Verb, VerbGroup
from inferstack.cli.options import DEFAULT_STACK, Backend, HfTokenFile, Json, Profile, Stack, Verbose, Yes
from inferstack.records import model_ids
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan

What = Annotated[str, typer.Argument(metavar="MODEL|DIR", help="A Hugging Face id, or a folder of its files.")]
As = Annotated[str | None, typer.Option("--as", metavar="ID", help="Model id of the files in DIR. Default: the plan's model.")]


def app() -> typer.Typer:
    made = typer.Typer(
        cls=VerbGroup,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        help="Model files in the stack's bucket.",
    )
    made.command("put", cls=Verb, short_help="Upload a model with a SHA-256 manifest")(put)
    made.callback()(_group)
    return made


def _group() -> None:
    """Model files in the stack's bucket."""


def put(
    what: What,
    model: As = None,
    hf_token_file: HfTokenFile = None,
    profile: Profile = None,
    backend: Backend = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Upload a model with a SHA-256 manifest; what is there already is not sent again."""
    at = begin("weights put", stack, as_json=as_json, yes=yes, verbose=verbose, profile=profile, backend=backend)
    return _put(at, _folder(what), what, model=model, hf_token_file=hf_token_file)


def _folder(what: str) -> Path | None:
    return Path(what) if Path(what).is_dir() else None


def _put(at: Command, folder: Path | None, what: str, *, model: str | None, hf_token_file: Path | None) -> int:
    at.known.record()
    token = secrets.hugging_face_token(hf_token_file)
    named = model or (what if folder is None else None) or planning.read_plan(at.run().path(Plan)).model.id
    if not model_ids.legal(named):
        raise InputError(f"{'--as' if model else 'MODEL'} {named[:60]!r}: is not a model id", hint=model_ids.RULE)
    with stack_access.opened(at) as (work, here):
        manifest = provisioning.put_named_weights(work, here, at.run(), folder=folder, repository=what, model=named, hf_token=token)
    at.screen.answer(manifest)
    at.screen.say(f"{named}: in the bucket, with its manifest")
    return 0
