"""The command line: which verbs there are. A verb's module is imported when it is called, so that `plan` pays for nothing else."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

VERBS = (
    "plan",
    "explain",
    "simulate",
    "compare",
    "fleet",
    "bill",
    "preview",
    "diff",
    "up",
    "configure",
    "connect",
    "bench",
    "report",
    "down",
    "status",
    "runs",
    "extend",
    "demo",
    "doctor",
    "env",
    "weights",
    "model",
    "prices",
    "settings",
    "migrate",
)

SUBVERBS = ("put", "list", "add", "show", "refresh")


class LazyVerbs(TyperGroup):
    """A group whose verbs are modules `inferstack.verbs.<name>`, each with an `app`."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast(Any, dict.fromkeys(VERBS))  # names only: typer's "did you mean" reads the keys

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in VERBS:
            return None
        made = typer.main.get_command(import_module(f"inferstack.verbs.{cmd_name}").app())
        made.name = cmd_name
        return made


def command() -> Any:
    """The whole command; the reference is generated from it."""
    app = typer.Typer(
        cls=LazyVerbs,
        name="inferstack",
        help="Say the model and the load; see the cheapest cluster and its price; build it, measure it, and take it down with a receipt.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=True,
    )
    app.callback()(_everywhere)
    return typer.main.get_command(app)


def _version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        typer.echo(f"inferstack {metadata.version('inferstack')}")
        raise typer.Exit


def _everywhere(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout, everything for people on stderr.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    stack: Annotated[str | None, typer.Option("--stack", "-s", metavar="NAME", help="Which stack.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more, on stderr.")] = False,
) -> None:
    given = {"as_json": as_json, "yes": yes, "verbose": verbose, "stack": stack}
    kept = {name: value for name, value in given.items() if value}
    context.default_map = {verb: {**kept, **dict.fromkeys(SUBVERBS, kept)} for verb in VERBS} if kept else None
