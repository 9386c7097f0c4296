"""The command line: which verbs there are. A verb's module is imported when it is called: `plan` pays for no other, the list for none."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from inferstack.cli import extras
from inferstack.records.errors import InputError

VERBS = {
    "plan": "Choose the cheapest cluster that serves a load",
    "explain": "Show the calculation: memory by part, time by term",
    "simulate": "Simulate a plan's load on its replicas, step by step",
    "compare": "Compare self-hosting with hosted APIs",
    "fleet": "Choose the cheapest instances that serve many models",
    "bill": "Price a Pulumi preview line by line",
    "preview": "Show every change and its cost, build nothing",
    "diff": "Show the cost difference between RUN_A and RUN_B",
    "up": "Build the planned cluster and configure it",
    "configure": "Run the playbooks on the stack's nodes again",
    "connect": "Forward a local port to the endpoint",
    "bench": "Send the plan's load to the endpoint",
    "report": "Write decision, cost, reasons and results as HTML",
    "export": "Write a plan as the file of another tool",
    "down": "Destroy the cluster, sweep by tag, id and name",
    "status": "Show a stack, its last command and what is running",
    "runs": "List the runs of a stack and what each holds",
    "extend": "Move the expiry of the cluster to TIME from now",
    "demo": "Run the whole chain without an AWS account",
    "doctor": "Show what is missing on this machine",
    "env": "Print shell lines that point pulumi and aws at a stack",
    "weights": "Model files in the stack's bucket",
    "model": "List, show and add models that can be planned",
    "prices": "List the known prices and their age, update them",
    "settings": "Show each setting with its source",
    "migrate": "Check that every record of a stack can be read",
}
"""Each verb in the order of the list that `inferstack --help` shows, and its line there: the beginning of the verb's own help."""

UPKEEP = ("env", "weights", "model", "prices", "settings", "migrate")
"""Verbs of the room `inferstack.verbs.upkeep`; the others lie in `inferstack.verbs`."""

SUBVERBS = ("put", "list", "add", "show", "refresh")


class LazyVerbs(TyperGroup):
    """A group that lists its verbs by the table, and imports a verb's module only to run it or to show its help."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=summary) for name, summary in VERBS.items()}

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Print the verbs first, by group; then the options that every verb takes."""
        from inferstack.cli import help as help_

        help_.groups(formatter, VERBS)
        with formatter.section("Options"):
            formatter.write_dl([record for one in self.get_params(ctx) if (record := one.get_help_record(ctx))])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        from inferstack.cli import help as help_

        meant = help_.verb_meant(args[0]) if args and args[0] not in self.commands else None
        if meant:
            raise InputError(f"no verb is called {args[0]!r}; did you mean {meant}?", hint=f"inferstack {meant} --help")
        name, listed, rest = super().resolve_command(ctx, args)
        return name, load(name) if name and listed else None, rest


def load(name: str) -> Any:
    """The command of a verb, from the `app` of its module."""
    room = "inferstack.verbs.upkeep" if name in UPKEEP else "inferstack.verbs"
    made = typer.main.get_command(import_module(f"{room}.{name}").app())
    made.name = name
    return extras.checked(made, name)


def command() -> Any:
    """The whole command; the reference is generated from it."""
    app = typer.Typer(
        cls=LazyVerbs,
        name="inferstack",
        help="Size an inference cluster for a model and a load, see its price, build it, measure it, and take it down with a receipt.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=True,
        context_settings={"help_option_names": ["-h", "--help"]},
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
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version and exit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout; messages go to stderr.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    stack: Annotated[str | None, typer.Option("--stack", "-s", metavar="NAME", help="Name of the stack.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print more details to stderr.")] = False,
) -> None:
    given = {"as_json": as_json, "yes": yes, "verbose": verbose, "stack": stack}
    kept = {name: value for name, value in given.items() if value}
    context.default_map = {verb: {**kept, **dict.fromkeys(SUBVERBS, kept)} for verb in VERBS} if kept else None
