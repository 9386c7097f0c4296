"""inferstack.report.page: one HTML file of the records, well formed, closed to the outside, the same for the same records."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html import escape

import html5lib
import pytest

from inferstack.report.contents import Contents
from inferstack.report.page import page
from tests.report import made

WHOLE = page(made.whole())


@pytest.mark.parametrize("contents", [made.whole(), made.bare()], ids=["whole", "bare"])
def test_the_page_is_html_without_a_parse_error(contents: Contents) -> None:
    """By the strict parser: a tag left open or an attribute given twice raises."""
    found = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page(contents))
    names = [one.get("id") for one in found.iter() if one.get("id")]
    assert len(names) == len(set(names))


def test_nothing_is_loaded_from_anywhere() -> None:
    """No address stands where a browser would fetch it; links go to the page's own sections."""
    assert [] == re.findall(r'(?:src|action|poster|data)="[^"]+"', WHOLE)
    assert [] == re.findall(r"@import|url\(", WHOLE)
    sections = set(re.findall(r'<section id="([^"]+)"', WHOLE))
    links = re.findall(r'href="([^"]+)"', WHOLE)
    assert links and {link.removeprefix("#") for link in links} <= sections


def test_the_policy_names_the_one_script_of_the_page() -> None:
    script = re.search(r"<script>(.*?)</script>", WHOLE, re.S)
    assert script
    digest = base64.b64encode(hashlib.sha256(script.group(1).encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in WHOLE


def test_the_same_records_give_the_same_bytes_below_three_megabytes() -> None:
    assert WHOLE == page(made.whole())
    assert len(WHOLE.encode()) < 3e6


def test_names_that_look_like_markup_are_text() -> None:
    """A model's id comes from outside."""
    plan = made.plan()
    evil = plan.model_copy(update={"model": plan.model.model_copy(update={"id": '<img src=x onerror="alert(1)">'})})
    text = page(replace(made.bare(), plan=evil))
    assert "<img" not in text
    assert "&lt;img src=x" in text


def test_every_record_has_its_section_and_an_absent_one_has_none() -> None:
    def sections(text: str) -> set[str]:
        return set(re.findall(r'<section id="([^"]+)"', text))

    assert sections(WHOLE) - sections(page(made.bare())) == {"latency", "measured", "receipt", "bought", "break-even", "totals"}
    assert sections(page(made.bare())) - sections(WHOLE) == {"options"}
    assert "No preview was made of this plan" in page(made.bare())
    assert "rehearsal: nothing was built on AWS" in WHOLE
    assert "rehearsal: nothing" not in page(made.bare())


def test_every_line_of_the_bill_that_is_charged_stands_in_the_table() -> None:
    bill = made.whole().bill
    assert bill is not None
    table = WHOLE[WHOLE.index('id="bill"') : WHOLE.index("</table>", WHOLE.index('id="bill"'))]
    assert table.count("<tr") - 1 == sum(1 for line in bill.lines if line.bucket != "free")
    assert f"${bill.usd_per_hour:,.4f} an hour" in WHOLE


def test_a_refused_total_is_said_and_no_sum_is_shown() -> None:
    bill = made.whole().bill
    assert bill is not None
    refused = bill.model_copy(
        update={"usd_per_hour": None, "usd_per_month": None, "usd_until_expiry": None, "refused": "no total: a GPU has no price"}
    )
    text = page(replace(made.whole(), bill=refused))
    assert "no total: a GPU has no price" in text
    assert "a month of 730 hours" not in text


def test_what_is_left_is_named() -> None:
    receipt = made.whole().receipt
    assert receipt is not None and receipt.deleted
    left = receipt.model_copy(update={"left": receipt.deleted[:1]})
    assert f"LEFT: {receipt.deleted[0].type} {receipt.deleted[0].id}" in page(replace(made.whole(), receipt=left))


def test_an_api_that_is_no_longer_sold_is_folded_away_from_those_that_are() -> None:
    """It never stands among what can be bought."""
    found = made.whole().comparison
    assert found is not None
    gone = [one for one in found.hosted if not one.current]
    assert gone
    sold = WHOLE[WHOLE.index('id="hosted"') : WHOLE.index("</table>", WHOLE.index('id="hosted"'))]
    assert sold.count("<tr") - 1 == len(found.hosted) - len(gone)
    assert f"{len(gone)} that are no longer sold" in WHOLE


def test_the_chosen_way_to_buy_stands_first_and_every_other_one_has_its_reason() -> None:
    found = made.whole().comparison
    assert found is not None
    table = WHOLE[WHOLE.index('id="bought-table"') : WHOLE.index("</table>", WHOLE.index('id="bought-table"'))]
    chosen = next(one for one in found.options if one.chosen)
    assert f'<tr class="chosen"><td>{chosen.option}' in table
    assert all(escape(one.reason) in table for one in found.options)


def test_the_first_screen_says_what_the_same_tokens_cost_by_api() -> None:
    """Whoever reads the decision alone reads both sides of it; without a comparison there is one side."""
    contents = made.whole()
    assert contents.comparison
    first = WHOLE.split("<h2>")[1]
    assert escape(contents.comparison.decision) in first
    assert contents.comparison.decision not in page(made.bare())
