"""Which inputs decide a price, on a table of three rows: what is set, what is harmless, and what a line becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from inferstack.pricing.bill import deciding
from inferstack.pricing.bill.deciding import held
from inferstack.pricing.bill.registration import UNKNOWN, Registration
from inferstack.records.preview import BillLine

FACTS = {
    "types": {
        "a:a/one:One": {
            "decides": {"size": "it is billed by its size", "blocks.*.kind": "a kind has its price", "deep.er": "it lies deep"},
            "adds": {"extra": "an extra is billed", "region": "another region is billed"},
            "harmless": {"size": ["small", 7], "region": ["@region"], "blocks.*.kind": ["plain"]},
        }
    },
    "same_as": {"a:a/other:Other": "a:a/one:One"},
}


@pytest.fixture(autouse=True)
def facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "load", lambda name: {"inputs": FACTS} if name == "pricing" else {})


LINES = (
    BillLine(resource="r", resource_type="t", component="part", bucket="priced", usd_per_hour=1.0, gpu_bearing=True),
    BillLine(resource="r", resource_type="t", component="rest", bucket="priced", usd_per_hour=2.0),
)


def lines(kind: str = "a:a/one:One", region: str | None = "us-east-1", **inputs: Any) -> list[tuple[str, str, bool, str]]:
    found = held(Registration(type=kind, name="x", urn="u", inputs=inputs), LINES, region=region)
    return [(one.component, one.bucket, one.gpu_bearing, one.note) for one in found]


PLAIN = [("part", "priced", True, ""), ("rest", "priced", False, "")]


def decided(path: str, why: str) -> list[tuple[str, str, bool, str]]:
    note = f"{path} affects its price ({why}), but no rule of the bill reads it"
    return [("part", "unpriced", True, note), ("rest", "unpriced", False, note)]


SIZED = decided("size", "it is billed by its size")
KIND = decided("blocks.*.kind", "a kind has its price")
DEEP = decided("deep.er", "it lies deep")


@pytest.mark.parametrize("kind", ["a:a/one:One", "a:a/other:Other"])
@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({}, PLAIN),
        ({"size": "large"}, SIZED),
        ({"size": UNKNOWN}, SIZED),
        ({"size": "small"}, PLAIN),
        ({"size": "SMALL"}, PLAIN),
        ({"size": False}, PLAIN),
        ({"size": True}, SIZED),
        ({"size": None}, PLAIN),
        ({"size": ""}, PLAIN),
        ({"size": []}, PLAIN),
        ({"size": {}}, PLAIN),
        ({"size": 0}, PLAIN),
        ({"size": "0"}, PLAIN),
        ({"size": "false"}, PLAIN),
        ({"size": ()}, PLAIN),
        ({"size": 7}, PLAIN),
        ({"size": 1}, SIZED),
        ({"size": -1}, SIZED),
        ({"blocks": [{"kind": "plain"}]}, PLAIN),
        ({"blocks": [{"kind": "plain"}, {"kind": "rare"}]}, KIND),
        ({"blocks": ({"kind": "rare"},)}, KIND),
        ({"blocks": [{"other": "rare"}]}, PLAIN),
        ({"blocks": {"kind": "rare"}}, PLAIN),
        ({"blocks": UNKNOWN}, KIND),
        ({"blocks": [UNKNOWN]}, KIND),
        ({"deep": {"er": 1}}, DEEP),
        ({"deep": UNKNOWN}, DEEP),
        ({"deep": "er"}, PLAIN),
        ({"other": "large"}, PLAIN),
    ],
)
def test_a_set_input_that_decides_leaves_no_line_a_price(kind: str, inputs: dict[str, Any], expected: list[Any]) -> None:
    """Each line is unpriced and says which input it is; what is left out, empty or harmless decides nothing; the unknown decides."""
    assert expected == lines(kind, **inputs)


def test_a_charge_that_comes_on_top_is_a_line_of_its_own() -> None:
    """The others keep their price."""
    note = "extra affects its price (an extra is billed), but no rule of the bill reads it"
    assert [*PLAIN, ("extra", "unpriced", False, note)] == lines(extra=True)


def test_both_are_told_where_both_are_set() -> None:
    """The first input that decides is named on every line, the charge on top stands after them."""
    found = lines(size="large", deep={"er": 1}, extra=True)
    assert SIZED == found[:2]
    assert ["extra"] == [one[0] for one in found[2:]]


@pytest.mark.parametrize(
    ("given", "own", "added"), [("us-east-1", "us-east-1", False), ("us-west-2", "us-east-1", True), ("x", None, True)]
)
def test_the_region_of_the_bill_is_harmless(given: str, own: str | None, added: bool) -> None:
    """Another one is not, nor any where the bill has none."""
    found = held(Registration(type="a:a/one:One", name="x", urn="u", inputs={"region": given}), LINES, region=own)
    assert added is ("region" in [one.component for one in found])


def test_a_type_that_the_table_does_not_name_keeps_its_lines() -> None:
    """Whatever is set."""
    assert PLAIN == lines("a:a/third:Third", size="large")


def test_the_table_holds_types_that_are_the_same_as_others() -> None:
    """Under their own names."""
    assert {"a:a/one:One": FACTS["types"]["a:a/one:One"], "a:a/other:Other": FACTS["types"]["a:a/one:One"]} == deciding.table()
