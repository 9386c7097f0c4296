"""`inferstack bill`: what the resources of any Pulumi program cost, line by line."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from inferstack.cli import options, settings
from inferstack.cli.command import Command, begin
from inferstack.cli.options import DEFAULT_STACK, Json, Region, Stack, UsageFile, Verbose, Yes
from inferstack.records.errors import Finding, InputError
from inferstack.records.files import reading
from inferstack.records.plan import Plan
from inferstack.records.preview import Bill, Preview
from inferstack.records.registrations import BillRecord, Registrations

if TYPE_CHECKING:
    from inferstack.pricing.bill.usage import Usage

WHERE_PRICES_ARE = "add its price to inferstack/pricing/facts, or choose another type"
NO = {"show_default": False}
File = Annotated[
    Path | None,
    typer.Argument(
        metavar="[PREVIEW.json|REGISTRATIONS.json|PLAN.json]",
        help="Output of `pulumi preview --json --show-sames`, a registrations.json or a plan.json. Default: the stack's preview or plan.",
        **NO,
    ),
]
Hours = Annotated[float | None, typer.Option("--hours", metavar="H", min=0, help="Hours until the cluster is taken down.", **NO)]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown for a pull request: a table, with details folded.")]
On = Annotated[
    datetime | None,
    typer.Option("--on", formats=["%Y-%m-%d"], metavar="DATE", help="Judge the age of prices as of this day. Default: today.", **NO),
]


def app() -> typer.Typer:
    return options.one(bill)


def bill(
    source: File = None,
    region: Region = None,
    hours: Hours = None,
    usage: UsageFile = None,
    markdown: Markdown = False,
    on: On = None,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
    yes: Yes = False,
    verbose: Verbose = False,
) -> int:
    """Price a Pulumi preview line by line, every price with source and date; exit 1 if a GPU has no price. Writes nothing."""
    at = begin("bill", stack, as_json=as_json, yes=yes, verbose=verbose, usage=usage)
    day: date | None = on.date() if on else None
    return _show(at, source, region=region, hours=hours, markdown=markdown, on=day)


def _show(command: Command, source: Path | None, *, region: str | None, hours: float | None, markdown: bool, on: date | None) -> int:
    """1 where the bill has no total, after it was shown. Raises InputError for what cannot be read."""
    from inferstack.show import bill as render_bill
    from inferstack.show import bill_markdown

    now = command.now() if on is None else datetime.combine(on, time(), UTC)
    record = _priced(command, source, region=region, hours=hours, now=now)
    command.screen.answer(record)
    if markdown:
        command.screen.say_block(bill_markdown.text(record).rstrip("\n"))
    else:
        render_bill.show(command.screen, record.bill)
    return _refused(command, record.bill.refused) if record.bill.refused else 0


def priced(path: Path, *, usage: Usage, now: datetime, region: str | None = None, hours: float | None = None) -> BillRecord:
    """Return the bill of a Pulumi preview or a registrations.json. `region` is that of what names none itself. Raises InputError."""
    from inferstack.pricing.bill.bill import bill
    from inferstack.pricing.bill.programs import read

    program = read(path)
    where = region or program.region
    if where is None:
        raise InputError(f"{path}: has no region", hint="give --region")
    expires = hours if hours is not None else program.hours_until_expiry
    found = bill(program.registrations, region=where, hours_until_expiry=expires, usage=usage, today=now.date(), now=now)
    return BillRecord(priced_on=now.date(), source=path.name, bill=found)


def _refused(command: Command, why: str) -> int:
    """1, after the bill was shown: with --json the one document stays the only one. Raises Finding without."""
    if not command.screen.as_json:
        raise Finding(why, hint=WHERE_PRICES_ARE)
    command.screen.say(f"Error: {why}")
    return Finding.code


def _priced(command: Command, source: Path | None, *, region: str | None, hours: float | None, now: datetime) -> BillRecord:
    if source is None:
        name, found = _of_stack(command, now)
        return BillRecord(priced_on=now.date(), source=name, bill=found)
    if (plan := plan_in(source)) is not None:
        if region is not None and region != plan.region:
            raise InputError(f"--region {region}: {source} is a plan for {plan.region}", hint="plan again with --region")
        return BillRecord(priced_on=now.date(), source=source.name, bill=of_plan(command, plan, now=now, hours=hours))
    return priced(source, usage=settings.usage(command.loaded), now=now, region=region, hours=hours)


def _of_stack(command: Command, now: datetime) -> tuple[str, Bill]:
    """Return the bill of the last preview, or of the plan alone where there is none yet."""
    run = command.run()
    if run.has(Preview):
        return Preview.file_name, run.read(Preview).bill
    if run.has(Plan):
        return Plan.file_name, of_plan(command, run.read(Plan), now=now)
    raise InputError(f"--stack {command.name}: no plan yet", hint=f"inferstack plan --stack {command.name} --model ...")


def plan_in(path: Path) -> Plan | None:
    """The plan that a file holds; None for a file that holds something else. Raises InputError for a record that has no bill."""
    from inferstack.pricing.bill.programs import MAX_FILE_BYTES
    from inferstack.records.files import registry

    if not path.is_file() or path.stat().st_size > min(MAX_FILE_BYTES, reading.MAX_FILE_BYTES):
        return None
    try:
        content, _ = reading.read_mapping(path)
    except InputError:
        return None  # the reader of previews says what is wrong with it
    kind = registry.kind_of(content)
    if kind is Plan:
        return Plan.read(path)
    if kind is not None and kind not in (Registrations, Preview, BillRecord):
        raise InputError(
            f"{path}: this is a {kind.file_name}, which has no resources to price",
            hint="give a plan.json, a registrations.json, or the output of pulumi preview --json --show-sames",
        )
    return None


def of_plan(command: Command, plan: Plan, *, now: datetime, hours: float | None = None) -> Bill:
    """The bill of what `up` would build, from the plan alone: no login, no account, no state."""
    from stacks import offline

    chosen = command.loaded.settings
    return offline.bill_of_plan(
        plan,
        lifetime=chosen.lifetime if hours is None else timedelta(hours=hours),
        now=now,
        usage=settings.usage_file(command.loaded),
        egress=chosen.egress,
        vpc_id=chosen.vpc_id,
        subnet_ids=chosen.subnet_ids,
    )
