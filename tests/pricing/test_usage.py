"""usage.yaml: what it sets counts in the total, a mistake in it is one line, and what is not set is shown and not counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferstack.pricing.bill import usage
from inferstack.pricing.bill.bill import bill
from inferstack.pricing.rates import rates
from inferstack.records.errors import InputError
from tests.pricing.cluster import REGION, registration

NAT = "aws:ec2/natGateway:NatGateway"


def read(folder: Path, text: str) -> usage.Usage:
    path = folder / "usage.yaml"
    path.write_text(text, encoding="utf-8")
    return usage.read(path)


def test_a_default_is_shown_and_is_in_no_total(tmp_path: Path) -> None:
    """100 GB through a NAT gateway are $4.50 a month that nobody said; 300 GB that the user said are $13.50 of the total."""
    nat = registration(NAT, "nat")
    plain = bill([nat], region=REGION, hours_until_expiry=None)
    said = bill([nat], region=REGION, hours_until_expiry=None, usage=read(tmp_path, f'usage: {{"{NAT}": {{data_gb: 300}}}}'))
    assert (pytest.approx(0.045 * 730), pytest.approx(4.5)) == (plain.usd_per_month, plain.assumed_usd_per_month)
    assert (pytest.approx(0.045 * 730 + 13.5), 0) == (said.usd_per_month, said.assumed_usd_per_month)
    line = next(line for line in said.lines if line.bucket == "usage-based")
    assert line.assumption and ("data_gb", 300.0, "usage.yaml:1", "") == (
        line.assumption.key,
        line.assumption.value,
        line.assumption.set_by,
        line.assumption.basis,
    )


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [(NAT, True), (f"{NAT}::nat", True), (f"{NAT}::n*", True), ("*::nat", True), ("aws:ec2/*", True), (f"{NAT}::other", False)],
)
def test_a_pattern_is_a_type_or_a_type_and_a_name(tmp_path: Path, pattern: str, fits: bool) -> None:
    """* and ? stand for any text; without :: the name does not matter."""
    taken = read(tmp_path, f'usage: {{"{pattern}": {{data_gb: 7}}}}').of(registration(NAT, "nat"), "data_gb")
    assert taken and (7.0 if fits else 100.0) == taken.value


def test_of_several_entries_that_fit_the_last_holds(tmp_path: Path) -> None:
    """As in .gitignore: the general first, the exception after it."""
    found = read(tmp_path, f'usage:\n  "*::n*": {{data_gb: 1}}\n  "{NAT}": {{data_gb: 2}}\n  "*::other": {{data_gb: 3}}\n')
    taken = found.of(registration(NAT, "nat"), "data_gb")
    assert taken and (2.0, "usage.yaml:3") == (taken.value, taken.set_by)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("use: {}", "usage.yaml:1: use: is not a field of this file; allowed: schema_version, usage"),
        ("schema_version: 2", "usage.yaml:1: schema_version: 2 is not a version of this file; allowed: 1"),
        ("usage: [1]", "usage.yaml:1: usage: must be a mapping of resources"),
        (f'usage:\n  "{NAT}": 5', f"usage.yaml:2: usage.{NAT}: must be a mapping; allowed: data_gb"),
        (f'usage:\n  "{NAT}":\n    data_tb: 5', f"usage.yaml:3: usage.{NAT}.data_tb: has no usage-based charge; allowed: data_gb"),
        (f'usage:\n  "{NAT}":\n    data_gb: -5', "data_gb: -5 is not allowed; must be a number of GB a month through it, 0 or more"),
        (f'usage:\n  "{NAT}":\n    data_gb: much', "data_gb: 'much' is not allowed; must be a number of GB"),
        (f'usage:\n  "{NAT}":\n    data_gb: true', "data_gb: True is not allowed; must be a number of GB"),
        (f'usage:\n  "{NAT}":\n    data_gb: .inf', "data_gb: inf is not allowed; must be a number of GB"),
        (
            'usage:\n  "aws:ec2/natGateway:NatGatway": {data_gb: 1}',
            f"no type with a usage-based charge has this name; did you mean {NAT}?",
        ),
        (f'usage:\n  "{NAT}": {{data_gb: 1}}\n  "{NAT}": {{data_gb: 2}}', "is given twice"),
        ('usage:\n  "aws:ec2/capacityBlock*": {instance_type: 8}', "instance_type: 8 is not allowed; must be an instance type"),
    ],
)
def test_a_mistake_is_one_line_with_file_line_field_and_what_is_allowed(tmp_path: Path, text: str, said: str) -> None:
    """Never a traceback, never a silent default."""
    with pytest.raises(InputError) as error:
        read(tmp_path, text)
    assert said in error.value.message and "\n" not in error.value.message


@pytest.mark.parametrize(
    ("unit", "value", "quantity"),
    [("GB", 5, 5), ("GB-month", 5, 5), ("1k-requests", 5000, 5), ("10k-calls", 5000, 0.5), ("1M-requests", 2e6, 2), ("LCU-hour", 2, 1460)],
)
def test_a_value_becomes_a_quantity_of_its_rate(unit: str, value: float, quantity: float) -> None:
    """Requests are written as requests, capacity units as their mean."""
    assert quantity == pytest.approx(usage.per_month(unit, value))


def test_every_default_says_what_it_is_taken_from() -> None:
    """A number without a basis would be a guess; only what the program or the offering knows has none."""
    for kind, keys in usage.table().items():
        for key, one in keys.items():
            assert {"unit", "default", "basis"} <= set(one) and one["basis"] and one["unit"], (kind, key)
            assert one["default"] is None or one["default"] >= 0, (kind, key)


def test_every_rate_of_a_pricer_is_a_fact_or_a_listed_gap() -> None:
    """us-east-1: each key that the examples are billed at exists; a spelling mistake would show as unpriced."""
    from tests.pricing.examples import CASES, example

    unknown = [line for case in CASES for line in example(case).billed().lines if line.bucket == "unpriced"]
    assert [] == unknown
    assert None is not rates.rate("ebs/standard/io", REGION)
