"""Invariants that every price file inherits."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from inferstack.pricing.bill.lines import hours_of
from inferstack.pricing.rates.rates import EVERYWHERE
from inferstack.records.files.facts import load

FILES = sorted(name for name, content in load("pricing").items() if "records" in content)
ALLOWED = {
    "key",
    "region",
    "zone",
    "unit",
    "usd",
    "low",
    "high",
    "as_of",
    "source",
    "confidence",
    "kind",
    "accelerators",
    "status",
    "ends",
    "note",
}
BILLED_BY_TIME = ("/hour", "/storage", "ec2/on-demand/", "ec2/spot/", "kms/key", "secretsmanager/secret", "/iops", "/throughput")


def records(name: str) -> list[dict[str, Any]]:
    return load("pricing")[name]["records"]


@pytest.mark.parametrize("name", FILES)
def test_every_record_is_dated_sourced_and_graded(name: str) -> None:
    """A price without date, source, confidence and kind is not a fact."""
    for record in records(name):
        assert set(record) <= ALLOWED, record
        assert date.fromisoformat(record["as_of"]) <= date.today(), record
        assert record["source"] in load("pricing")[name]["sources"], record
        assert record["confidence"] in ("verified", "recalled"), record
        assert record["kind"] in ("vendor", "derived", "assumed"), record
        assert record["region"] == EVERYWHERE or re.fullmatch(r"[a-z]{2}-[a-z]+-\d", record["region"]), record
        assert record["usd"] >= 0, record


@pytest.mark.parametrize("name", FILES)
def test_a_price_from_memory_is_never_called_a_vendors(name: str) -> None:
    """`recalled` and `assumed` stand and fall together: an unverified price cannot pose as read."""
    assert [] == [
        record
        for record in records(name)
        if (record["confidence"] == "recalled") != (record["kind"] == "assumed") and name != "owned_hardware"
    ]


@pytest.mark.parametrize("name", FILES)
def test_no_two_records_say_the_same_thing_twice(name: str) -> None:
    """Appending means a new date: one price for each key, region, zone and date."""
    seen = Counter((record["key"], record["region"], record.get("zone"), record["as_of"]) for record in records(name))
    assert [] == [one for one, times in seen.items() if times > 1]


def test_keys_of_different_files_do_not_meet() -> None:
    """One file is the whole history of a key."""
    owners: dict[str, set[str]] = {}
    for name in FILES:
        for record in records(name):
            owners.setdefault(record["key"], set()).add(name)
    assert {} == {key: names for key, names in owners.items() if len(names) > 1}


def test_what_is_billed_by_time_has_a_unit_that_ends_in_a_time() -> None:
    """The bill divides by the hours of the unit; a unit that it cannot read would fail in front of a user."""
    timed = [
        record
        for name in FILES
        for record in records(name)
        if record["key"].endswith(BILLED_BY_TIME) or record["key"].startswith(BILLED_BY_TIME)
    ]
    assert len(timed) > 200
    for record in timed:
        assert hours_of(record["unit"]) in (1, 24, 730), record


def test_every_on_demand_price_says_how_many_accelerators_it_buys() -> None:
    """Without the number a bill could not tell a GPU without price from a small helper instance."""
    assert [] == [record for record in records("ec2_on_demand") if not isinstance(record.get("accelerators"), int)]


def test_an_assumed_price_says_so_in_its_source() -> None:
    """us-west-2 prices that nobody read are marked; the reader sees that they are taken from another region."""
    for record in records("ec2_on_demand"):
        if record["source"] == "same-in-us-west-2":
            assert ("us-west-2", "recalled", "assumed") == (record["region"], record["confidence"], record["kind"])


def test_price_files_name_no_machine_and_no_package_index() -> None:
    """Sources are public places that a reader can open."""
    folder = Path(__file__).parents[2] / "inferstack" / "pricing" / "facts"
    for path in sorted(folder.glob("*.yaml")):
        places = r"(?:^|[\s\"'(])/(?:work|root|farm|home|tmp)/|shared/|py" + r"pi|npm" + "js"
        assert None is re.search(places, path.read_text(encoding="utf-8")), path


TABLES = [(name, table) for name, content in sorted(load("pricing").items()) for table in content.get("tables", ())]


def test_every_table_is_dated_sourced_and_graded() -> None:
    """A table is one reading: what holds for a record holds for all its prices."""
    assert len(TABLES) >= 2
    for name, table in TABLES:
        assert {"key", "unit", "as_of", "source", "confidence", "kind", "usd"} <= set(table) <= {*ALLOWED, "accelerators"}, table["key"]
        assert date.fromisoformat(table["as_of"]) <= date.today()
        assert table["source"] in load("pricing")[name]["sources"]
        assert ("verified", "vendor") == (table["confidence"], table["kind"])
        assert hours_of(table["unit"]) == 1
        for kind, prices in table["usd"].items():
            assert re.fullmatch(r"[a-z0-9-]+\.[a-z0-9-]+", kind) and prices, kind
            for region, usd in prices.items():
                assert re.fullmatch(r"(?!cn-|us-gov)[a-z]{2}-[a-z]+-\d", region) and usd > 0, (kind, region)


def test_a_table_and_the_records_do_not_say_the_same_thing_twice() -> None:
    """One price for each key, region and date, whichever way it is written down."""
    of_records = {(one["key"], one["region"], one["as_of"]) for name in FILES for one in records(name)}
    of_tables = [
        (f"{table['key']}/{kind}", region, table["as_of"])
        for _, table in TABLES
        for kind, prices in table["usd"].items()
        for region in prices
    ]
    assert len(of_tables) == len(set(of_tables)) > 1_400
    assert not of_records & set(of_tables)


def test_every_type_of_the_tables_says_how_many_accelerators_it_bears() -> None:
    """As for the records: a bill must tell a GPU from a small helper instance."""
    from inferstack.pricing.rates import rates

    assert [] == [kind for _, table in TABLES for kind in table["usd"] if rates.accelerators(kind) is None]


def test_no_reserved_price_is_above_on_demand() -> None:
    """A year's commitment costs less an hour, everywhere; a price in the wrong column would not."""
    from inferstack.pricing.rates import rates

    (reserved,) = (table for _, table in TABLES if table["key"] == "ec2/reserved-1y")
    compared = 0
    for kind, prices in reserved["usd"].items():
        for region, usd in prices.items():
            on_demand = rates.on_demand(kind, region)
            if on_demand is not None:
                assert 0.4 * on_demand.usd < usd < on_demand.usd, (kind, region)
                compared += 1
    assert compared > 650
