"""The user's own readings: appended, dated, newest first in line, and never a rehearsal's."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferstack.pricing.rates import own_prices, rates
from inferstack.records.errors import InputError

EMPTY: dict[str, Any] = {"format": own_prices.FORMAT, "rehearsal": False, "sources": {}, "records": []}
KEY = "ec2/on-demand/g6.xlarge"


def reading(usd: float = 1.0, *, day: str = "2026-11-27", key: str = KEY, region: str = "eu-central-1", **more: Any) -> dict[str, Any]:
    told = {"key": key, "region": region, "unit": "instance-hour", "usd": usd, "as_of": day, "confidence": "verified", "kind": "vendor"}
    return {**told, **more}


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INFERSTACK_DIR", str(tmp_path))
    return tmp_path


def stored(*readings: dict[str, Any], region: str = "eu-central-1") -> Path:
    path = own_prices.path_of(region)
    path.parent.mkdir(parents=True, exist_ok=True)
    content, _ = own_prices.appended(own_prices.read(path), readings, source=("list", "the list"))
    path.write_text(own_prices.text_of(content), encoding="utf-8")
    return path


def usd(key: str = KEY, region: str = "eu-central-1") -> float | None:
    found = rates.rate(key, region)
    return found.usd if found else None


def test_a_newer_reading_counts_before_the_facts_and_an_older_one_does_not() -> None:
    """The date decides, not the file."""
    known = rates.rate(KEY, "eu-central-1")
    assert known is not None
    stored(reading(9.0, day=str(known.as_of - timedelta(days=1))))
    assert known.usd == usd()
    stored(reading(2.0, day=str(known.as_of + timedelta(days=1))))
    assert 2.0 == usd()


def test_a_reading_of_one_region_says_nothing_of_another() -> None:
    """Prices of eu-central-1 do not reach eu-west-2."""
    before = usd(region="eu-west-2")
    stored(reading(2.0))
    assert before == usd(region="eu-west-2")


def test_a_region_that_the_facts_do_not_know_is_known_once_it_was_read() -> None:
    """New regions need no release."""
    assert "mx-central-1" not in rates.regions()
    stored(reading(region="mx-central-1", key="ec2/on-demand/g9x.large", accelerators=4), region="mx-central-1")
    assert "mx-central-1" in rates.regions()
    assert (1.0, 4) == (usd("ec2/on-demand/g9x.large", "mx-central-1"), rates.accelerators("g9x.large"))
    assert "ec2/on-demand/g9x.large" in rates.known_keys()


def test_the_last_reading_of_a_day_counts_and_the_first_is_kept() -> None:
    """A spot price moves within a day."""
    path = stored(reading(1.0, zone="euc1-az1"), reading(3.0, zone="euc1-az1"), reading(0.5, zone="euc1-az2"))
    assert [1.0, 3.0, 0.5] == [one["usd"] for one in own_prices.read(path)["records"]]
    assert 3.0 == usd()


READINGS = st.lists(
    st.builds(
        lambda key, price, day, zone: reading(price, key=key, day=str(date(2026, 1, 1) + timedelta(days=day)), zone=zone),
        st.sampled_from(["a/x", "a/y"]),
        st.sampled_from([0.5, 1.0, 2.0]),
        st.integers(0, 3),
        st.sampled_from([None, "euc1-az1"]),
    ),
    max_size=12,
)


@given(READINGS, READINGS)
def test_appending_changes_nothing_that_stands_and_twice_is_once(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> None:
    """The old records are the beginning of the new ones; the same state read again adds nothing."""
    before, _ = own_prices.appended(EMPTY, first, source=("one", "first"))
    after, new = own_prices.appended(before, second, source=("two", "second"))
    assert before["records"] == after["records"][: len(before["records"])]
    assert new == len(after["records"]) - len(before["records"])
    last = list({(one["key"], one["zone"], one["as_of"]): one for one in after["records"]}.values())
    assert 0 == own_prices.appended(after, last, source=("three", "third"))[1]


@given(READINGS)
def test_the_file_says_what_was_written(readings: list[dict[str, Any]]) -> None:
    """One record a line, and JSON all the same."""
    content, _ = own_prices.appended(EMPTY, readings, source=("one", "first"))
    assert content == json.loads(own_prices.text_of(content))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"format": "inferst', "not a price file"),
        ("[]", "not a price file"),
        ('{"format": "other/9", "sources": {}, "records": []}', "format is 'other/9', allowed is 'inferstack-prices/1'"),
        ('{"format": "inferstack-prices/1", "sources": {}, "records": [{"key": "a"}]}', "a record has no region, unit, usd"),
        ('{"format": "inferstack-prices/1", "sources": {}}', "'records' is missing"),
    ],
)
def test_a_damaged_file_is_one_line_that_names_it(text: str, said: str, work: Path) -> None:
    """The facts stand without it, and it is never written over."""
    path = own_prices.path_of("eu-central-1")
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        usd()
    assert said in caught.value.message and str(path) in caught.value.message and "\n" not in caught.value.message


@pytest.mark.parametrize(("name", "value"), [("usd", "dear"), ("as_of", "yesterday"), ("source", "nowhere")])
def test_a_record_that_cannot_be_read_is_named(name: str, value: str) -> None:
    """The key stands in the line."""
    path = stored(reading())
    content = json.loads(path.read_text(encoding="utf-8"))
    content["records"][0][name] = value
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=r"g6\.xlarge"):
        usd()


def test_a_changed_file_is_seen_by_the_same_process() -> None:
    """What was read once is not remembered beyond a change."""
    stored(reading(2.0))
    assert 2.0 == usd()
    stored(reading(3.0, day="2026-11-28"))
    assert 3.0 == usd()
