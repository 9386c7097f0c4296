"""`inferstack model`: the models that can be planned, and more of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from inferstack.cli import extras, secrets
from inferstack.cli.command import Command, begin
from inferstack.cli.help import Verb, VerbGroup
from inferstack.cli.options import DEFAULT_STACK, HfTokenFile, Json, Stack, Verbose, Yes
from inferstack.records.errors import InputError
from inferstack.records.record import write_text
from inferstack.stack import hub_headers
from sizing.catalog import find_model, in_the_facts, models
from sizing.explaining import model_figures
from sizing.models import local_files, user_models
from sizing.models.hf_config import from_config
from sizing.models.shape import ModelShape

Id = Annotated[str, typer.Argument(metavar="ID", help="A Hugging Face id: organisation/name.")]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="An id, a folder, a config.json or a .gguf file.")]
Words = Annotated[list[str] | None, typer.Argument(metavar="[WORDS]", help="Only models with all these words.", show_default=False)]
Revision = Annotated[str, typer.Option("--revision", metavar="NAME", help="Branch, tag or commit of its repository.")]


def app() -> typer.Typer:
    made = typer.Typer(
        cls=VerbGroup,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        help="List, show and add models that can be planned.",
    )
    made.command("add", cls=Verb, short_help="Read a model from the hub into your own facts")(add)
    made.command("show", cls=Verb, short_help="Show shape, parameters, bytes by part, KV cache")(show)
    made.command("list", cls=Verb, short_help="List every known and every added model")(list_)
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
    at = begin("model add", stack, as_json=as_json, yes=yes, verbose=verbose)
    return _add(at, model, revision=revision, hf_token_file=hf_token_file)


def show(model: Model, stack: Stack = DEFAULT_STACK, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """Show shape, parameters, bytes by part, KV cache a token, licence."""
    return _show(begin("model show", stack, as_json=as_json, yes=yes, verbose=verbose), model)


def list_(words: Words = None, stack: Stack = DEFAULT_STACK, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """List every model of the facts and every added one."""
    return _listing(begin("model list", stack, as_json=as_json, yes=yes, verbose=verbose), list(words or ()))


def _add(command: Command, model: str, *, revision: str, hf_token_file: Path | None) -> int:
    """Reads, checks, then writes: a model that is refused leaves nothing behind."""
    token = secrets.hugging_face_token(hf_token_file)
    if in_the_facts(model):
        shape = find_model(model)
        command.screen.answer({"added": False, "id": shape.id, "file": None, "why": "in the facts"})
        command.screen.say(f"{shape.id} is already known; see inferstack model show {shape.id}")
        return 0
    extras.require(extras.HUB, by="inferstack model add")
    found = hub_headers.look_up(
        model,
        now=command.now(),
        token=token,
        revision=revision,
        on_progress=lambda done, of: command.screen.note(f"headers: {done} of {of} files"),
    )
    shape = from_config(found.config)
    path = user_models.path_of(found.id)
    write_text(path, found.to_json())
    command.screen.answer({"added": True, "id": found.id, "file": str(path), "model": model_figures.described(shape)})
    size = f", {shape.checkpoint_bytes / 1e9:.2f} GB of weights" if shape.checkpoint_bytes else ""
    command.screen.say(f"Added {found.id} at revision {found.revision[:12]}: {shape.architecture}{size}")
    for note in shape.uncertain:
        command.screen.say(f"  not verified: {note}")
    command.screen.say(f"Written: {path}")
    command.screen.say(f"Next: inferstack plan --model {found.id} --users 50")
    return 0


def _show(command: Command, model: str) -> int:
    """A model of the facts, an added one, or one of this machine."""
    shape = _shape(model)
    told = model_figures.described(shape)
    command.screen.answer(told)
    if not command.screen.as_json:
        from inferstack.show import model as render_model

        render_model.show(command.screen, told)
    return 0


def _listing(command: Command, words: list[str]) -> int:
    """Those whose id, architecture or licence holds every word."""
    rows = [model_figures.row(shape, source="facts") for shape in models()]
    damaged: list[str] = []
    for path in user_models.stored():
        try:
            rows.append(model_figures.row(user_models.shape_in(path), source="added"))
        except InputError as error:
            damaged.append(error.message)
    chosen = [row for row in rows if all(word.lower() in _searched(row) for word in words)]
    command.screen.answer({"models": chosen, "damaged": damaged})
    if not command.screen.as_json:
        from inferstack.show import model as render_model

        render_model.table(command.screen, chosen, of=len(rows))
    for line in damaged:
        command.screen.say(f"left out: {line}")
    return 0


def _shape(model: str) -> ModelShape:
    if not in_the_facts(model) and local_files.names_a_path(model):
        return from_config(local_files.config_of(Path(model)))
    return find_model(model)


def _searched(row: dict[str, Any]) -> str:
    return " ".join(str(row[name]) for name in ("id", "architecture", "license", "format", "source")).lower()
