"""A bill as Markdown for a pull request: the totals, a table by resource, every line folded below it."""

from __future__ import annotations

from collections.abc import Iterator

from inferstack.records.preview import Bill, BilledResource, BillLine
from inferstack.records.registrations import BillRecord
from inferstack.show import bill as render_bill
from inferstack.show import markdown, tables

HEAD = "| resource | type | bucket | $/h | $/month | assumed $/month |\n|---|---|---|---:|---:|---:|"
LINES = "| resource | part | quantity | unit price | $/h | $/month | price of | rate | said |\n|---|---|---:|---:|---:|---:|---|---|---|"


def text(record: BillRecord) -> str:
    """GitHub's Markdown. What others wrote is shown as it is and does nothing."""
    return "\n".join(_parts(record)) + "\n"


def _parts(record: BillRecord) -> Iterator[str]:
    bill = record.bill
    yield f"### {_total(bill)}\n"
    for one in bill.remarks:
        yield f"- **{one.kind}**: {markdown.text(one.sentence)}"
    if bill.usd_used_once:
        yield f"- **used once**: {tables.usd(bill.usd_used_once)}"
    if bill.usd_once:
        yield f"- **due at purchase**: {tables.usd(bill.usd_once)}"
    yield f"\n{HEAD}"
    yield from (_resource(one) for one in bill.resources if one.bucket != "free")
    where = f"Priced on {record.priced_on}, region {markdown.text(bill.region)}; {render_bill.dated(bill)}."
    yield f"\n{bill.resources_by_bucket.get('free', 0)} resources have no charge. {where}\n"
    yield f"<details><summary>Every line, with its price's date and rate</summary>\n\n{LINES}"
    yield from (_line(line) for line in bill.lines if line.bucket != "free")
    yield "\n</details>"


def _total(bill: Bill) -> str:
    if bill.usd_per_hour is None:
        return f"No total: {markdown.text((bill.refused or '').removeprefix('no total: '))}"
    until = "" if bill.usd_until_expiry is None else f", {tables.usd(bill.usd_until_expiry)} until it expires"
    floor = "At least " if bill.at_least else ""
    return f"{floor}{tables.usd(bill.usd_per_hour)}/h, ${bill.usd_per_month or 0:,.2f}/month{until}"


def _resource(one: BilledResource) -> str:
    assumed = tables.usd(one.assumed_usd_per_month) if one.assumed_usd_per_month else ""
    cells = (
        markdown.text(one.name),
        markdown.code(one.resource_type),
        one.bucket,
        tables.usd(one.usd_per_hour),
        tables.usd(one.usd_per_month),
        assumed,
    )
    return _row(cells)


def _line(line: BillLine) -> str:
    price = "" if line.unit_price_usd is None else f"${line.unit_price_usd:.10g}/{line.unit}"
    dated = f"{line.as_of or ''}{' (unverified)' if line.confidence == 'recalled' else ''}"
    monthly = tables.usd(line.usd_per_month) if line.assumed_usd_per_month is None else f"~{tables.usd(line.assumed_usd_per_month)}"
    quantity = "" if line.quantity is None else f"{line.quantity:,.10g}"
    texts = (line.resource.rpartition("::")[2], line.component, quantity, price, tables.usd(line.usd_per_hour), monthly, dated)
    return _row(tuple(markdown.text(one) for one in (*texts, line.rate_id or "", _said(line))))


def _said(line: BillLine) -> str:
    assumed = f"{line.assumption.key} {line.assumption.value} by {line.assumption.set_by}" if line.assumption else ""
    bought = line.purchase_option or ""
    return "; ".join(filter(None, (bought, assumed, line.note)))


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
