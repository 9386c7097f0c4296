"""The provider under the real Pulumi engine: nothing changes by itself, drift shows and is mended, mistakes and deaths end in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws_sdk
import pytest
from provider_engine import Stack
from provider_program import CANARY, everything

from inferstack.sandbox.provider.properties import schema
from inferstack.sandbox.provider.resources.table import TYPES

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("cli")]


def network(cidr: str = "10.0.0.0/16", **more: Any) -> Callable[[], None]:
    def program() -> None:
        vpc = aws_sdk.ec2.Vpc("net", cidr_block=cidr, tags={"inferstack:key": "net"}, **more)
        subnet = aws_sdk.ec2.Subnet("a", vpc_id=vpc.id, cidr_block=cidr.replace("/16", "/24"), tags={"inferstack:key": "a"})
        pulumi.export("vpc", vpc.id)
        pulumi.export("subnet", subnet.id)

    return program


def test_everything_is_made_once_and_nothing_changes_by_itself(sandbox: Path, image: str) -> None:
    """Every type: up, up again, refresh, up again; then no output that the SDK promises is missing, no secret is in the clear, and
    destroy leaves nothing."""
    stack = Stack(sandbox, default_tags={"inferstack:stack": "t"})

    def program() -> None:
        everything(image)

    assert stack.preview(program) == stack.up(program)
    assert {"same"} == stack.up(program).keys()
    assert {"same"} == stack.refresh().keys()
    assert {"same"} == stack.up(program).keys()
    made = [each for each in stack.resources() if each["type"] in TYPES]
    assert set(TYPES) == {each["type"] for each in made}
    missing = [f"{each['type']} {name}" for each in made for name in sorted(promised(each["type"]) - each["outputs"].keys())]
    assert "" == ", ".join(missing)
    assert CANARY not in stack.state_text()
    assert {"delete"} == stack.destroy().keys()
    assert [] == stack.resources()


def promised(token: str) -> set[str]:
    """What a preview calls unknown, an update must answer: outputs that are no arguments, and arguments that AWS fills in."""
    row = schema.loaded()["resources"][token]
    return {name for name in row["outputs"] if name not in row["inputs"] or name in TYPES[token].filled}


def test_a_tag_edited_and_a_subnet_deleted_by_hand_show_and_are_mended(sandbox: Path, aws: Any) -> None:
    """A plain preview sees nothing; with refresh it sees both, and up with refresh mends both."""
    stack = Stack(sandbox)
    stack.up(network())
    vpc, subnet = stack.outputs()["vpc"], stack.outputs()["subnet"]
    aws("ec2").create_tags(Resources=[vpc], Tags=[{"Key": "inferstack:key", "Value": "edited"}])
    aws("ec2").delete_subnet(SubnetId=subnet)
    assert {"same"} == stack.preview(network()).keys()
    assert {"update": 1, "create": 1, "same": 1} == stack.preview(network(), refresh=True)
    stack.up(network(), refresh=True)
    assert [{"Key": "inferstack:key", "Value": "net"}] == aws("ec2").describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Tags"]
    assert subnet != stack.outputs()["subnet"]
    assert {"same"} == stack.preview(network(), refresh=True).keys()


def test_a_new_range_replaces_the_vpc_and_what_stands_in_it(sandbox: Path, aws: Any) -> None:
    """The subnet follows although its own new VPC is not known in the preview; the old ones are gone afterwards."""
    stack = Stack(sandbox)
    stack.up(network())
    old = stack.outputs()["vpc"]
    foreseen = stack.preview(network("10.6.0.0/16"))
    assert 2 == foreseen["replace"]
    assert 2 == stack.up(network("10.6.0.0/16"))["replace"]
    assert old not in [each["VpcId"] for each in aws("ec2").describe_vpcs()["Vpcs"]]


def test_an_existing_resource_can_be_imported(sandbox: Path, aws: Any) -> None:
    """With the matching program there is nothing to change afterwards."""
    vpc = aws("ec2").create_vpc(CidrBlock="10.4.0.0/16")["Vpc"]["VpcId"]

    def program(known: str | None = None) -> None:
        aws_sdk.ec2.Vpc("net", cidr_block="10.4.0.0/16", opts=pulumi.ResourceOptions(import_=known))

    stack = Stack(sandbox)
    assert 1 == stack.up(lambda: program(vpc))["import"]
    assert {"same"} == stack.up(program).keys()


@pytest.mark.parametrize(
    ("mistaken", "said"),
    [
        (lambda: aws_sdk.sqs.Queue("queue"), "the rehearsal has no aws:sqs/queue:Queue; it has aws:autoscaling/group:Group, "),
        (lambda: aws_sdk.ec2.LaunchTemplate("node", monitoring={"enabledd": True}), "monitoring has no argument enabledd; it has enabled"),
    ],
)
def test_a_mistake_of_a_program_is_told_in_the_preview(sandbox: Path, mistaken: Callable[[], object], said: str) -> None:
    """Unknown type, unknown argument: one line, no traceback, nothing made."""
    stack = Stack(sandbox)

    def program() -> None:
        mistaken()

    text = "\n".join(stack.refused(stack.preview, program))
    assert said in text
    assert "Traceback" not in text


def test_a_stack_of_another_account_is_refused_in_preview_and_up(sandbox: Path) -> None:
    """Nothing is made; the line names both accounts."""
    other = Stack(sandbox, "other", account="111122223333")
    line = "this stack is bound to account 111122223333; the rehearsal serves 000000000000 only"
    assert any(line in each for each in other.refused(other.preview, network()))
    assert any(line in each for each in other.refused(other.up, network()))
    assert [] == [each for each in other.resources() if each["type"] in TYPES]


def test_state_of_another_account_cannot_be_destroyed_here(sandbox: Path) -> None:
    """The state names its account in its provider; destroy never calls CheckConfig, and is refused all the same."""
    stack = Stack(sandbox)
    stack.up(network())
    stack.imported(re.sub("000000000000", "111122223333", stack.exported()))
    refused = stack.refused(stack.destroy)
    assert any("this stack is bound to account 111122223333; the rehearsal serves 000000000000 only" in each for each in refused)


def test_after_a_killed_provider_the_next_up_converges(sandbox: Path, aws: Any) -> None:
    """The run fails, what was finished is recorded, and the rest is made by the next one."""
    (sandbox / "faults.json").write_text(json.dumps([{"name": "ProviderKilled", "resource": "Subnet"}]))
    stack = Stack(sandbox)
    assert [] != stack.refused(stack.up, network("10.3.0.0/16"))
    assert 1 == stack.up(network("10.3.0.0/16"))["create"]
    assert 1 == len(aws("ec2").describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.3.0.0/16"]}])["Vpcs"])


def test_a_refusal_of_aws_is_one_line_and_up_goes_on_from_there(sandbox: Path) -> None:
    """The code and the words of AWS; the VPC is kept, the subnet is made when its range is right."""

    def program(cidr: str) -> None:
        vpc = aws_sdk.ec2.Vpc("net", cidr_block="10.2.0.0/16")
        aws_sdk.ec2.Subnet("a", vpc_id=vpc.id, cidr_block=cidr)

    stack = Stack(sandbox)
    lines = stack.refused(stack.up, lambda: program("10.9.0.0/24"))
    assert [each for each in lines if each.startswith("InvalidSubnet.Range: ")]
    assert {"create": 1, "same": 2} == stack.up(lambda: program("10.2.0.0/24"))
