"""The work of `plan`, and which plan the later verbs build: a file that was named, or the stack's own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from inferstack.cli.command import Command
from inferstack.records.errors import Finding, InputError
from inferstack.records.plan import Plan
from inferstack.records.request import Request
from inferstack.stack.workdir import Run, StackDir, StackRecord


def plan(command: Command, request: Request, *, rehearse: bool | None) -> tuple[Run, Plan]:
    """Computes, then writes: a request that cannot be planned leaves nothing behind."""
    check_world(command, rehearse)
    planned = computed(command, request)
    return keep(command, request, planned, rehearse=rehearse), planned


def computed(command: Command, request: Request) -> Plan:
    """Raises Finding when nothing holds the load, in the words of the limits that the person set."""
    from inferstack.cli import limits
    from sizing.planning import planner

    with limits.worded(command.loaded.settings, request):
        return planner.plan(request, now=command.now())


def keep(command: Command, request: Request, planned: Plan, *, rehearse: bool | None) -> Run:
    """A new run of the stack with these two records; makes the stack if it is new."""
    make_stack(command, region=planned.region, rehearse=rehearse)
    run = command.stack.begun_run(command.now())
    try:
        run.write(request)
        run.write(planned)
    except BaseException:
        command.stack.drop(run)
        raise
    command.stack.settle(run)
    command.keep_log_in(run)
    command.log.event(
        "planned", instance_type=planned.instance_type, instance_count=planned.instance_count, usd_per_hour=planned.usd_per_hour
    )
    return run


def refuse_guards(planned: Plan) -> None:
    """Raises Finding: a bill without them would be too small, a cluster without them unguarded."""
    if planned.guards:
        names = ", ".join(one.id for one in planned.guards)
        raise Finding(f"{names}: guards are planned and priced, but not deployed", hint="plan without --guard and run the guards yourself")


def refuse_unservable(command: Command, planned: Plan) -> None:
    """Raises InputError for a plan that no role can configure, before anything of it is bought."""
    from playbooks import inventory

    inventory.refuse_unservable(planned, rehearsing=command.stack.record().rehearsal)


def chosen(command: Command, source: Path | None, *, rehearse: bool | None, allowed: Sequence[str] = ()) -> tuple[Run, Plan]:
    """The run to build: of a request or plan file, else the stack's. A run that was taken down is begun anew.

    `allowed` are engine flags that the person lets the plan hold; the stack remembers them.
    """
    from inferstack.chain import flag_check
    from inferstack.records.receipt import Receipt

    check_world(command, rehearse)
    known = command.stack.record().allowed_flags if command.stack.exists() else ()
    allowed = tuple(dict.fromkeys((*known, *(name.lstrip("-") for name in allowed))))
    if source is not None:
        request, planned = from_file(command, source)
        _refuse_layout(command, planned, rehearse=rehearse)
        flag_check.refuse_dangerous(planned, allowed=allowed)
        _refuse_other_cluster(command.stack, planned)
        refuse_guards(planned)
        run = keep(command, request, planned, rehearse=rehearse)
        _remember(command, allowed)
        return run, planned
    run = command.run()
    if not run.has(Plan):
        raise InputError(
            f"--stack {command.name}: its current run has no plan.json", hint=f"inferstack plan --stack {command.name} --model ..."
        )
    planned = read_plan(run.path(Plan))
    _refuse_layout(command, planned, rehearse=rehearse)
    refuse_guards(planned)
    flag_check.refuse_dangerous(planned, allowed=allowed)
    _remember(command, allowed)
    if run.has(Receipt):
        run = keep(command, planned.request, planned, rehearse=None)
    command.keep_log_in(run)
    return run, planned


def _refuse_layout(command: Command, planned: Plan, *, rehearse: bool | None) -> None:
    """Raises InputError for an engine or layout that no role serves: flags that only such a plan has are not asked about."""
    from playbooks import inventory

    rehearsing = command.stack.record().rehearsal if command.stack.exists() else bool(rehearse)
    inventory.refuse_what_no_role_does(planned, rehearsing=rehearsing)


def _remember(command: Command, allowed: Sequence[str]) -> None:
    record = command.stack.record()
    if record.allowed_flags != tuple(allowed):
        command.stack.write(record.replaced(allowed_flags=tuple(allowed)))


def read_plan(path: Path) -> Plan:
    """Raises InputError for a plan that is no longer what the planner wrote."""
    from inferstack.chain import plan_check

    planned = Plan.read(path)
    plan_check.refuse_nonsense(planned, where=str(path))
    return planned


def check_world(command: Command, rehearse: bool | None) -> None:
    """A stack's world is chosen once. Raises InputError for a contradiction."""
    if rehearse is None or not command.stack.exists():
        return
    if command.stack.record().rehearsal != rehearse:
        is_now, asked = ("a rehearsal", "--no-rehearse") if not rehearse else ("a real stack", "--rehearse")
        raise InputError(
            f"{asked}: stack {command.name} was created as {is_now}, which cannot be changed", hint="choose another --stack name"
        )


def make_stack(command: Command, *, region: str, rehearse: bool | None) -> StackRecord:
    """The stack's record; a stack that was never built may still move to another region."""
    stack, settings = command.stack, command.loaded.settings
    if not stack.exists():
        base = settings.base or f"{command.name}-base"
        made = StackRecord(stack=command.name, rehearsal=bool(rehearse), region=region, base=base, created_at=command.now())
        return stack.write(made)
    known = stack.record()
    if known.region == region:
        return known
    if known.built_at is not None:
        raise InputError(
            f"region {region}: stack {command.name} is built in {known.region}", hint="choose another --stack name, or take it down first"
        )
    return stack.write(known.replaced(region=region, ami_id=None))


def from_file(command: Command, source: Path) -> tuple[Request, Plan]:
    """Return the request and plan of a plan file, or of a request file that is planned now."""
    if _is_plan(source):
        planned = read_plan(source)
        return planned.request, planned
    from inferstack.cli import limits, request_flags

    settings = command.loaded.settings
    request = limits.within(request_flags.build(source, {}, region=settings.region), settings)
    return request, computed(command, request)


def _is_plan(source: Path) -> bool:
    from inferstack.records.files.reading import read_mapping

    content: Mapping[str, Any] = read_mapping(source)[0]
    return "request" in content or ("instance_type" in content and "layout" in content)


def _refuse_other_cluster(stack: StackDir, planned: Plan) -> None:
    """A running cluster is changed by `up` of its own plan; another plan over it would orphan its run."""
    from inferstack.records.outputs import ClusterOutputs
    from inferstack.records.receipt import Receipt

    run = stack.standing() if stack.exists() else None
    if run is None or not run.has(ClusterOutputs) or run.has(Receipt):
        return
    running = run.read(Plan)
    if _shape(running) != _shape(planned):
        raise InputError(
            f"stack {stack.name} runs {running.instance_count} x {running.instance_type}, but this plan is for another cluster",
            hint=f"run inferstack down --stack {stack.name} first, or choose another --stack name",
        )


def _shape(planned: Plan) -> str:
    return json.dumps([planned.instance_type, planned.instance_count, planned.model.id, planned.engine], sort_keys=True)
