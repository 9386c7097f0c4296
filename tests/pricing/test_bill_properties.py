"""What holds of every bill, whatever a program registers; and what a change of input must do to it."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inferstack.pricing.bill import caveats
from inferstack.pricing.bill.bill import BUCKETS, UNKNOWN, Registration, bill, pricers
from tests.pricing.cluster import REGION, TOKENS, cluster, endpoint, group, template

NAMES = """instanceType desiredCapacity maxSize volumeSize size type iops subnetIds period storageCapacity tags deploymentType
commitment instanceCount logDestinationType protocol architectures rules replicas metricQueries budgetName publicIpv4Pool
availabilityZone availabilityZones subnetMappings availabilityMode metadataConfiguration tenancy placement monitoring storageTier
mixedInstancesPolicy blockDeviceMappings loadBalancerType vpcEndpointType networkInterfaces weightedCapacity""".split()  # noqa: SIM905
WORDS = ["gp3", "io2", "g6.xlarge", "x", "7", "nan", "1e999"]
SCALARS = st.one_of(st.none(), st.booleans(), st.just(UNKNOWN), st.integers(-5, 10_000), st.floats(), st.sampled_from(WORDS))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "ebs"]), inner, max_size=3)
)
KINDS = st.sampled_from([*TOKENS, *pricers(), "aws:new/thing:Thing", "random:index/randomId:RandomId"])


@st.composite
def programs(draw: st.DrawFn) -> list[Registration]:
    kinds = draw(st.lists(KINDS, max_size=6))
    urns = [f"urn:{number}" for number in range(len(kinds))]
    refs = st.dictionaries(
        st.sampled_from(["launchTemplate", "subnetIds", "capacityReservationSpecification", "volumeId", "budgetName"]),
        st.lists(st.sampled_from(urns or ["none"]), max_size=2).map(tuple),
    )
    inputs = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)
    return [Registration(type=kind, name=urn, urn=urn, inputs=draw(inputs), refs=draw(refs)) for kind, urn in zip(kinds, urns, strict=True)]


@settings(max_examples=150, deadline=None)
@given(programs(), st.sampled_from([REGION, "eu-west-1"]))
def test_every_resource_ends_in_exactly_one_bucket(program: list[Registration], region: str) -> None:
    """No input, however wrong, makes a resource vanish from the bill or stand in it twice; none raises."""
    found = bill(program, region=region, hours_until_expiry=1)
    assert len(program) == sum(found.resources_by_bucket.values())
    assert set(BUCKETS) == set(found.resources_by_bucket)
    assert {f"{one.type}::{one.name}" for one in program} == {line.resource for line in found.lines}


@settings(max_examples=150, deadline=None)
@given(programs())
def test_the_total_is_the_sum_of_its_lines_or_refused(program: list[Registration]) -> None:
    """A total exists exactly where no line that may have a GPU lacks a price and some line has one, and it is the sum of its lines."""
    found = bill(program, region=REGION, hours_until_expiry=2)
    unpriced = [line for line in found.lines if line.bucket == "unpriced"]
    nothing = not any(line.bucket in ("priced", "usage-based") for line in found.lines)
    missing = [line for line in unpriced if line.gpu_bearing] or (unpriced if nothing else [])
    assert bool(missing) == (found.usd_per_hour is None) == (found.refused is not None)
    if found.usd_per_hour is not None:
        assert found.usd_per_hour == pytest.approx(math.fsum(line.usd_per_hour or 0 for line in found.lines if line.bucket == "priced"))
        assert found.usd_per_hour >= 0
    assert len(missing) == sum(len(one.lines) for one in caveats.caveats(found, today=date(2026, 11, 23)) if one.kind == "refused")


def disk(size: int, iops: int, throughput: int) -> Registration:
    ebs = {"volumeSize": size, "volumeType": "gp3", "iops": iops, "throughput": throughput}
    return template(blockDeviceMappings=[{"deviceName": "/dev/sda1", "ebs": ebs}])


QUANTITIES: list[tuple[str, Registration]] = [
    ("count", group(maxSize=3)),
    ("desired count", group(desiredCapacity=1)),
    ("instance type", template(instanceType="g6.48xlarge")),
    ("market", template(instanceMarketOptions={"marketType": "spot"}, instanceType="g6.xlarge")),
    ("volume size", disk(501, 4000, 500)),
    ("iops", disk(500, 4001, 500)),
    ("throughput", disk(500, 4000, 501)),
    ("zones", endpoint(subnetIds=["a", "b", "c"])),
    ("endpoint kind", endpoint(vpcEndpointType="Gateway")),
    ("public address", template(networkInterfaces=[{"associatePublicIpAddress": "true"}])),
]


@pytest.mark.parametrize(("what", "changed"), QUANTITIES, ids=[name for name, _ in QUANTITIES])
def test_changing_a_quantity_changes_the_bill(what: str, changed: Registration) -> None:
    """A bill that ignores an input that costs money is wrong."""
    assert total(cluster()) != total(swapped(changed))


@pytest.mark.parametrize("name", [one.name for one in cluster()])
def test_changing_a_tag_changes_nothing(name: str) -> None:
    """Tags are free, on every resource; that of the stack stays on its group, which `up` raises."""
    tagged = tuple(
        replace(
            one, inputs={**one.inputs, "tags": [*one.inputs.get("tags", ()), {"key": "team"}] if name == "nodes" else {"team": "other"}}
        )
        if one.name == name
        else one
        for one in cluster()
    )
    assert bill(cluster(), region=REGION, hours_until_expiry=4) == bill(tagged, region=REGION, hours_until_expiry=4)


@pytest.mark.parametrize("name", [one.name for one in cluster() if one.type.startswith("aws:") and one.name != "nodes-template"])
def test_removing_a_resource_that_costs_removes_its_cost(name: str) -> None:
    """Each priced resource is in the total exactly once."""
    before = bill(cluster(), region=REGION, hours_until_expiry=4)
    own = math.fsum(line.usd_per_hour or 0 for line in before.lines if line.resource.endswith(f"::{name}"))
    assert before.usd_per_hour == pytest.approx(own + total(one for one in cluster() if one.name != name))


def test_twice_the_hours_cost_twice_until_expiry() -> None:
    """Hours are a quantity too."""
    four, eight = (bill(cluster(), region=REGION, hours_until_expiry=hours).usd_until_expiry for hours in (4, 8))
    assert eight == pytest.approx(2 * (four or 0))


def total(program: Any) -> float:
    found = bill(program, region=REGION, hours_until_expiry=4)
    assert found.usd_per_hour is not None, found.refused
    return found.usd_per_hour


def swapped(changed: Registration) -> tuple[Registration, ...]:
    return tuple(changed if one.name == changed.name else one for one in cluster())
