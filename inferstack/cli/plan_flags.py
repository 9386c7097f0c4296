"""From the options of `plan` to its answer: request, plan, table or document."""

from __future__ import annotations

from typing import Any

from inferstack.chain import planning
from inferstack.cli import command, limits, request_flags
from inferstack.cli.command import Command
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from inferstack.records.request import Request

NOT_OF_THE_REQUEST = (
    "file",
    "rehearse",
    "stack",
    "as_json",
    "yes",
    "verbose",
    "config",
    "instance_type",
    "guard",
    "lora_module",
    "max_usd",
    "expires_in",
)
LIMITS = ("region", "max_usd_per_hour", "max_usd", "expires_in")


def plan(params: dict[str, Any]) -> int:
    """Exit code 0; raises Finding when nothing holds the load."""
    spoken = {name: params[name] for name in ("as_json", "yes", "verbose")}
    flags = {name: params[name] for name in LIMITS}
    at = command.begin("plan", params["stack"], **spoken, **flags)
    request = request_of(at, params)
    if at.loaded.settings.max_usd is not None:
        at.screen.say(limits.told(at.loaded.settings))
    run, planned = planning.plan(at, request, rehearse=params["rehearse"])
    if at.screen.as_json:
        at.screen.answer(planned)
        at.screen.say(f"{planned.instance_count} x {planned.instance_type}, ${planned.usd_per_hour:,.2f} an hour; written: {run.folder}")
        return 0
    from inferstack.show import plan as render_plan

    render_plan.show(at.screen, planned, folder=run.folder, following=f"inferstack preview --stack {at.name}")
    _say_unservable(at, planned)
    return 0


def _say_unservable(at: Command, planned: Plan) -> None:
    """A plan that only prices or compares stands; whoever wants to build it is told before the first dollar."""
    from inferstack.chain.sequence import refuse_unservable

    try:
        refuse_unservable(at, planned)
    except InputError as error:
        at.screen.say(f"up cannot build this plan: {error.message}")


def request_of(at: Command, params: dict[str, Any]) -> Request:
    """Of the flags of `plan`, and the file if there is one."""
    stated = {name: value for name, value in params.items() if name not in NOT_OF_THE_REQUEST}
    stated["config"] = request_flags.model_config(params["config"])
    stated["instance_types"] = tuple(params["instance_type"]) if params["instance_type"] else None
    stated["guards"] = tuple(params["guard"]) if params["guard"] else None
    stated["lora_modules"] = tuple(params["lora_module"]) if params["lora_module"] else None
    return limits.within(request_flags.build(params["file"], stated, region=at.loaded.settings.region), at.loaded.settings)
