"""Check refuses what the rehearsal does not know or AWS does not take, in the preview, and fills in what the real provider fills in."""

from __future__ import annotations

from typing import Any

import pytest
from provider_driver import Driver

from inferstack.sandbox.provider.properties.wire import UNKNOWN, Secret

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
GROUP = "aws:autoscaling/group:Group"
ROLE = "aws:iam/role:Role"
BUCKET = "aws:s3/bucket:Bucket"
TRUST = '{"Version":"2012-10-17","Statement":[]}'


def one(failures: list[tuple[str, str]]) -> tuple[str, str]:
    assert 1 == len(failures), failures
    return failures[0]


def test_an_unknown_type_is_refused_by_name(provider: Driver) -> None:
    """The preview says what there is not, and what there is."""
    path, reason = one(provider.check("aws:rds/instance:Instance")[1])
    assert "" == path
    assert reason.startswith("the rehearsal has no aws:rds/instance:Instance; it has aws:autoscaling/group:Group, ")


def test_an_argument_that_the_sdk_does_not_have_is_refused_with_the_allowed_names(provider: Driver) -> None:
    """A typo at the top level."""
    path, reason = one(provider.check(VPC, cidrBlock="10.0.0.0/16", enableDnsHostname=True)[1])
    assert "enableDnsHostname" == path
    assert "enableDnsHostnames" in reason


def test_a_nested_typo_is_refused_with_its_path(provider: Driver) -> None:
    """Python's own typing does not see these."""
    blocks = [{"deviceName": "/dev/sda1", "ebs": {"volumesize": 500}}]
    path, reason = one(provider.check(TEMPLATE, blockDeviceMappings=blocks)[1])
    assert "blockDeviceMappings[0].ebs.volumesize" == path
    assert "volumeSize" in reason


def test_a_real_argument_that_is_not_served_is_refused_and_not_ignored(provider: Driver) -> None:
    """The real provider has it, the rehearsal does not: silence would be a lie."""
    path, reason = one(provider.check(VPC, cidrBlock="10.0.0.0/16", ipv6CidrBlock="2001:db8::/56")[1])
    assert "ipv6CidrBlock" == path
    assert reason.startswith("the rehearsal does not serve ipv6CidrBlock of aws:ec2/vpc:Vpc; it serves ")


def test_a_nested_argument_that_the_call_has_not_is_refused(provider: Driver) -> None:
    """What passes the SDK's names but has no place in AWS's request is refused, never dropped."""
    path, reason = one(provider.check(TEMPLATE, networkInterfaces=[{"deviceIndex": 0, "ipv4Addresses": ["10.0.0.4"]}])[1])
    assert "networkInterfaces[0].ipv4Addresses" == path
    assert "does not know" in reason


@pytest.mark.parametrize(
    ("token", "news", "path", "said"),
    [
        (SUBNET, {"cidrBlock": "10.0.0.0/24"}, "vpcId", "vpcId is required"),
        (VPC, {}, "cidrBlock", "cidrBlock is required"),
        (VPC, {"cidrBlock": "10.0.0.0/16", "instanceTenancy": "defualt"}, "instanceTenancy", "default"),
        (TEMPLATE, {"instanceType": "p5.xlarge"}, "instanceType", "p5.4xlarge"),
        (TEMPLATE, {"blockDeviceMappings": [{"ebs": {"volumeType": "gp4"}}]}, "blockDeviceMappings[0].ebs.volumeType", "gp3"),
        (TEMPLATE, {"metadataOptions": {"httpTokens": "yes"}}, "metadataOptions.httpTokens", "required"),
        (TEMPLATE, {"networkInterfaces": [{"deviceIndex": 0}], "vpcSecurityGroupIds": ["sg-1"]}, "vpcSecurityGroupIds", "securityGroups"),
        (TEMPLATE, {"monitoring": True}, "monitoring", "must be a block of enabled"),
        (VPC, {"cidrBlock": "10.0.0.0/16", "enableDnsSupport": "perhaps"}, "enableDnsSupport", "true or false"),
        (GROUP, {"minSize": 0, "maxSize": 2}, "launchTemplate", "needs launchTemplate"),
        (GROUP, {"minSize": 3, "maxSize": 2, "launchTemplate": {"id": "lt-1"}}, "minSize", "above maxSize"),
        (GROUP, {"minSize": 0, "maxSize": 2, "desiredCapacity": 5, "launchTemplate": {"id": "lt-1"}}, "desiredCapacity", "outside"),
        (GROUP, {"minSize": "none", "maxSize": 2, "launchTemplate": {"id": "lt-1"}}, "minSize", "whole number"),
        (ROLE, {"assumeRolePolicy": TRUST, "name": "n" * 65}, "name", "AWS allows 64"),
        ("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 10}, "retentionInDays", "is not one of"),
        ("aws:kms/key:Key", {"deletionWindowInDays": 3}, "deletionWindowInDays", "7 to 30"),
        ("aws:kms/alias:Alias", {"name": "mine", "targetKeyId": "k"}, "name", "alias/"),
        ("aws:secretsmanager/secret:Secret", {"recoveryWindowInDays": 3}, "recoveryWindowInDays", "neither 0 nor 7 to 30"),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", {"vpcId": "v", "serviceName": "s", "subnetIds": ["a"]}, "subnetIds", "of type Gateway has no"),
        ("aws:budgets/budget:Budget", {"budgetType": "COSTS", "timeUnit": "MONTHLY"}, "budgetType", "COST"),
        ("aws:budgets/budget:Budget", {"budgetType": "COST", "timeUnit": "MONTHLY", "accountId": "1"}, "accountId", "000000000000 only"),
    ],
)  # fmt: skip
def test_what_aws_would_refuse_is_refused_in_the_preview(provider: Driver, token: str, news: dict[str, Any], path: str, said: str) -> None:
    """Required members, enums, ranges and exclusions, each under its property path."""
    found, reason = one(provider.check(token, **news)[1])
    assert path == found
    assert said in reason


@pytest.mark.parametrize("expression", ["at(tomorrow)", "at(2030-01-01)", "rate(0 hours)", "rate(5)", "cron(* * *)", ""])
def test_a_schedule_that_never_fires_is_refused(provider: Driver, expression: str) -> None:
    """A reaper with such an expression would be no reaper."""
    target = {"arn": "arn:aws:scheduler:::aws-sdk:ec2:deleteNatGateway", "roleArn": "arn:aws:iam::000000000000:role/r"}
    news = {"scheduleExpression": expression, "flexibleTimeWindow": {"mode": "OFF"}, "target": target}
    path, _ = one(provider.check("aws:scheduler/schedule:Schedule", **news)[1])
    assert "scheduleExpression" == path


def test_several_mistakes_are_all_told_at_once(provider: Driver) -> None:
    """One run, every mistake."""
    _, failures = provider.check(SUBNET, cidr="10.0.0.0/24", mapPublicIpOnLaunch="yes")
    assert {"vpcId", "cidr", "mapPublicIpOnLaunch"} == {path for path, _ in failures}


def test_what_is_not_known_yet_passes(provider: Driver) -> None:
    """Ids of resources that do not exist yet stand for anything, blocks and lists too."""
    news = {"minSize": 0, "maxSize": 2, "launchTemplate": UNKNOWN, "vpcZoneIdentifiers": [UNKNOWN], "tags": UNKNOWN}
    inputs, failures = provider.check(GROUP, **news)
    assert [] == failures
    assert UNKNOWN == inputs["launchTemplate"]


def test_values_become_of_their_type(provider: Driver) -> None:
    """As with the real provider: latest_version is a number, and a launch template's version a text."""
    inputs, failures = provider.check(GROUP, minSize="0", maxSize=2.0, launchTemplate={"id": "lt-1", "version": 3}, forceDelete="true")
    assert [] == failures
    assert (0, 2, "3", True) == (inputs["minSize"], inputs["maxSize"], inputs["launchTemplate"]["version"], inputs["forceDelete"])


def test_a_name_left_out_is_the_logical_name_and_seven_hex_digits(provider: Driver) -> None:
    """The engine's seed decides the digits: the same question has the same answer."""
    first, _ = provider.check(ROLE, "node", assumeRolePolicy=TRUST)
    again, _ = provider.check(ROLE, "node", assumeRolePolicy=TRUST)
    assert first == again
    assert "node-" == first["name"][:5]
    assert 7 == len(bytes.fromhex("0" + first["name"][5:])) * 2 - 1
    assert "name" in first["__defaults"]


def test_a_generated_name_is_kept(provider: Driver) -> None:
    """The second up must not rename; a name that the program gave up is replaced by a generated one."""
    kept, _ = provider.check(ROLE, "node", olds={"name": "node-abcdef0", "__defaults": ["name"]}, assumeRolePolicy=TRUST)
    fresh, _ = provider.check(ROLE, "node", olds={"name": "chosen", "__defaults": []}, assumeRolePolicy=TRUST)
    assert "node-abcdef0" == kept["name"]
    assert "chosen" != fresh["name"]


def test_a_generated_name_beyond_the_limit_fails_in_the_preview(provider: Driver) -> None:
    """A long logical name breaks IAM's 64 characters only with the digits added."""
    path, reason = one(provider.check(ROLE, "a" * 60, assumeRolePolicy=TRUST)[1])
    assert ("name", True) == (path, "has 68 characters, AWS allows 64" in reason)


def test_names_follow_the_service(provider: Driver) -> None:
    """Buckets are lower case, aliases begin with alias/, a prefix is the program's."""
    assert "weights-" == provider.check(BUCKET, "Weights")[0]["bucket"][:8]
    assert "alias/key-" == provider.check("aws:kms/alias:Alias", "key", targetKeyId="k")[0]["name"][:10]
    assert "mine-" == provider.check(BUCKET, "weights", bucketPrefix="mine-")[0]["bucket"][:5]


def test_default_tags_lie_under_the_resources_own(provider: Driver) -> None:
    """tagsAll is what AWS gets; tags stays what the program wrote."""
    provider.configure(tags='{"tags": {"inferstack:stack": "t", "owner": "nobody"}}')
    inputs, _ = provider.check(VPC, cidrBlock="10.0.0.0/16", tags={"owner": "me"})
    assert ({"owner": "me"}, {"inferstack:stack": "t", "owner": "me"}) == (inputs["tags"], inputs["tagsAll"])


def test_a_secret_stays_a_secret_through_check(provider: Driver) -> None:
    """What goes in as a secret comes out as one, coerced or not."""
    inputs, failures = provider.check("aws:ssm/parameter:Parameter", name="/x", type="String", value=Secret("canary"))
    assert ([], Secret("canary")) == (failures, inputs["value"])
