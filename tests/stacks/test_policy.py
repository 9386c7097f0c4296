"""The policies of the pack, called as the engine calls them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi_policy import EnforcementLevel, PolicyResource, PolicyResourceOptions, StackValidationArgs, proxy
from pulumi_policy.policy import PolicyCustomTimeouts

from inferstack.pricing.bill import usage
from inferstack.pricing.bill.bill import UNKNOWN, Registration, bill
from stacks.policy.cost import POLICIES, registration
from tests.pricing.cluster import REGION, cluster, group, template
from tests.pricing.test_bill_properties import swapped

NAT = "aws:ec2/natGateway:NatGateway"
SAYS, LIMITS = POLICIES
TOTAL = bill(cluster(), region=REGION, hours_until_expiry=None).usd_per_hour
assert TOTAL


@pytest.fixture(autouse=True)
def nothing_configured() -> Iterator[None]:
    """Besides the region."""
    before = dict(pulumi.runtime.config.CONFIG.get())
    configured()
    yield
    pulumi.runtime.set_all_config(before)


def configured(**settings: Any) -> None:
    ours = {f"inferstack:{name}": str(value) for name, value in settings.items()}
    pulumi.runtime.set_all_config({"aws:region": REGION, **ours})


def told(policy: Any, program: Iterable[Registration] = cluster()) -> list[str]:
    found: list[str] = []
    policy.validate(StackValidationArgs(resources(program)), lambda message, urn=None: found.append(message))
    return found


def resources(program: Iterable[Registration]) -> list[PolicyResource]:
    """As pulumi-policy hands them over: numbers as floats, mappings that raise where a value is unknown, dependencies as resources."""
    options = PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])
    made = {one.urn: PolicyResource(one.type, _wire(one.inputs), one.urn, one.name, options, None, None, [], {}) for one in program}
    for one in program:
        made[one.urn].property_dependencies = {name: [made[urn] for urn in urns if urn in made] for name, urns in one.refs.items()}
    return list(made.values())


def _wire(inputs: Any) -> Any:
    return proxy.unknown_checking_proxy(_floats(dict(inputs)))


def _floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _floats(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_floats(inner) for inner in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def test_one_line_says_the_total_of_the_bill() -> None:
    """Advisory: it never stops anything; unknown ids do not keep it from being said."""
    (line,) = told(SAYS)
    assert line.startswith(f"${TOTAL:,.4f}/h, ${TOTAL * 730:,.2f}/month")
    assert ("prices of 20" in line, "\n" in line) == (True, False)
    assert (EnforcementLevel.ADVISORY, EnforcementLevel.MANDATORY) == (SAYS.enforcement_level, LIMITS.enforcement_level)


def test_the_line_says_what_it_costs_until_the_end() -> None:
    """Where the configuration has an end."""
    configured(expiresAt=(datetime.now(UTC) + timedelta(hours=4)).isoformat())
    assert "until it expires in 4.0 h" in told(SAYS)[0]


def test_the_total_holds_what_the_usage_file_says(tmp_path: Path) -> None:
    """As the program's outputs do: one file for both."""
    (tmp_path / "usage.yaml").write_text(f"usage:\n  '{NAT}':\n    {next(iter(usage.keys(NAT)))}: 100000\n")
    configured(usage=tmp_path / "usage.yaml", maxUsdPerHour=TOTAL)
    assert not told(SAYS)[0].startswith(f"${TOTAL:,.4f}/h")
    assert "over max_usd_per_hour" in told(LIMITS)[0]


def test_without_a_limit_nothing_is_refused() -> None:
    """However dear."""
    assert [] == told(LIMITS, swapped(group(maxSize=1000)))


@pytest.mark.parametrize(("limit", "refused"), [(TOTAL - 0.001, True), (TOTAL, False), (TOTAL + 0.001, False)])
def test_over_the_limit_is_refused_and_at_it_is_not(limit: float, refused: bool) -> None:
    """One line with both figures, the dearer one not rounded onto the limit."""
    configured(maxUsdPerHour=limit)
    found = told(LIMITS)
    assert refused == bool(found)
    assert not found or "an hour is over max_usd_per_hour" in found[0]


@pytest.mark.parametrize(("factor", "refused"), [(3.9, True), (4.1, False)])
def test_the_time_until_the_end_has_a_limit_of_its_own(factor: float, refused: bool) -> None:
    """Four hours at the total."""
    configured(maxUsd=factor * TOTAL, expiresAt=(datetime.now(UTC) + timedelta(hours=4)).isoformat())
    assert refused == ("over max_usd" in " ".join(told(LIMITS)))


def test_a_gpu_without_a_price_is_refused_without_any_limit() -> None:
    """No total is no permission."""
    program = swapped(template(instanceType="p9.48xlarge"))
    assert ["no total: aws:autoscaling/group:Group::nodes may have a GPU"] == [line.split(" and ")[0] for line in told(LIMITS, program)]
    assert told(SAYS, program)[0].startswith("no total")


def test_an_unknown_number_of_nodes_is_no_zero() -> None:
    """Each kind of unknown value has a sign of its own; a group of unknown size has no price."""
    program = swapped(group(maxSize=proxy.UNKNOWN_NUMBER_VALUE))
    assert "known only after up" in told(LIMITS, program)[0]


def test_a_resource_reads_as_the_program_registered_it() -> None:
    """One code path: what a policy gets becomes the same registration, whichever sign its unknown values have."""
    group_again = next(registration(one) for one in resources(cluster()) if one.name == "nodes")
    assert next(one for one in cluster() if one.name == "nodes") == group_again
    unknown = {"maxSize": proxy.UNKNOWN_NUMBER_VALUE, "list": [{"a": proxy.UNKNOWN_ARRAY_VALUE}]}
    (one,) = resources([Registration("aws:x", "x", "urn:x", unknown)])
    assert {"maxSize": UNKNOWN, "list": [{"a": UNKNOWN}]} == registration(one).inputs
