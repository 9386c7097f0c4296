"""Any quantity of any resource moves the bill; a tag, a name or a description does not. Over the programs of `examples/bills`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from inferstack.pricing.bill import deciding, usage
from inferstack.pricing.bill.bill import pricers
from inferstack.pricing.bill.registration import Registration
from inferstack.pricing.services.instances import GROUP
from tests.pricing.examples import CASES, Example, example, figures
from tests.pricing.quantities import NEUTRAL, QUANTITIES, READ_AND_NEUTRAL, SAME_AS, set_at

MERGED = ("aws:ec2/instance:Instance", "aws:ebs/volume:Volume")
"""Their pricers copy all inputs at once, so a spy sees every name; their table is written from the code."""
CHANGES = [(kind, path, value) for kind, paths in QUANTITIES.items() for path, values in paths.items() for value in values]
USED = [(kind, key) for kind, keys in usage.table().items() if kind not in SAME_AS for key in keys]


def of_type(kind: str) -> Iterator[tuple[Example, Registration]]:
    for case in CASES:
        whole = example(case)
        yield from ((whole, one) for one in whole.registrations if one.type == kind)


def test_every_priced_type_is_in_the_table() -> None:
    """A pricer that is new says which inputs carry its quantity, or is the same as one that does."""
    assert sorted(pricers()) == sorted([*QUANTITIES, *SAME_AS])
    assert [] == [kind for kind, other in SAME_AS.items() if pricers()[kind] is not pricers()[other]]


@pytest.mark.parametrize("kind", QUANTITIES)
def test_every_priced_type_is_in_an_example_and_removing_it_changes_the_bill(kind: str) -> None:
    """What is priced is there exactly once: without it the bill is another."""
    found = list(of_type(kind))
    assert found
    if kind == "aws:ec2/launchTemplate:LaunchTemplate":
        return  # without it the group refuses the total, which its own test shows
    changed = [
        figures(whole.billed()) != figures(replace(whole, registrations=tuple(r for r in whole.registrations if r is not one)).billed())
        for whole, one in found
    ]
    assert all(changed)


@pytest.mark.parametrize(("kind", "path", "value"), CHANGES)
def test_another_quantity_is_another_bill(kind: str, path: str, value: Any) -> None:
    """At least one example has the input where the value makes a difference; none raises."""
    bills = [
        (figures(whole.billed()), figures(whole.changed(one, inputs=inputs).billed()))
        for whole, one in of_type(kind)
        for inputs in set_at(one.inputs, path, value)
    ]
    assert any(before != after for before, after in bills), f"{len(bills)} changes of {path} in the examples change nothing"


@pytest.mark.parametrize("kind", sorted({kind for kind, paths in QUANTITIES.items() if kind not in MERGED}))
def test_no_input_is_read_that_the_table_does_not_name(kind: str) -> None:
    """A pricer that begins to read an input has it in the table, so that a change of it is seen to count."""
    known = {path.split(".")[0] for path in (*QUANTITIES[kind], *unread(kind))} | {"region", "tags", *READ_AND_NEUTRAL.get(kind, ())}
    read: set[str] = set()
    for whole, one in of_type(kind):
        spied = Spy(one.inputs, read)
        whole.changed(one, inputs=spied).billed()
    assert set() == read - known


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NEUTRAL)
def test_a_tag_a_name_or_a_description_changes_nothing(case: str, name: str) -> None:
    """The whole bill is the same, not its total alone."""
    whole = example(case)
    before = whole.billed()
    changed = replace(
        whole,
        registrations=tuple(
            one  # whose group it is decides whether `up` raises it
            if one.type == GROUP and name == "tags"
            else replace(one, inputs={**one.inputs, name: {"any": "thing"} if "tags" in name else "other"})
            for one in whole.registrations
        ),
    )
    assert before == changed.billed()


@pytest.mark.parametrize("case", CASES)
def test_one_zone_less_is_cheaper(case: str) -> None:
    """Where zones are counted by reference: endpoints and balancers."""
    whole = example(case)
    kinds = ("aws:ec2/vpcEndpoint:VpcEndpoint", "aws:lb/loadBalancer:LoadBalancer")
    for one in whole.registrations:
        zones = one.refs.get("subnetIds") or one.refs.get("subnets") or ()
        name = "subnetIds" if "subnetIds" in one.refs else "subnets"
        if one.type in kinds and len(zones) > 1 and not isinstance(one.inputs.get(name), list):
            fewer = whole.changed(one, refs={**one.refs, name: zones[1:]}).billed().usd_per_hour
            assert (fewer or 0) < (whole.billed().usd_per_hour or 0)


@pytest.mark.parametrize("case", CASES)
def test_more_hours_until_expiry_cost_more(case: str) -> None:
    """Twice the hours, twice the cost, less what is paid once."""
    four, eight = (example(case).billed(hours=hours) for hours in (4.0, 8.0))
    assert eight.usd_until_expiry == pytest.approx(2 * (four.usd_until_expiry or 0) - four.usd_once)
    assert (four.usd_until_expiry or 0) < (eight.usd_until_expiry or 0)


@pytest.mark.parametrize(("kind", "key"), USED)
def test_every_use_that_can_be_set_moves_the_bill(kind: str, key: str) -> None:
    """A key of usage.yaml that changes nothing would be a promise without a meaning."""
    value: float | str = "p5en.48xlarge" if usage.keys(kind)[key].get("text") else 1234.5
    entry = usage.UsageEntry(kind, key, value, "usage.yaml:1")
    bills = [(whole.billed(), whole.billed(used=usage.Usage((*whole.used.entries, entry)))) for whole, _ in of_type(kind)]
    assert any(figures(before) != figures(after) for before, after in bills)


def unread(kind: str) -> list[str]:
    """Paths of the inputs that are looked at only to say that no rule reads them."""
    known = deciding.table().get(kind, {})
    return [*known.get("decides", {}), *known.get("adds", {})]


class Spy(Mapping[str, Any]):
    """Inputs that note the names that are asked for."""

    def __init__(self, inputs: Mapping[str, Any], read: set[str]) -> None:
        self._inputs, self._read = inputs, read

    def __getitem__(self, name: str) -> Any:
        self._read.add(name)
        return self._inputs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._inputs)

    def __len__(self) -> int:
        return len(self._inputs)

    def __contains__(self, name: object) -> bool:
        self._read.add(str(name))
        return name in self._inputs
