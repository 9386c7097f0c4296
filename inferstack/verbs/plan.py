"""`inferstack plan`: which cluster holds this load, what it costs, and why the others lost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from inferstack.chain import planning
from inferstack.cli import limits, options, request_flags
from inferstack.cli.command import Command, begin
from inferstack.cli.options import DEFAULT_STACK, ExpiresIn, Json, MaxUsdInAll, Rehearse, Stack, Verbose, Yes
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from inferstack.records.request import Request

LIMITS = ("region", "max_usd_per_hour", "max_usd", "expires_in")
File = Annotated[
    Path | None, typer.Argument(metavar="[REQUEST.yaml]", help="A request file; flags override its values.", show_default=False)
]


Details = Annotated[bool, typer.Option("--details", help="Print every figure, reason, price and assumption too.")]


def app() -> typer.Typer:
    return options.one(request_flags.with_flags_of_a_request(plan, before="max_usd"))


def plan(
    context: typer.Context,
    file: File = None,
    max_usd: MaxUsdInAll = None,
    expires_in: ExpiresIn = None,
    rehearse: Rehearse = None,
    stack: Stack = DEFAULT_STACK,
    details: Details = False,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
    **request: Any,
) -> int:
    """Choose the cheapest cluster that serves a load; write request.yaml and plan.json."""
    return _plan(context.params)


def _plan(params: dict[str, Any]) -> int:
    """Exit code 0; raises Finding when nothing holds the load."""
    spoken = {name: params[name] for name in ("as_json", "yes", "verbose")}
    flags = {name: params[name] for name in LIMITS}
    at = begin("plan", params["stack"], **spoken, **flags)
    request = request_of(at, params)
    if at.loaded.settings.max_usd is not None:
        at.screen.say(limits.told(at.loaded.settings))
    run, planned = planning.plan(at, request, rehearse=params["rehearse"])
    if at.screen.as_json:
        at.screen.answer(planned)
        at.screen.say(f"{planned.instance_count} x {planned.instance_type}, ${planned.usd_per_hour:,.2f}/h; written: {run.folder}")
        return 0
    from inferstack.show import plan as render_plan

    render_plan.show(at.screen, planned, folder=run.folder, following=f"inferstack preview --stack {at.name}", details=params["details"])
    _say_unservable(at, planned)
    return 0


def _say_unservable(at: Command, planned: Plan) -> None:
    """A plan that only prices or compares stands; whoever wants to build it is told before the first dollar."""
    try:
        planning.refuse_unservable(at, planned)
    except InputError as error:
        at.screen.say(f"up cannot build this plan: {error.message}")


def request_of(at: Command, params: dict[str, Any]) -> Request:
    """Build the request from the flags of `plan`, and from the file if there is one."""
    stated = {name: params[name] for name in request_flags.FLAGS}
    stated["config"] = request_flags.model_config(params["config"])
    stated = {name: tuple(value) or None if isinstance(value, list | tuple) else value for name, value in stated.items()}
    return limits.within(request_flags.build(params["file"], stated, region=at.loaded.settings.region), at.loaded.settings)
