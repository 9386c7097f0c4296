"""No filter of EC2 is ignored: what the embedded AWS does not apply it refuses, so that no stack sees what is another's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parents[3]
IMAGE = "ami-0d1a24040d1a24040"


def used() -> list[str]:
    """Every describe call of EC2 with filters that the project's own sources name."""
    model = boto3.client("ec2", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b").meta.service_model
    filtered = {xform_name(name): name for name in model.operation_names if "Filters" in (model.operation_model(name).input_shape.members)}
    texts = [path.read_text() for folder in ("infra", "inferstack/sandbox/provider", "stacks") for path in (ROOT / folder).rglob("*.py")]
    named = {name for text in texts for name in re.findall(r"\bdescribe_[a-z_]+", text)}
    named |= {f"describe_{plural}" for text in texts for plural in re.findall(r'by_filter\([^"]*"([a-z_]+)"', text)}
    return sorted(filtered[name] for name in named & filtered.keys() if name.startswith("describe_"))


@pytest.fixture(scope="module")
def ec2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The embedded AWS behind its front, with one of everything that the project describes."""
    from inferstack.sandbox.aws.embedded_aws import EmbeddedAws

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("INFERSTACK_HOSTS", "none")
        made = EmbeddedAws(tmp_path_factory.mktemp("sandbox"))
    with made.served():
        once = Config(retries={"total_max_attempts": 1})
        keys = {"aws_access_key_id": made.access_key, "aws_secret_access_key": "rehearsal"}
        client = boto3.client("ec2", region_name="us-east-1", endpoint_url=made.info.endpoint_url, config=once, **keys)
        populate(client)
        yield client


def tagged(kind: str, stack: str = "x") -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": "inferstack:stack", "Value": stack}]}]


def populate(ec2: Any) -> None:
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24", AvailabilityZone="us-east-1a", TagSpecifications=tagged("subnet"))[
        "Subnet"
    ]["SubnetId"]
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"]
    ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, TagSpecifications=tagged("natgateway"))
    ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))
    ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table"))
    ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc, TagSpecifications=tagged("security-group"))
    ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", TagSpecifications=tagged("vpc-endpoint"))
    template = {"LaunchTemplateName": "nodes", "LaunchTemplateData": {"InstanceType": "g6.xlarge"}}
    ec2.create_launch_template(**template, TagSpecifications=tagged("launch-template"))
    launch = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "SubnetId": subnet, "InstanceType": "g6.xlarge"}
    ec2.run_instances(**launch, TagSpecifications=tagged("instance"))
    ec2.create_volume(Size=1, AvailabilityZone="us-east-1a", TagSpecifications=tagged("volume"))
    ec2.create_network_interface(SubnetId=subnet, TagSpecifications=tagged("network-interface"))


def answered(ec2: Any, operation: str, *filters: dict[str, Any]) -> int:
    """How many things the call answers; it is refused with a ClientError."""
    needed = {"LaunchTemplateName": "nodes"} if operation == "DescribeLaunchTemplateVersions" else {}
    answer = getattr(ec2, xform_name(operation))(**needed, **({"Filters": list(filters)} if filters else {}))
    return sum(len(value) for value in answer.values() if isinstance(value, list))


@pytest.mark.parametrize("operation", used())
def test_a_filter_that_does_not_exist_is_refused(ec2: Any, operation: str) -> None:
    """Whether moto refuses it or we do: it is never answered as if it were not there."""
    assert answered(ec2, operation) > 0, "with nothing there an ignored filter would not show"
    with pytest.raises(ClientError):
        answered(ec2, operation, {"Name": "no-such-filter", "Values": ["x"]})


TAGGED = [
    "DescribeAddresses",
    "DescribeInstances",
    "DescribeInternetGateways",
    "DescribeLaunchTemplates",
    "DescribeNatGateways",
    "DescribeNetworkInterfaces",
    "DescribeRouteTables",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVolumes",
    "DescribeVpcEndpoints",
    "DescribeVpcs",
]


@pytest.mark.parametrize("operation", TAGGED)
@pytest.mark.parametrize(("stack", "found"), [("x", True), ("another", False)])
def test_a_stack_sees_its_own_by_tag_and_nobody_elses(ec2: Any, operation: str, stack: str, found: bool) -> None:
    """Two rehearsals beside each other: the gateway of one is not the other's."""
    assert (answered(ec2, operation, {"Name": "tag:inferstack:stack", "Values": [stack]}) > 0) is found


@pytest.mark.parametrize("operation", ["DescribeInstanceStatus", "DescribeRegions", "DescribeDhcpOptions", "DescribeFlowLogs"])
def test_a_call_whose_filters_nobody_looked_at_takes_none(ec2: Any, operation: str) -> None:
    """A new use of a call begins with a look at what moto does with its filters."""
    with pytest.raises(ClientError, match="does not implement it"):
        answered(ec2, operation, {"Name": "vpc-id", "Values": ["x"]})


def test_tags_of_a_launch_template_change_in_what_aws_is_asked_for(ec2: Any) -> None:
    """After CreateTags and DeleteTags a refresh must see what was written, or a stack drifts for ever."""
    id = ec2.describe_launch_templates(LaunchTemplateNames=["nodes"])["LaunchTemplates"][0]["LaunchTemplateId"]
    ec2.create_tags(Resources=[id], Tags=[{"Key": "inferstack:expires-at", "Value": "later"}])
    ec2.create_tags(Resources=[id], Tags=[{"Key": "gone", "Value": "soon"}])
    ec2.delete_tags(Resources=[id], Tags=[{"Key": "gone"}])
    tags = ec2.describe_launch_templates(LaunchTemplateIds=[id])["LaunchTemplates"][0]["Tags"]
    assert {"inferstack:stack": "x", "inferstack:expires-at": "later"} == {tag["Key"]: tag["Value"] for tag in tags}
