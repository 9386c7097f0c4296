"""`inferstack runs`: the runs of a stack, newest last, and what each holds."""

from __future__ import annotations

from typing import Any

import typer

from inferstack.cli import options
from inferstack.cli.command import begin
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes
from inferstack.verbs import status

KEYS = ("run", "plan", "usd_per_hour", "model", "load", "stage", "verdict", "left")


def app() -> typer.Typer:
    return options.one(runs)


def runs(stack: Stack = DEFAULT_STACK, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """List the runs of a stack and what each holds."""
    at = begin("runs", stack, as_json=as_json, yes=yes, verbose=verbose)
    told = [status.of_run(run) for run in at.known.runs()]
    at.screen.answer(told)
    from inferstack.show import tables
    from inferstack.show.tables import name, number, words

    heads = (
        name("run"),
        words("plan"),
        number("$/h"),
        words("model", 3),
        words("load", 4),
        name("stage"),
        name("verdict"),
        number("left", 1),
    )
    tables.table(at.screen, heads, [tuple("-" if one[key] is None else one[key] for key in KEYS) for one in map(_shown, told)])
    return 0


def _shown(told: dict[str, Any]) -> dict[str, Any]:
    usd, model = told["usd_per_hour"], told["model"]
    return {**told, "usd_per_hour": None if usd is None else f"{usd:,.2f}", "model": model and model.rpartition("/")[2]}
