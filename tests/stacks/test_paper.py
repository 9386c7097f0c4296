"""The program on paper notes what Pulumi's own SDK registers, so a plan has the same bill without Pulumi."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

import pulumi_aws
import pytest
import recording as recorded
from test_program import across_nodes

from inferstack.pricing.bill.registration import Registration
from inferstack.records.errors import InputError
from inferstack.records.preview import Bill
from inferstack.records.settings import StackConfig
from stacks import paper, program

CASES: dict[str, dict[str, Any]] = {
    "nat": {},
    "no-way-out": {"egress": "none"},
    "adopted-network": {"vpc_id": "vpc-0abc", "subnet_ids": ["subnet-01", "subnet-02"]},
    "own-tags": {"tags": {"cost_center": "a_b", "team": "inference"}},
    "one-zone": {"zones": ["us-east-1c"]},
    "boundary": {"permissions_boundary": "other-boundary", "begins_at": recorded.NOW},
}


@pytest.fixture
def plans(tmp_path: Path) -> Mapping[str, str]:
    """The plan of the tests, and one whose replicas span nodes."""
    return {"one-node": str(recorded.DATA / "plan.json"), "two-nodes": across_nodes(tmp_path, "p5.48xlarge")}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("size", ["one-node", "two-nodes"])
def test_paper_notes_what_pulumi_registers(case: str, size: str, plans: Mapping[str, str]) -> None:
    """Every resource in its order, with its inputs and where each was taken from, and the bill of them, to the last line."""
    config = recorded.cluster_config(plan=plans[size], **CASES[case])
    by_pulumi = recorded.run(config)
    bill, noted = on_paper(config)
    assert [compared(one) for one in by_pulumi.registrations] == [compared(one) for one in noted]
    assert by_pulumi.bills[-1] == bill


def test_a_mistake_of_the_user_is_the_programs_own(tmp_path: Path) -> None:
    """The same class and words as with Pulumi."""
    with pytest.raises(InputError, match="the plan is for us-east-1, but the stack is in us-west-2"):
        on_paper(recorded.cluster_config(region="us-west-2"))
    usage = tmp_path / "usage.yaml"
    usage.write_text("usage: 7\n")
    with pytest.raises(InputError, match=r"usage\.yaml"):
        on_paper(recorded.cluster_config(usage=str(usage)))


def test_which_types_carry_no_tags_is_what_the_provider_says() -> None:
    """Each type that a cluster has is looked up in `pulumi_aws`."""
    types = {one.type for one in recorded.run(recorded.cluster_config()).registrations}
    found = {one for one in types if "tags" not in inspect.signature(provider_class(one)._internal_init).parameters}
    assert found == types & paper.WITHOUT_TAGS
    assert paper.WITHOUT_TAGS <= types


def test_paper_needs_no_pulumi() -> None:
    """A fresh Python in which Pulumi cannot be imported prices the plan of the tests, and keeps no copy of the program."""
    code = f"""
import sys
sys.modules.update(dict.fromkeys(["pulumi", "pulumi_aws", "grpc", "google.protobuf", "boto3", "botocore"]))
from datetime import UTC, datetime, timedelta
from pathlib import Path
from inferstack.records.plan import Plan
from stacks import offline
plan = Plan.read(Path({str(recorded.DATA / "plan.json")!r}))
bill = offline.bill_of_plan(plan, lifetime=timedelta(hours=4), now=datetime(2026, 11, 23, tzinfo=UTC))
assert "stacks.program" not in sys.modules and "infra.components.cluster" not in sys.modules
print(bill.usd_per_hour)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    assert float(done.stdout) > 0


def on_paper(config: StackConfig) -> tuple[Bill, tuple[Registration, ...]]:
    found: list[tuple[Bill, tuple[Registration, ...]]] = []
    paper.run(
        config,
        base_outputs=recorded.BASE_OUTPUTS,
        root=program.ROOT,
        now=recorded.NOW,
        on_bill=lambda bill, noted: found.append((bill, noted)),
    )
    return found[-1]


def compared(one: Registration) -> dict[str, Any]:
    """Mocks make urns of their own, which name one parent alone; where an input was taken from has no order."""
    refs = {name: sorted({resource(urn) for urn in urns}) for name, urns in one.refs.items()}
    return {"resource": resource(one.urn), "type": one.type, "name": one.name, "inputs": one.inputs, "refs": refs}


def resource(urn: str) -> str:
    """Type and name; a base stack's organization is not known to mocks."""
    types, name = urn.split("::")[-2:]
    return f"{types.rpartition('$')[2]}::{name.rpartition('/')[2]}"


def provider_class(type_token: str) -> Any:
    """`aws:ec2/natGateway:NatGateway` is `pulumi_aws.ec2.NatGateway`."""
    _, place, name = type_token.split(":")
    return attrgetter(f"{place.split('/')[0]}.{name}")(pulumi_aws)
