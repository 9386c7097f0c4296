"""`inferstack status`: where a stack and its runs stand, or all of them.

From the records, and from AWS where an identity is there; which of the two is said.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from inferstack.chain import aws_state
from inferstack.cli import options
from inferstack.cli.command import Command, begin
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes
from inferstack.cli.screen import Screen
from inferstack.records.errors import InferstackError
from inferstack.records.files.registry import RECORDS
from inferstack.records.measurement import Verdict
from inferstack.records.outputs import ClusterOutputs
from inferstack.records.plan import Plan
from inferstack.records.receipt import Receipt
from inferstack.stack import journal
from inferstack.stack.workdir import Run, StackDir

STAGES = {
    "plan.json": "planned",
    "preview.json": "previewed",
    "outputs.json": "built",
    "configured.json": "configured",
    "verdict.json": "measured",
    "receipt.json": "taken down",
}

All = Annotated[bool, typer.Option("--all", help="Every stack of this work folder.")]


def app() -> typer.Typer:
    return options.one(status)


def status(stack: Stack = DEFAULT_STACK, all_stacks: All = False, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """Show a stack, its last command and what is running, with cost and expiry."""
    at = begin("status", stack, as_json=as_json, yes=yes, verbose=verbose)
    stacks = at.workdir.stacks() if all_stacks else [at.known]
    told = [of_stack(at, one) for one in stacks]
    at.screen.answer(told if all_stacks else told[0])
    for one in told:
        show(at.screen, one)
    return 0


def of_run(run: Run) -> dict[str, Any]:
    """A record that cannot be read is said to be so, and hides nothing else."""
    there = [kind.file_name for kind in RECORDS if run.has(kind)]
    stage = next((stage for name, stage in reversed(STAGES.items()) if name in there), "empty")
    told: dict[str, Any] = {"run": run.name, "folder": str(run.folder), "records": there, "stage": stage}
    plan, verdict, receipt = _read(run, Plan), _read(run, Verdict), _read(run, Receipt)
    told["plan"] = f"{plan.instance_count} x {plan.instance_type}" if isinstance(plan, Plan) else plan
    told["usd_per_hour"] = plan.usd_per_hour if isinstance(plan, Plan) else None
    told["model"] = plan.model.id if isinstance(plan, Plan) else None
    told["load"] = plan.load.says if isinstance(plan, Plan) and plan.load else None
    outputs = _read(run, ClusterOutputs)
    if isinstance(outputs, ClusterOutputs) and outputs.estimated_usd_per_hour is not None:
        told["usd_per_hour"] = outputs.estimated_usd_per_hour
    told["verdict"] = ("passed" if verdict.passed else "failed") if isinstance(verdict, Verdict) else verdict
    told["left"] = len(receipt.left) if isinstance(receipt, Receipt) else receipt
    return told


def of_stack(command: Command, stack: StackDir) -> dict[str, Any]:
    record = stack.record()
    run, newest = stack.standing(), stack.current()
    told: dict[str, Any] = record.model_dump(mode="json", exclude={"schema_version"})
    told["run"] = of_run(run) if run else None
    told["newest_plan"] = of_run(newest) if newest and run and newest.name != run.name else None
    told["unfinished"] = _unfinished(stack)
    outputs = _read(run, ClusterOutputs) if run else None
    up, built = record.built_at is not None, outputs if isinstance(outputs, ClusterOutputs) else None
    told["aws"] = aws_state.of_stack(command, record)
    if told["aws"]["as_of"]:
        told["nodes"] = told["aws"]["nodes"]
    else:
        told["nodes"] = [node.model_dump() for node in built.nodes] if up and built else []
    told["recorded_at"] = built.created_at.isoformat() if built else None
    told["expires_in_s"] = _seconds_left(record.expires_at, command.now()) if up else None
    return told


def show(screen: Screen, told: dict[str, Any]) -> None:
    world = "rehearsal on the embedded AWS" if told["rehearsal"] else f"account {told['account_id'] or 'not known yet'}"
    screen.say(f"{told['stack']}: {world}, {told['region']}, base {told['base']}")
    run = told["run"]
    if run:
        cost = f", ${run['usd_per_hour']:.2f}/h" if run["usd_per_hour"] else ""
        screen.say(f"  {run['stage']}: {run['plan']}{cost}; verdict {run['verdict'] or '-'}; {run['folder']}")
    if told["newest_plan"]:
        newest = told["newest_plan"]
        screen.say(f"  newest plan, not built: {newest['plan']}, {newest['stage']}; {newest['folder']}")
    screen.say(f"  {_source(told)}")
    for node in told["nodes"]:
        screen.say(f"  node {node['instance_id']}  {node['instance_type']}  {node['private_ip']}  {node['lifecycle_state']}")
    if told["expires_in_s"] is not None and (told["nodes"] or not told["aws"]["as_of"]):
        screen.say(f"  AWS removes the GPUs in {told['expires_in_s'] / 3600:.1f} h ({told['expires_at']})")
    if told["unfinished"]:
        screen.say(f"  {told['unfinished']}")


def _source(told: dict[str, Any]) -> str:
    """What the lines that follow were read from."""
    aws = told["aws"]
    if not aws["as_of"]:
        recorded = f"as recorded at {told['recorded_at']}" if told["recorded_at"] else "nothing recorded"
        return f"AWS was not queried ({aws['not_asked']}); {recorded}"
    kinds: dict[str, int] = {}
    for one in aws["billed"]:
        name = one["type"].rsplit(":", 1)[-1]
        kinds[name] = kinds.get(name, 0) + 1
    there = ", ".join(f"{number} {name}" for name, number in kinds.items()) or "nothing billed by the hour"
    hidden = "; not listed: " + ", ".join(sorted(aws["not_listed"])) if aws["not_listed"] else ""
    return f"AWS at {aws['as_of'][:19]}Z: {there}{hidden}"


def _unfinished(stack: StackDir) -> str | None:
    told = journal.read(stack.folder / "journal.json")
    if not told:
        return None
    who, step = f"inferstack {told.get('command')}", journal.last_step(told)
    if "refused" in told:
        return f"{who} failed in: {step}: {told['refused']}"
    if "ended" in told:
        return None
    return f"{who} is running: {step}" if journal.held(stack.folder) else f"{who} was stopped in: {step}; run it again to continue"


def _seconds_left(expires_at: datetime | None, now: datetime) -> float | None:
    return max(0.0, (expires_at - now).total_seconds()) if expires_at else None


def _read(run: Run, kind: type[Any]) -> Any:
    if not run.has(kind):
        return None
    try:
        return run.read(kind)
    except InferstackError:
        return "unreadable"
