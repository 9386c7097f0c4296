"""The bill of every example is the sum that its README works out by hand, to the cent, and stands beside it in every form."""

from __future__ import annotations

import ast
import operator
import re
from datetime import date
from typing import Any

import pytest

from inferstack.pricing.rates import rates
from tests.pricing.examples import CASES, FOLDER, example
from tools import write_bills

ROW = re.compile(r"^\| (?P<what>[^|]+) \| `(?P<rate>[^`]+)` \| (?P<usd>[\d.]+) \| `(?P<sum>[^`]+)` \| (?P<month>[\d,.]+) \|$", re.MULTILINE)
MONTHLY = re.compile(r"^Total: \*\*\$([\d,.]+) a month\*\* = \$([\d,.]+) an hour", re.MULTILINE)
UNTIL = re.compile(r"\$([\d,.]+) until it expires in (\d+) hours")
SIGNS: dict[type, Any] = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def readme(case: str) -> str:
    return (FOLDER / case / "README.md").read_text(encoding="utf-8")


def rows(case: str) -> list[dict[str, str]]:
    return [one.groupdict() for one in ROW.finditer(readme(case))]


def amount(text: str) -> float:
    return float(text.replace(",", "").rstrip("."))


def worked_out(expression: str) -> float:
    """Numbers, + - * / and brackets alone."""

    def value(node: ast.expr) -> float:
        if isinstance(node, ast.BinOp):
            found: float = SIGNS[type(node.op)](value(node.left), value(node.right))
            return found
        assert isinstance(node, ast.Constant) and isinstance(node.value, int | float), expression
        return float(node.value)

    return value(ast.parse(expression, mode="eval").body)


def test_there_are_twelve_examples_each_with_its_sum() -> None:
    """One case that people have for each; a folder without a sum would prove nothing."""
    assert 12 == len(CASES)
    assert [] == [case for case in CASES if not rows(case) or not MONTHLY.search(readme(case))]


@pytest.mark.parametrize("case", CASES)
def test_the_hand_sum_is_right_in_itself(case: str) -> None:
    """Each row's arithmetic gives its figure, uses the rate that it cites, and the rows add up to the stated total."""
    for row in rows(case):
        assert f"{worked_out(row['sum']):,.4f}" == row["month"], row
        assert row["usd"].rstrip("0").rstrip(".") in [part.rstrip("0").rstrip(".") for part in re.findall(r"[\d.]+", row["sum"])], row
    total = sum(worked_out(row["sum"]) for row in rows(case))
    stated = MONTHLY.search(readme(case))
    assert stated and f"{total:,.2f}" == stated[1]


@pytest.mark.parametrize("case", CASES)
def test_the_cited_rates_are_those_of_the_facts(case: str) -> None:
    """A price that changes changes the example: the sum is worked out anew, by hand."""
    cited = [(row["rate"], float(row["usd"])) for row in rows(case) if "/" in row["rate"]]
    assert cited
    for key, usd in cited:
        found = rates.rate(key, example(case).region)
        assert found and (key, usd) == (key, found.usd)


@pytest.mark.parametrize("case", CASES)
def test_the_bill_is_the_hand_sum_to_the_cent(case: str) -> None:
    """A month, an hour, and the time until it expires."""
    found, stated = example(case).billed(), MONTHLY.search(readme(case))
    assert stated and None not in (found.usd_per_month, found.usd_per_hour)
    assert amount(stated[1]) == round(found.usd_per_month or 0, 2)
    assert amount(stated[2]) == round(found.usd_per_hour or 0, 4)
    until = UNTIL.search(readme(case))
    assert bool(until) == (found.hours_until_expiry is not None)
    if until:
        assert (amount(until[1]), float(until[2])) == (round(found.usd_until_expiry or 0, 2), found.hours_until_expiry)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("form", write_bills.FORMS)
def test_every_form_of_the_bill_is_the_golden_one(case: str, form: str) -> None:
    """`python tools/write_bills.py` writes them; a change of one is read before it is committed."""
    assert (FOLDER / case / form).read_text(encoding="utf-8") == write_bills.written(FOLDER / case)[form]


@pytest.mark.parametrize("case", CASES)
def test_the_text_fits_a_terminal_of_a_hundred_columns(case: str) -> None:
    """Names are cut, notes are wrapped; only the sentence of the totals may be longer."""
    lines = (FOLDER / case / "bill.txt").read_text(encoding="utf-8").splitlines()
    assert [] == [line for line in lines if len(line) > 100 and not line.startswith(("Total: ", "Resources: "))]


@pytest.mark.parametrize("case", CASES)
def test_every_line_that_counts_says_its_rate_source_and_date(case: str) -> None:
    """What makes a price checkable; what a program or a user says itself has a source and no date."""
    for line in example(case).billed().lines:
        if line.bucket in ("priced", "usage-based") and line.rate_id:
            assert line.source and line.as_of and line.confidence and line.unit and line.unit_price_usd is not None, line
        elif line.bucket == "priced":
            assert line.source, line
        assert (line.bucket == "usage-based") <= (line.assumption is not None), line


@pytest.mark.parametrize(("today", "stale"), [(date(2024, 7, 31), False), (date(2024, 8, 1), True)])
def test_the_bill_itself_says_what_is_old_on_the_day_of_the_command(today: date, stale: bool) -> None:
    """The key's price is of 2024-07-01: 30 days later it is fresh, 31 days later it is not."""
    from inferstack.pricing.bill.bill import bill

    base = example("base-only")
    found = bill(base.registrations, region=base.region, hours_until_expiry=None, today=today)
    assert stale == ("stale" in [one.kind for one in found.remarks])


@pytest.mark.parametrize("case", CASES)
def test_the_same_bill_over_another_time_is_that_of_a_bill_made_for_it(case: str) -> None:
    """The stack's outputs round the hours up without pricing twice; a fee paid up front stays whole."""
    from inferstack.pricing.bill.bill import until_expiry

    whole = example(case)
    assert whole.billed(hours=7).usd_until_expiry == pytest.approx(until_expiry(whole.billed(hours=3), 7))


def test_the_branches_add_up_to_the_totals() -> None:
    """What stands at a resource is what its lines add; no line is in two branches or in none."""
    for case in CASES:
        found = example(case).billed()
        assert len(found.lines) == sum(one.lines for one in found.resources)
        assert found.usd_per_month == pytest.approx(sum(one.usd_per_month for one in found.resources))
        assert found.assumed_usd_per_month == pytest.approx(sum(one.assumed_usd_per_month for one in found.resources))
