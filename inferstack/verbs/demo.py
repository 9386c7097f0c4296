"""`inferstack demo`: plan, preview, up, bench and down of a small cluster on the embedded AWS.

It begins by taking down what a killed demo left, and ends with nothing left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr

from inferstack.chain import benchmark, configuration, planning, provisioning, stack_access, teardown
from inferstack.cli import limits, options, request_flags, secrets
from inferstack.cli.command import Command, begin
from inferstack.cli.options import Fault, Json, Verbose, Yes
from inferstack.cli.screen import Screen
from inferstack.records.configured import Configured
from inferstack.records.errors import InferstackError, Interrupted
from inferstack.records.measurement import Measurement, Verdict
from inferstack.records.outputs import ClusterOutputs
from inferstack.records.plan import Plan
from inferstack.records.preview import Preview
from inferstack.records.receipt import Receipt
from inferstack.stack import rehearsal
from inferstack.stack.workdir import Run
from inferstack.verbs import report

STACK = "demo"
REQUEST = Path(__file__).parents[1] / "demo.yaml"
STAGES = ("plan", "preview", "up", "bench", "down")


def app() -> typer.Typer:
    return options.one(demo)


def demo(fault: Fault = None, as_json: Json = False, yes: Yes = False, verbose: Verbose = False) -> int:
    """Run the whole chain without an AWS account: stack `demo`, rehearsed, measured and removed."""
    return _demo(begin("demo", STACK, as_json=as_json, yes=yes, verbose=verbose), faults=fault)


def _demo(at: Command, *, faults: Sequence[str] | None) -> int:
    """0 when the verdict passed and nothing is left."""
    rehearsal.refuse_unless_rehearsal(faults, rehearsal=True, stack=STACK)
    key = secrets.api_key(None)
    if at.stack.exists():
        planning.check_world(at, True)
    planning.make_stack(at, region=at.loaded.settings.region, rehearse=True)
    at.screen.say("inferstack demo: a cluster planned, priced, built, configured, measured and removed, on this machine.")
    _clear_earlier(at)
    show = Show(at.screen)
    planned, plan = _plan(at, show)
    try:
        verdict = _build_and_measure(at, show, planned, plan, faults, key)
    except Interrupted:
        raise
    except InferstackError:
        at.screen.say("Taking down what was built.")
        teardown.down(at)
        raise
    receipt = _down(at, show)
    at.screen.answer(_records(planned))
    at.screen.say(f"The report, for a browser: {report.of_run(at, planned)}")
    at.screen.say(f"All records of the run: {planned.folder}")
    return 0 if verdict.passed and not receipt.left else 1


@dataclass
class Show:
    """Five headings, each followed by what the stage decided."""

    screen: Screen
    number: int = 0

    def stage(self, what: str) -> None:
        from inferstack.show import tables

        self.number += 1
        self.screen.say()
        tables.heading(self.screen, f"{self.number}/{len(STAGES)} {STAGES[self.number - 1]}: {what}")


def _clear_earlier(at: Command) -> None:
    record, current = at.stack.record(), at.stack.standing()
    unfinished = current is not None and not current.has(Receipt)
    if record.built_at is not None or unfinished or rehearsal.holds(at.workdir, STACK):
        at.screen.say("An earlier demo is still there; taking it down first.")
        teardown.down(at)


def _plan(at: Command, show: Show) -> tuple[Run, Plan]:
    from inferstack.show import plan as render_plan

    show.stage("the cheapest cluster that serves the load")
    settings = at.loaded.settings
    request = limits.within(request_flags.build(REQUEST, {}, region=settings.region), settings)
    found, plan = planning.plan(at, request, rehearse=True)
    render_plan.show(at.screen, plan, folder=found.folder)
    return found, plan


def _build_and_measure(at: Command, show: Show, run: Run, plan: Plan, faults: Sequence[str] | None, api_key: SecretStr | None) -> Verdict:
    from inferstack.show import preview, records

    with stack_access.opened(at, faults) as (work, here):
        show.stage("every change and its cost before anything is built")
        found = provisioning.preview(work, here, run)
        preview.show(at.screen, found)
        limits.refuse(at, found)
        show.stage(f"{plan.instance_count} x {plan.instance_type} by the Pulumi engine, then Ansible over SSH over an SSM session")
        done = provisioning.up(work, here, run, api_key=api_key, hf_token=None)
        configured = configuration.configure(work, here, run, weights_manifest_sha256=done.weights_manifest_sha256)
        records.configured(at.screen, configured)
        show.stage("streaming load to the TLS endpoint")
        measurement, verdict = benchmark.bench(work, here, run)
        records.measured(at.screen, measurement, verdict)
    return verdict


def _down(at: Command, show: Show) -> Receipt:
    from inferstack.show import records

    show.stage("destroy, then an independent sweep")
    receipt = teardown.down(at)
    records.received(at.screen, receipt)
    return receipt


def _records(run: Run) -> dict[str, Any]:
    kinds = (Plan, Preview, ClusterOutputs, Configured, Measurement, Verdict, Receipt)
    told: dict[str, Any] = {"run": str(run.folder)}
    return told | {kind.file_name.removesuffix(".json"): run.read(kind).model_dump(mode="json") for kind in kinds if run.has(kind)}
