"""`inferstack model`: the models that can be planned, and more of them."""

from __future__ import annotations

from typing import Annotated

import typer

from inferstack.cli.options import DEFAULT_STACK, HfTokenFile, Json, Stack, Verbose, Yes

Id = Annotated[str, typer.Argument(metavar="ID", help="A Hugging Face id: organisation/name.")]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="An id, a folder, a config.json or a .gguf file.")]
Words = Annotated[list[str] | None, typer.Argument(metavar="[WORD]...", help="Only models with all these words.", show_default=False)]
Revision = Annotated[str, typer.Option("--revision", metavar="NAME", help="Branch, tag or commit of its repository.")]


def app() -> typer.Typer:
    made = typer.Typer(
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        help="The models that can be planned, and more of them.",
    )
    made.command("add")(add)
    made.command("show")(show)
    made.command("list")(list_)
    made.callback()(_group)
    return made


def _group() -> None:
    """The models that can be planned, and more of them."""


def add(
    model: Id,
    revision: Revision = "main",
    hf_token_file: HfTokenFile = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Read a model's config and the headers of its weights from the Hugging Face hub; store them as facts of your own."""
    from inferstack.actions import model as modelling
    from inferstack.cli import command

    at = command.begin("model add", stack, as_json=as_json, yes=yes, verbose=verbose)
    return modelling.add(at, model, revision=revision, hf_token_file=hf_token_file)


def show(model: Model, stack: Stack = DEFAULT_STACK, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """Shape, parameters, bytes by part, KV cache a token, licence."""
    from inferstack.actions import model as modelling
    from inferstack.cli import command

    return modelling.show(command.begin("model show", stack, as_json=as_json, yes=yes, verbose=verbose), model)


def list_(words: Words = None, stack: Stack = DEFAULT_STACK, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """Every model of the facts and every added one."""
    from inferstack.actions import model as modelling
    from inferstack.cli import command

    return modelling.listing(command.begin("model list", stack, as_json=as_json, yes=yes, verbose=verbose), list(words or ()))
