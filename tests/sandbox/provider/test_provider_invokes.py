"""The aws.get_* functions, answered by the embedded AWS or by themselves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from provider_driver import Driver

from inferstack.sandbox.provider.properties.wire import Secret

POLICY = "aws:iam/getPolicyDocument:getPolicyDocument"


def test_the_account_is_the_rehearsals(provider: Driver) -> None:
    """Account ids in ARNs come from here."""
    answer, _ = provider.invoke("aws:index/getCallerIdentity:getCallerIdentity")
    assert ("000000000000", "000000000000") == (answer["accountId"], answer["id"])


def test_zones_are_of_the_configured_region_or_the_one_asked_for(provider: Driver) -> None:
    """Names and ids in one order, without the excluded ones."""
    provider.configure(region="eu-west-1")
    here, _ = provider.invoke("aws:index/getAvailabilityZones:getAvailabilityZones", state="available", excludeNames=["eu-west-1b"])
    there, _ = provider.invoke("aws:index/getAvailabilityZones:getAvailabilityZones", region="us-west-2")
    assert "eu-west-1a" == here["names"][0]
    assert "eu-west-1b" not in here["names"]
    assert len(here["names"]) == len(here["zoneIds"])
    assert "us-west-2a" == there["names"][0]


def test_a_region_has_a_name_that_people_know(provider: Driver) -> None:
    """From botocore's own list; a region that is not in it is a mistake."""
    answer, _ = provider.invoke("aws:index/getRegion:getRegion")
    assert ("us-east-1", "US East (N. Virginia)") == (answer["region"], answer["description"])
    _, failures = provider.invoke("aws:index/getRegion:getRegion", name="us-east-9")
    assert [("name", "AWS has no region us-east-9")] == failures


def test_the_partition_is_aws(provider: Driver) -> None:
    """Pure."""
    answer, _ = provider.invoke("aws:index/getPartition:getPartition")
    assert ("aws", "amazonaws.com") == (answer["partition"], answer["dnsSuffix"])


def test_an_image_is_found_by_name_and_several_need_a_rule(provider: Driver, aws: Any, image: str) -> None:
    """As with the real provider: more than one result is a mistake unless the newest is meant."""
    name = aws("ec2").describe_images(ImageIds=[image])["Images"][0]["Name"]
    answer, failures = provider.invoke("aws:ec2/getAmi:getAmi", filters=[{"name": "name", "values": [name]}], mostRecent=True)
    assert ([], image, image) == (failures, answer["id"], answer["imageId"])
    _, none = provider.invoke("aws:ec2/getAmi:getAmi", filters=[{"name": "name", "values": ["nothing-*"]}])
    assert [("filters", "the query finds no image in the rehearsal")] == none


def test_a_network_that_exists_is_read(provider: Driver) -> None:
    """What adopting a network asks."""
    vpc = provider.create("aws:ec2/vpc:Vpc", cidrBlock="10.7.0.0/16", enableDnsHostnames=True, tags={"Name": "mine"})
    subnet = provider.create("aws:ec2/subnet:Subnet", vpcId=vpc.id, cidrBlock="10.7.1.0/24", availabilityZone="us-east-1b")
    by_id, _ = provider.invoke("aws:ec2/getVpc:getVpc", id=vpc.id)
    by_tag, _ = provider.invoke("aws:ec2/getVpc:getVpc", tags={"Name": "mine"})
    one, _ = provider.invoke("aws:ec2/getSubnet:getSubnet", id=subnet.id)
    many, _ = provider.invoke("aws:ec2/getSubnets:getSubnets", filters=[{"name": "vpc-id", "values": [vpc.id]}])
    assert (vpc.id, "10.7.0.0/16", True) == (by_tag["id"], by_id["cidrBlock"], by_id["enableDnsHostnames"])
    assert ("us-east-1b", vpc.id, [subnet.id]) == (one["availabilityZone"], one["vpcId"], many["ids"])
    _, failures = provider.invoke("aws:ec2/getVpc:getVpc", tags={"Name": "nobody"})
    assert [("filters", "the query finds 0 of VPC; it must find exactly one")] == failures


def test_a_parameter_is_read_as_a_secret(provider: Driver, aws: Any) -> None:
    """Its value never stands in the clear beside the secret one when it is a SecureString."""
    aws("ssm").put_parameter(Name="/canary", Value="c4n4ry", Type="SecureString")
    answer, _ = provider.invoke("aws:ssm/getParameter:getParameter", name="/canary")
    assert (Secret("c4n4ry"), False) == (answer["value"], "insecureValue" in answer)
    assert [("name", "there is no parameter /absent")] == provider.invoke("aws:ssm/getParameter:getParameter", name="/absent")[1]


def test_an_unknown_function_is_refused_by_name(provider: Driver) -> None:
    """Never an empty answer."""
    _, failures = provider.invoke("aws:rds/getInstance:getInstance")
    assert failures[0][1].startswith("the rehearsal has no aws:rds/getInstance:getInstance; it has aws:ec2/getAmi:getAmi, ")


def test_a_policy_document_is_written_as_the_real_provider_writes_it(provider: Driver) -> None:
    """One value stays a text, several a list; an override takes the place of its Sid."""
    principals = [{"type": "Service", "identifiers": ["ec2.amazonaws.com"]}]
    conditions = [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["true"]}]
    statement = {"sid": "read", "actions": ["s3:GetObject"], "resources": ["a", "b"], "principals": principals, "conditions": conditions}
    override = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "late", "Effect": "Deny", "Action": "*", "Resource": "*"}]})
    answer, _ = provider.invoke(POLICY, statements=[statement, {"sid": "late", "actions": ["x:Y"]}], overridePolicyDocuments=[override])
    allowed = {"Action": "s3:GetObject", "Resource": ["b", "a"], "Condition": {"Bool": {"aws:SecureTransport": "true"}}}
    read = {"Sid": "read", "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, **allowed}
    expected = {"Version": "2012-10-17", "Statement": [read, json.loads(override)["Statement"][0]]}
    assert expected == json.loads(answer["json"])
    assert json.loads(answer["json"]) == json.loads(answer["minifiedJson"])


@pytest.mark.parametrize("text", ["not json", "[]"])
def test_a_source_document_that_is_none_is_the_users_mistake(provider: Driver, text: str) -> None:
    """A failure under the argument's name, no traceback."""
    _, failures = provider.invoke(POLICY, sourcePolicyDocuments=[text])
    assert "sourcePolicyDocuments" == failures[0][0]


def test_the_same_document_has_the_same_id(provider: Driver) -> None:
    """An id that changed with the process would be a difference for ever."""
    ids = {provider.invoke(POLICY, statements=[{"actions": ["s3:GetObject"]}])[0]["id"] for _ in range(2)}
    assert {"3730640141"} == ids
