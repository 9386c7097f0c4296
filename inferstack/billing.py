"""The work of `bill`: a file of resources, or the stack's last preview, priced and shown in one of three forms."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

from inferstack import settings
from inferstack.command import Command
from records.errors import Finding, InputError
from records.preview import Bill, Preview
from records.registrations import BillRecord

if TYPE_CHECKING:
    from pricing.usage import Usage

WHERE_PRICES_ARE = "add its price to pricing/facts, or take another type"


def show(command: Command, source: Path | None, *, region: str | None, hours: float | None, markdown: bool, on: date | None) -> int:
    """1 where the bill has no total, after it was shown. Raises InputError for what cannot be read."""
    from inferstack import bill_markdown, render_bill

    now = command.now() if on is None else datetime.combine(on, time(), UTC)
    record = _priced(command, source, region=region, hours=hours, now=now)
    command.screen.answer(record)
    if markdown:
        command.screen.say_block(bill_markdown.text(record).rstrip("\n"))
    else:
        render_bill.show(command.screen, record.bill)
    return _refused(command, record.bill.refused) if record.bill.refused else 0


def priced(path: Path, *, usage: Usage, now: datetime, region: str | None = None, hours: float | None = None) -> BillRecord:
    """Of a Pulumi preview or a registrations.json. `region` is that of what names none itself. Raises InputError."""
    from pricing.bill import bill
    from pricing.programs import read

    program = read(path)
    where = region or program.region
    if where is None:
        raise InputError(f"{path}: no region is configured in it", hint="--region says which")
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
        return BillRecord(priced_on=now.date(), source=Preview.file_name, bill=_of_stack(command))
    return priced(source, usage=settings.usage(command.loaded), now=now, region=region, hours=hours)


def _of_stack(command: Command) -> Bill:
    run = command.run()
    if not run.has(Preview):
        raise InputError(f"--stack {command.name}: it has no preview yet", hint=f"inferstack preview --stack {command.name}")
    return run.read(Preview).bill
