"""The state of a stack read as a bill, and the engine's order of replacements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inferstack.pricing.bill.bill import bill
from inferstack.pricing.bill.usage import Usage, keys, read
from inferstack.records.preview import Change
from stacks import cost_of_change

URN = "urn:pulumi:x::inferstack::inferstack:infra:Nat$"
NAT = "aws:ec2/natGateway:NatGateway"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
GROUP = "aws:autoscaling/group:Group"


def held(kind: str, name: str, inputs: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"type": kind, "urn": f"{URN}{kind}::{name}", "inputs": inputs or {}, **more}


DISK = {"deviceName": "a", "ebs": {"volumeType": "gp3", "volumeSize": 100}}
FROM_TEMPLATE = {"launchTemplate": [f"{URN}{TEMPLATE}::template"], "tags": None}
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}
OURS = [{"key": "inferstack:stack", "value": "x"}]
STATE = {
    "resources": [
        held("pulumi:pulumi:Stack", "inferstack-x"),
        held("pulumi:providers:aws", "default"),
        held(TEMPLATE, "template", {"instanceType": "g6.xlarge", "blockDeviceMappings": [DISK]}),
        held(
            GROUP, "group", {"minSize": 0, "maxSize": 2, "launchTemplate": {"id": "lt-1"}, "tags": OURS}, propertyDependencies=FROM_TEMPLATE
        ),
        held(NAT, "nat", {"connectivityType": "public"}),
        held(NAT, "nat", {"connectivityType": "public"}, delete=True),
        held("aws:ec2/vpc:Vpc", "read", external=True),
        held("aws:secretsmanager/secretVersion:SecretVersion", "key", {"secretString": SECRET}),
    ]
}


def test_the_state_is_billed_by_the_same_code_as_the_program() -> None:
    """The group finds its launch template by the state's own dependencies; what waits for its deletion is still paid for."""
    found = cost_of_change.registrations(STATE)
    told = bill(found, region="us-east-1", hours_until_expiry=None)
    instances = next(line for line in told.lines if line.resource == f"{GROUP}::group")
    assert ("g6.xlarge instances", 2) == (instances.component, instances.quantity)
    assert 2 == len({one.urn for one in found if one.type == NAT}) + 1 == len([one for one in found if one.type == NAT])
    assert [TEMPLATE, GROUP, NAT, NAT, "aws:secretsmanager/secretVersion:SecretVersion"] == [one.type for one in found]


def test_no_secret_of_the_state_reaches_a_registration() -> None:
    """Not even encrypted."""
    assert {"secretString": "[secret]"} == cost_of_change.registrations(STATE)[-1].inputs


@pytest.mark.parametrize(
    ("ops", "twice"),
    [
        (("create-replacement", "replace", "delete-replaced"), (f"{NAT}::nat",)),
        (("delete-replaced", "replace", "create-replacement"), ()),
        (("update",), ()),
        (("delete",), ()),
    ],
)
def test_only_what_is_made_before_it_is_deleted_exists_twice(ops: tuple[str, ...], twice: tuple[str, ...]) -> None:
    """The engine's events stand in the order in which it will work."""
    assert twice == cost_of_change.replaced(Change(op=op, urn=f"{URN}{NAT}::nat", type=NAT, name="nat") for op in ops)


def test_a_stack_of_which_nothing_exists_has_no_difference() -> None:
    """Everything would be a `+`: the bill says that already."""
    empty = bill((), region="us-east-1", hours_until_expiry=None)
    assert cost_of_change.differs({"resources": STATE["resources"][:2]}, (), empty, stack="x", usage=Usage()) is None
    assert cost_of_change.differs({}, (), empty, stack="x", usage=Usage()) is None


def test_both_sides_are_used_as_the_usage_file_says(tmp_path: Path) -> None:
    """Bytes through a gateway that stands are no change of an update that leaves it alone."""
    path = tmp_path / "usage.yaml"
    path.write_text(f"usage:\n  '{NAT}':\n    {next(iter(keys(NAT)))}: 500\n")
    held_once = {"resources": [held(NAT, "nat", {"connectivityType": "public"})]}
    new = bill(cost_of_change.registrations(held_once), region="us-east-1", hours_until_expiry=4, usage=read(path))
    unsaid = bill(cost_of_change.registrations(held_once), region="us-east-1", hours_until_expiry=4)
    assert new.usd_per_hour != unsaid.usd_per_hour
    found = cost_of_change.differs(held_once, (), new, stack="x", usage=read(path))
    assert found and (0, ()) == (found.change_usd_per_hour, found.changes)
