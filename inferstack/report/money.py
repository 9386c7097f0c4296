"""What it costs: the bill line by line, and the ways to buy the same instances."""

from __future__ import annotations

from inferstack.records.plan import PurchaseOption
from inferstack.records.preview import Bill, BillLine
from inferstack.report.contents import Contents
from inferstack.report.markup import Cell, bullets, figure, folded, paragraph, section, table
from inferstack.report.scale import written

HOURS_A_MONTH = 730
NO_PREVIEW = "No preview was made of this plan: the figure above is that of the instances alone, without volumes and network."
BILL = ("resource", "component", "quantity", "unit", "$ a unit", "$/h", "$/month", "bucket", "price of", "note")


def cost(c: Contents) -> str:
    """The bill by resource. Without one: what the instances alone cost."""
    bill = c.bill
    if bill is None:
        return section("cost", "Cost", paragraph(NO_PREVIEW))
    counts = ", ".join(f"{n} {name}" for name, n in bill.resources_by_bucket.items() if n)
    charged = sorted((line for line in bill.lines if line.bucket != "free"), key=lambda one: -(one.usd_per_hour or 0.0))
    free = [line.resource for line in bill.lines if line.bucket == "free"]
    return section(
        "cost",
        "Cost, line by line",
        paragraph(_total(bill), "lead"),
        paragraph(f"Resources: {counts}."),
        table("bill", BILL, (_line(one) for one in charged)),
        folded(f"{len(free)} resources without a charge", bullets(free)),
    )


def options(c: Contents) -> str:
    """Show the pricing options as the plan found them; a comparison, where there is one, says it with hours and reasons."""
    if c.comparison is not None:
        return ""
    rows = [_option(one) for one in c.plan.purchase_options]
    head = ("option", "$/h", "$/month", "up buys so", "price of", "note", "source")
    return section("options", "Ways to buy the same instances", table("options-table", head, rows)) if rows else ""


def _total(bill: Bill) -> str:
    if bill.usd_per_hour is None:
        return bill.refused or "no total"
    expiry = ""
    if bill.usd_until_expiry is not None:
        expiry = f", ${bill.usd_until_expiry:,.2f} until the stack expires in {bill.hours_until_expiry:.1f} h"
    return f"${bill.usd_per_hour:,.4f} an hour, ${bill.usd_per_month or 0:,.2f} a month of {HOURS_A_MONTH} hours{expiry}"


def _line(one: BillLine) -> tuple[Cell, ...]:
    hourly = one.usd_per_hour or 0.0
    return (
        Cell(one.resource.split("::")[-1], title=one.resource),
        Cell(one.component),
        figure(one.quantity, written(one.quantity or 0)),
        Cell(one.unit or ""),
        figure(one.unit_price_usd, f"{one.unit_price_usd or 0:,.6g}"),
        figure(one.usd_per_hour, f"{hourly:,.4f}"),
        figure(one.usd_per_hour, f"{hourly * HOURS_A_MONTH if one.usd_per_month is None else one.usd_per_month:,.2f}"),
        Cell(one.bucket, kind=one.bucket),
        Cell(f"{one.as_of}" if one.as_of else "", title=one.source or ""),
        Cell(one.note, kind="says"),
    )


def _option(one: PurchaseOption) -> tuple[Cell, ...]:
    hourly = one.usd_per_hour or 0.0
    return (
        Cell(one.option),
        figure(one.usd_per_hour, f"{hourly:,.2f}"),
        figure(one.usd_per_hour, f"{hourly * HOURS_A_MONTH:,.0f}"),
        Cell("yes" if one.deployable else "no"),
        Cell(str(one.as_of or "")),
        Cell(one.note),
        Cell(one.source or ""),
    )
