"""`inferstack compare`: a plan by purchase option, beside hosted APIs and owned hardware."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inferstack.chain import planning
from inferstack.cli import options, request_flags
from inferstack.cli.command import Command, begin
from inferstack.cli.options import DEFAULT_STACK, ExpiresIn, Json, MaxUsdInAll, Stack, Verbose, Yes
from inferstack.records.comparison import OwnedRequest
from inferstack.records.errors import Finding, InputError
from inferstack.records.files.reading import read_mapping
from inferstack.records.plan import Plan
from inferstack.verbs.plan import request_of

if TYPE_CHECKING:
    from inferstack.pricing.purchase.schedule import Schedule
    from sizing.compare.comparison import WantedComparison

SPOKEN = ("as_json", "yes", "verbose")
OWN = ("source", "hours_per_week", "schedule", "months", "load_share", "interruptible", "batch", "owned")
NOT_OF_A_REQUEST = ("context", "stack", *OWN, *SPOKEN)
NO = {"show_default": False}
File = Annotated[
    Path | None, typer.Argument(metavar="[REQUEST.yaml|PLAN.json]", help="What to compare. Default: the stack's newest plan.", **NO)
]
Hours = Annotated[
    float | None, typer.Option("--hours-per-week", metavar="H", help="Running hours per week, one period a day. Default: always on.", **NO)
]
ScheduleText = Annotated[
    str | None,
    typer.Option(
        "--schedule", metavar="WORDS", help='Running hours: "Mon-Fri 08:00-18:00 Europe/Berlin". Scaled to zero outside them.', **NO
    ),
]
Months = Annotated[float, typer.Option("--months", metavar="N", help="Number of months that the service is needed.")]
LoadShare = Annotated[
    float, typer.Option("--load-share", metavar="0..1", help="Mean load in running hours, as a share of the requested load.")
]
Interruptible = Annotated[bool, typer.Option("--interruptible", help="Allow spot, although AWS can reclaim all instances at once.")]
Batch = Annotated[bool, typer.Option("--batch", help="Use batch prices of hosted APIs where known (answers within a day).")]
Owned = Annotated[
    str | None, typer.Option("--owned", metavar="SYSTEM|FILE", help="Compare with own hardware: a known system, or an owned.yaml.", **NO)
]


def app() -> typer.Typer:
    return options.one(request_flags.with_flags_of_a_request(compare, before="max_usd"))


def compare(
    context: typer.Context,
    source: File = None,
    hours_per_week: Hours = None,
    schedule: ScheduleText = None,
    months: Months = 12.0,
    load_share: LoadShare = 1.0,
    interruptible: Interruptible = False,
    batch: Batch = False,
    owned: Owned = None,
    max_usd: MaxUsdInAll = None,
    expires_in: ExpiresIn = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
    **request: Any,
) -> int:
    """Compare self-hosting with hosted APIs: pricing options, cost per million tokens, break-even volumes, own hardware. For the stack's
    own plan, write comparison.json beside it."""
    return _compare(context.params)


def _compare(params: dict[str, Any]) -> int:
    """Exit code 0. Raises Finding where nothing serves the load or no price is known, InputError for wrong input."""
    at = begin("compare", params["stack"], **{name: params[name] for name in SPOKEN})
    schedule = _schedule(params["hours_per_week"], params["schedule"])
    _refuse_out_of_range(params)
    plan, own = _plan(at, params)
    from sizing.compare import comparison

    found = comparison.comparison(plan, _wanted(at, plan, schedule, params), now=at.now())
    path = at.run().write(found) if own else None
    at.screen.answer(found)
    from inferstack.show import compare as render_compare

    render_compare.show(at.screen, found)
    if path:
        at.screen.say(f"Written: {path}")
    return 0


def _schedule(hours: float | None, text: str | None) -> Schedule:
    from inferstack.pricing.purchase import schedule

    if hours is not None and text is not None:
        raise InputError("--hours-per-week and --schedule: a schedule already gives the hours", hint="give one of them")
    if text is not None:
        return schedule.parse(text)
    return schedule.ALWAYS if hours is None else schedule.of_hours(hours)


def _refuse_out_of_range(params: dict[str, Any]) -> None:
    """NaN fails every comparison, so each is written to be true for what is allowed."""
    if not 0 < params["months"] <= 240:
        raise InputError(f"--months: must be more than 0 and at most 240, not {params['months']:g}")
    if not 0 < params["load_share"] <= 1:
        raise InputError(f"--load-share: must be more than 0 and at most 1, not {params['load_share']:g}")


def _plan(at: Command, params: dict[str, Any]) -> tuple[Plan, bool]:
    """The plan, and whether it is the stack's own."""
    given = [name for name, value in params.items() if name not in NOT_OF_A_REQUEST and value not in (None, [], (), False)]
    file: Path | None = params["source"]
    if file is None and not given:
        return planning.read_plan(at.run().path(Plan)), True
    if file is not None and "engine_flags" in read_mapping(file)[0]:
        if given:
            dashed = ", ".join(request_flags.spelling(name) for name in given)
            raise InputError(f"{file} is a plan and cannot be combined with request flags: {dashed}", hint="leave the flags out")
        return planning.read_plan(file), False
    flags = {name: value for name, value in params.items() if name not in ("context", *OWN)}
    return planning.computed(at, request_of(at, {**flags, "file": file})), False


def _wanted(at: Command, plan: Plan, schedule: Schedule, params: dict[str, Any]) -> WantedComparison:
    from sizing.compare.comparison import WantedComparison

    owned = _owned(plan, params["owned"])
    return WantedComparison(
        schedule=schedule, months=params["months"], load_share=params["load_share"], interruptible=params["interruptible"],
        batch=params["batch"], owned=owned, owned_plan=_sized(at, plan, owned) if owned else None,
    )  # fmt: skip


def _owned(plan: Plan, name: str | None) -> OwnedRequest | None:
    """A file, or the name of a system; the system of a file that names none is the one with the plan's GPU."""
    if name is None:
        return None
    if not name.endswith((".yaml", ".yml", ".json")):
        return OwnedRequest(system=name)
    from inferstack.pricing.purchase.owned import system_for

    read = OwnedRequest.read(Path(name))
    if read.system is not None:
        return read
    found = system_for(plan.gpu)
    if found is None:
        raise InputError(f"{name}: system: is missing, and no known system has the plan's {plan.gpu}", hint="set system in the file")
    return read.model_copy(update={"system": found})


def _sized(at: Command, plan: Plan, owned: OwnedRequest) -> Plan:
    """The same request on the instance type with the system's GPUs. Raises Finding where it does not fit there."""
    from inferstack.pricing.purchase.owned import system
    from sizing.planning import planner

    kind = system(owned, region=plan.region).sized_as
    if kind == plan.instance_type:
        return plan
    request = plan.request.replaced(instance_type=kind, instance_types=None, gpu=None, max_usd_per_hour=None)
    try:
        return planner.plan(request, now=at.now())
    except Finding as error:
        raise Finding(f"--owned {owned.system}: sized as {kind}: {error.message}", hint=error.hint) from None
