"""`inferstack diff`: what one run costs beside another, line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from inferstack.cli import options
from inferstack.cli.command import Command, begin
from inferstack.cli.limits import refused
from inferstack.cli.options import DEFAULT_STACK, Json, Stack, Verbose, Yes
from inferstack.records.difference import Difference
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan
from inferstack.records.preview import Bill, Preview
from inferstack.stack.workdir import Run
from inferstack.verbs import bill

CURRENT = "current"
INCREASE = re.compile(r"(?P<number>[0-9]{1,9}(\.[0-9]{1,9})?)(?P<percent>%?)")
NEAR = 1e-9
"""Relative: an increase of exactly the limit is allowed, whatever its last bit says."""
WHICH = "A run's id or its first characters, a preview.json, a plan.json, or current."
Old = Annotated[str, typer.Argument(metavar="RUN_A", help=f"Before. {WHICH}")]
New = Annotated[str, typer.Argument(metavar="RUN_B", help=f"After. {WHICH}")]
MaxIncrease = Annotated[
    str | None,
    typer.Option("--max-increase", metavar="10%|USD", help="Exit 1 if the hourly cost rises by more than this.", show_default=False),
]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown for a pull request: a table, with the lines folded.")]


def app() -> typer.Typer:
    return options.one(diff)


def diff(
    old: Old,
    new: New,
    max_increase: MaxIncrease = None,
    markdown: Markdown = False,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Show the cost difference between RUN_A and RUN_B; a run without a preview is priced from its plan."""
    at = begin("diff", stack, as_json=as_json, yes=yes, verbose=verbose)
    return _diff(at, old, new, max_increase=max_increase, markdown=markdown)


@dataclass(frozen=True)
class Increase:
    """The largest increase of the total that is allowed: USD an hour, or a share of the old total."""

    text: str
    usd_per_hour: float | None = None
    share: float | None = None

    def allowed(self, old_usd_per_hour: float) -> float:
        return self.usd_per_hour if self.usd_per_hour is not None else (self.share or 0.0) * old_usd_per_hour


def _diff(command: Command, old: str, new: str, *, max_increase: str | None, markdown: bool) -> int:
    """1 where a side has no total, or the increase is over the limit."""
    from inferstack.pricing.bill.difference import difference

    if markdown and command.screen.as_json:
        raise InputError("--markdown and --json: give one of them")
    limit = increase(max_increase) if max_increase is not None else None
    before, after = (_side(command, text, where) for text, where in ((old, "RUN_A"), (new, "RUN_B")))
    found = difference(before.bill, after.bill, old_name=before.name, new_name=after.name)
    if before.plan and after.plan and not markdown:
        from inferstack.show import plans

        plans.beside(command.screen, [(before.short, before.plan), (after.short, after.plan)])
        command.screen.say()
    _told(command, found, markdown=markdown)
    problem = found.refused or (_over(found, limit) if limit else None)
    hint = (
        "add a price for the resource to inferstack/pricing/facts"
        if found.refused
        else f"see the lines above, or allow more than {max_increase}"
    )
    return refused(command, problem, hint=hint) if problem else 0


def increase(text: str) -> Increase:
    """`10%` of the old total, or `2.50` USD an hour. Raises InputError."""
    told = INCREASE.fullmatch(text.strip())
    if not told:
        raise InputError(
            f"--max-increase: {text!r:.40} is neither a percentage nor an amount", hint="for example 10% or 2.50 (USD an hour)"
        )
    number = float(told["number"])
    return Increase(text.strip(), share=number / 100) if told["percent"] else Increase(text.strip(), usd_per_hour=number)


def _over(found: Difference, limit: Increase) -> str | None:
    assert found.change_usd_per_hour is not None and found.old.usd_per_hour is not None
    if found.change_usd_per_hour <= limit.allowed(found.old.usd_per_hour) * (1 + NEAR):
        return None
    from inferstack.show import difference

    return f"over --max-increase {limit.text}: {difference.totals(found)}"


def _told(command: Command, found: Difference, *, markdown: bool) -> None:
    from inferstack.show import difference

    command.screen.answer(found)
    if markdown:
        command.screen.say_block(difference.markdown(found).rstrip("\n"))
    else:
        difference.show(command.screen, found)


@dataclass(frozen=True)
class BillOfSide:
    """One side of the difference: what to call it, its bill, and the plan that it is of where one lies beside it."""

    name: str
    bill: Bill
    plan: Plan | None = None

    @property
    def short(self) -> str:
        return Path(self.name).name


def _side(command: Command, text: str, where: str) -> BillOfSide:
    """Return the bill of a preview, or of a plan alone. Raises InputError that names the argument."""
    path = Path(text)
    if path.is_file():
        plan = bill.plan_in(path)
        return BillOfSide(text, Preview.read(path).bill if plan is None else bill.of_plan(command, plan, now=command.now()), plan)
    run = Run(path) if path.is_dir() else command.run() if text == CURRENT else _named(command, text, where)
    name = text if path.is_dir() else run.name
    if run.has(Preview):
        return BillOfSide(name, run.read(Preview).bill, run.read(Plan) if run.has(Plan) else None)
    if run.has(Plan):
        plan = run.read(Plan)
        return BillOfSide(name, bill.of_plan(command, plan, now=command.now()), plan)
    raise InputError(
        f"{where}: run {run.name} has no {Preview.file_name} and no {Plan.file_name}", hint="write a plan with inferstack plan"
    )


def _named(command: Command, text: str, where: str) -> Run:
    """Return the run of any stack that this id names: an id is given once. The beginning of it is enough where no other begins so."""
    known = [run for stack in command.workdir.stacks() for run in stack.runs()]
    found = [run for run in known if run.name == text] or [run for run in known if run.name.startswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{where}: {text!r:.60} matches {len(found)} runs: {', '.join(run.name for run in found[:3])}")
    raise InputError(
        f"{where}: {text!r:.60} is neither a run nor a file",
        hint="list the runs with inferstack runs --stack NAME, or give current or a preview.json",
    )
