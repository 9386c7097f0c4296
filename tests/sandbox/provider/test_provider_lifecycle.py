"""Create, read, update and delete against the embedded AWS, call by call as the engine makes them."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from provider_driver import Driver, Made, Refusal

from inferstack.sandbox.provider.properties import schema
from inferstack.sandbox.provider.properties.wire import UNKNOWN, Secret
from inferstack.sandbox.provider.resources.autoscaling_group import duration_s

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
SG = "aws:ec2/securityGroup:SecurityGroup"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
GROUP = "aws:autoscaling/group:Group"
ROLE = "aws:iam/role:Role"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
PARAMETER = "aws:ssm/parameter:Parameter"
KEY = "inferstack:key"
TRUST = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}]}
)


@pytest.fixture
def vpc(provider: Driver) -> Made:
    return provider.create(VPC, cidrBlock="10.0.0.0/16", enableDnsHostnames=True, tags={KEY: "k"})


def test_a_preview_shows_inputs_and_leaves_the_rest_unknown(provider: Driver, aws: Any) -> None:
    """Nothing is made; every output that AWS decides is unknown."""
    shown = provider.preview(VPC, cidrBlock="10.9.0.0/16")
    assert ("10.9.0.0/16", UNKNOWN, UNKNOWN) == (shown["cidrBlock"], shown["arn"], shown["mainRouteTableId"])
    assert [] == aws("ec2").describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.9.0.0/16"]}])["Vpcs"]


def test_every_output_that_a_preview_promises_comes(provider: Driver, vpc: Made) -> None:
    """An output unknown before and absent after would be a difference for ever."""
    promised = provider.preview(VPC, cidrBlock="10.0.0.0/16").keys()
    assert set() == promised - vpc.outputs.keys()


def test_an_ec2_resource_is_tagged_by_the_call_that_makes_it(provider: Driver, aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is killed after that call, a sweep by tag finds the orphan."""
    from inferstack.sandbox.provider.protocol import lifecycle

    def killed(*_: Any) -> None:
        raise RuntimeError("killed after the first call")

    monkeypatch.setattr(lifecycle, "_found", killed)
    with pytest.raises(Refusal) as refused:
        provider.create(VPC, cidrBlock="10.0.0.0/16", tags={KEY: "mine"})
    found = aws("ec2").describe_vpcs(Filters=[{"Name": f"tag:{KEY}", "Values": ["mine"]}])["Vpcs"]
    assert [refused.value.id] == [each["VpcId"] for each in found]


def test_an_unfinished_creation_keeps_its_id_and_update_finishes_it(provider: Driver, aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine records the resource; the next up goes on where it stopped, and makes no second one."""
    from inferstack.sandbox.provider.resources.ec2 import vpc as ec2_network

    with monkeypatch.context() as broken:
        broken.setitem(ec2_network.VPC_ATTRIBUTES, "enableDnsHostnames", "NoSuchAttribute")
        with pytest.raises(Refusal) as refused:
            provider.create(VPC, cidrBlock="10.8.0.0/16", enableDnsHostnames=True)
    assert refused.value.id.startswith("vpc-")
    inputs, _ = provider.check(VPC, cidrBlock="10.8.0.0/16", enableDnsHostnames=True)
    healed = provider.update(VPC, Made(refused.value.id, inputs), cidrBlock="10.8.0.0/16", enableDnsHostnames=True)
    assert True is healed.outputs["enableDnsHostnames"]
    assert "arn" in healed.outputs
    found = aws("ec2").describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.8.0.0/16"]}])["Vpcs"]
    assert [refused.value.id] == [each["VpcId"] for each in found]


def test_a_refresh_of_what_nobody_touched_changes_nothing(provider: Driver, vpc: Made) -> None:
    """Inputs and outputs are byte for byte what they were."""
    seen = provider.read(VPC, vpc)
    assert (vpc.id, vpc.inputs, vpc.outputs) == (seen.id, seen.inputs, seen.outputs)


def test_a_refresh_shows_a_tag_changed_by_hand_and_update_mends_it(provider: Driver, aws: Any, vpc: Made) -> None:
    """Edited, added and removed tags are drift; the program's tags come back."""
    aws("ec2").create_tags(Resources=[vpc.id], Tags=[{"Key": KEY, "Value": "edited"}, {"Key": "extra", "Value": "1"}])
    seen = provider.read(VPC, vpc)
    assert {KEY: "edited", "extra": "1"} == seen.inputs["tags"]
    mended = provider.update(VPC, seen, cidrBlock="10.0.0.0/16", enableDnsHostnames=True, tags={KEY: "k"})
    assert {KEY: "k"} == mended.outputs["tagsAll"]
    assert [{"Key": KEY, "Value": "k"}] == aws("ec2").describe_vpcs(VpcIds=[vpc.id])["Vpcs"][0]["Tags"]


def test_default_tags_are_no_drift(provider: Driver) -> None:
    """They are the provider's, not the resource's."""
    provider.configure(tags='{"tags": {"inferstack:stack": "t"}}')
    made = provider.create(VPC, cidrBlock="10.0.0.0/16")
    seen = provider.read(VPC, made)
    assert (made.inputs, {"inferstack:stack": "t"}) == (seen.inputs, seen.outputs["tagsAll"])


def test_what_is_gone_reads_as_gone(provider: Driver, aws: Any, vpc: Made) -> None:
    """A refresh then drops it, and the next up makes it again."""
    aws("ec2").delete_vpc(VpcId=vpc.id)
    assert "" == provider.read(VPC, vpc).id
    with pytest.raises(Refusal, match="is gone: run pulumi refresh"):
        provider.update(VPC, vpc, cidrBlock="10.0.0.0/16")


def test_an_import_fills_inputs_and_outputs(provider: Driver, vpc: Made) -> None:
    """An id is enough; the program that made it then has no difference."""
    seen = provider.read(VPC, vpc.id)
    assert {KEY: "k"} == seen.inputs["tags"]
    assert vpc.outputs == seen.outputs
    assert {} == dict(provider.diff(VPC, seen.inputs, vpc.inputs).detailedDiff)


def test_a_create_that_the_engine_never_heard_of_again_is_adopted_by_a_read(provider: Driver, vpc: Made) -> None:
    """After kill -9 the repair knows the id and the inputs, and no outputs."""
    seen = provider.read(VPC, Made(vpc.id, vpc.inputs))
    assert (vpc.inputs, vpc.outputs) == (seen.inputs, seen.outputs)


def test_deleting_what_is_gone_is_done(provider: Driver, vpc: Made) -> None:
    """A destroy that was killed can be run again."""
    provider.delete(VPC, vpc)
    provider.delete(VPC, vpc)


def test_a_delete_waits_for_what_still_holds_on(provider: Driver, vpc: Made) -> None:
    """DependencyViolation is tried again until the other is gone."""
    subnet = provider.create(SUBNET, vpcId=vpc.id, cidrBlock="10.0.0.0/24")
    threading.Timer(0.4, lambda: provider.delete(SUBNET, subnet)).start()
    provider.delete(VPC, vpc, seconds=20)
    assert "" == provider.read(VPC, vpc).id


def test_a_delete_gives_up_in_one_line(provider: Driver, vpc: Made) -> None:
    """After the deadline, AWS's own code and words."""
    provider.create(SUBNET, vpcId=vpc.id, cidrBlock="10.0.0.0/24")
    started = time.monotonic()
    with pytest.raises(Refusal) as refused:
        provider.delete(VPC, vpc, seconds=0.5)
    assert refused.value.text.startswith("DependencyViolation: ")
    assert "\n" not in refused.value.text
    assert time.monotonic() - started < 10


def test_a_refused_creation_is_awss_code_and_words_in_one_line(provider: Driver, vpc: Made) -> None:
    """Nothing was made, so no id is recorded."""
    provider.create(SG, vpcId=vpc.id, name="nodes")
    with pytest.raises(Refusal) as refused:
        provider.create(SG, "other", vpcId=vpc.id, name="nodes")
    assert ("", True) == (refused.value.id, refused.value.text.startswith("InvalidGroup.Duplicate: "))


def test_a_new_security_group_has_no_rule_that_nobody_declared(provider: Driver, aws: Any, vpc: Made) -> None:
    """AWS opens egress in every new group; the real provider closes it."""
    group = provider.create(SG, vpcId=vpc.id)
    assert [] == aws("ec2").describe_security_groups(GroupIds=[group.id])["SecurityGroups"][0]["IpPermissionsEgress"]


def test_rules_of_their_own_do_not_show_as_a_change_of_the_group(provider: Driver, vpc: Made) -> None:
    """The group lists no rules inline, so those of others are not its."""
    group = provider.create(SG, vpcId=vpc.id)
    rule = {
        "securityGroupId": group.id,
        "ipProtocol": "tcp",
        "fromPort": 8443,
        "toPort": 8443,
        "referencedSecurityGroupId": group.id,
        "description": "efa",
    }
    made = provider.create(RULE, **rule, tags={KEY: "r"})
    assert group.inputs == provider.read(SG, group).inputs
    assert (made.inputs, made.outputs) == (provider.read(RULE, made).inputs, provider.read(RULE, made).outputs)
    changed = provider.update(RULE, made, **{**rule, "toPort": 8444}, tags={KEY: "r"})
    assert 8444 == provider.read(RULE, changed).outputs["toPort"]


def test_inline_rules_are_compared_by_their_sources(provider: Driver, aws: Any, vpc: Made) -> None:
    """AWS merges rules of one port range; two of ours that it merged are no drift, one added by hand is."""
    web = {"protocol": "tcp", "fromPort": 443, "toPort": 443}
    ingress = [{**web, "cidrBlocks": ["10.0.0.0/24"]}, {**web, "cidrBlocks": ["10.0.1.0/24"], "self": True}]
    group = provider.create(SG, vpcId=vpc.id, ingress=ingress)
    assert ingress == provider.read(SG, group).inputs["ingress"]
    opened = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    aws("ec2").authorize_security_group_ingress(GroupId=group.id, IpPermissions=[opened])
    seen = provider.read(SG, group)
    assert ["0.0.0.0/0"] == next(each["cidrBlocks"] for each in seen.inputs["ingress"] if each["fromPort"] == 22)
    mended = provider.update(SG, seen, vpcId=vpc.id, ingress=ingress)
    assert ingress == provider.read(SG, mended).inputs["ingress"]


def test_a_change_of_a_launch_template_is_a_new_version(provider: Driver, image: str) -> None:
    """The old version stays for running nodes; the default follows when it was asked to."""
    data = {
        "imageId": image,
        "updateDefaultVersion": True,
        "tagSpecifications": [{"resourceType": "instance", "tags": {"inferstack:stack": "t"}}],
    }
    made = provider.create(TEMPLATE, "template-1", instanceType="p5.48xlarge", **data)
    foreseen = provider.update(TEMPLATE, made, instanceType="p4d.24xlarge", **data, preview=True)
    assert UNKNOWN == foreseen.outputs["latestVersion"]
    changed = provider.update(TEMPLATE, made, instanceType="p4d.24xlarge", **data)
    assert (2, 2) == (changed.outputs["latestVersion"], changed.outputs["defaultVersion"])
    again = provider.update(TEMPLATE, changed, instanceType="p4d.24xlarge", **data)
    assert 2 == again.outputs["latestVersion"]


def test_every_efa_interface_of_a_template_comes_back(provider: Driver, image: str) -> None:
    """Thirty-two interfaces, and a refresh that sees no difference in any."""
    cards = [
        {"deviceIndex": min(n, 1), "networkCardIndex": n, "interfaceType": "efa", "securityGroups": ["sg-1"], "deleteOnTermination": "true"}
        for n in range(32)
    ]
    made = provider.create(TEMPLATE, "template-2", imageId=image, instanceType="p5.48xlarge", networkInterfaces=cards)
    assert cards == provider.read(TEMPLATE, made).inputs["networkInterfaces"]


def test_a_template_changed_by_hand_is_drift(provider: Driver, aws: Any, image: str) -> None:
    """Also where the program said nothing about that property."""
    made = provider.create(TEMPLATE, "template-3", imageId=image, instanceType="p5.48xlarge")
    data = {"ImageId": image, "InstanceType": "p5.48xlarge", "Monitoring": {"Enabled": True}}
    aws("ec2").create_launch_template_version(LaunchTemplateId=made.id, LaunchTemplateData=data)
    assert {"enabled": True} == provider.read(TEMPLATE, made).inputs["monitoring"]


def test_a_secret_value_is_a_secret_in_every_answer(provider: Driver, aws: Any) -> None:
    """AWS gets the value; state and output get it wrapped."""
    made = provider.create(PARAMETER, name="/x", type="SecureString", value=Secret("canary"))
    assert "canary" == aws("ssm").get_parameter(Name="/x", WithDecryption=True)["Parameter"]["Value"]
    assert Secret("canary") == made.outputs["value"]
    assert Secret("canary") == provider.read(PARAMETER, made).outputs["value"]
    assert Secret("canary") == provider.read(PARAMETER, "/x").outputs["value"]
    aws("ssm").put_parameter(Name="/x", Value="edited", Type="SecureString", Overwrite=True)
    assert Secret("edited") == provider.read(PARAMETER, made).inputs["value"]


def test_a_resource_may_live_in_a_region_of_its_own(provider: Driver, aws: Any) -> None:
    """`region` of a resource overrides the provider's."""
    made = provider.create(LOGS, name="/there", region="eu-west-1")
    assert ["/there"] == [each["logGroupName"] for each in aws("logs", "eu-west-1").describe_log_groups()["logGroups"]]
    assert [] == aws("logs").describe_log_groups()["logGroups"]
    assert "eu-west-1" == provider.read(LOGS, made).outputs["region"]
    provider.delete(LOGS, made)
    assert [] == aws("logs", "eu-west-1").describe_log_groups()["logGroups"]


def test_an_update_touches_only_what_the_program_changed(provider: Driver, aws: Any) -> None:
    """A property that somebody changed by hand is left alone until a refresh has seen it; then it comes back."""
    made = provider.create(ROLE, "touched", assumeRolePolicy=TRUST, maxSessionDuration=7200, tags={KEY: "a"})
    aws("iam").update_role(RoleName=made.id, MaxSessionDuration=14400)
    updated = provider.update(ROLE, made, assumeRolePolicy=TRUST, maxSessionDuration=7200, tags={KEY: "b"})
    assert 14400 == aws("iam").get_role(RoleName=made.id)["Role"]["MaxSessionDuration"]
    seen = provider.read(ROLE, updated)
    assert 14400 == seen.inputs["maxSessionDuration"]
    provider.update(ROLE, seen, assumeRolePolicy=TRUST, maxSessionDuration=7200, tags={KEY: "b"})
    assert 7200 == aws("iam").get_role(RoleName=made.id)["Role"]["MaxSessionDuration"]


def test_a_group_that_was_scaled_keeps_its_size_through_an_update(provider: Driver, aws: Any, image: str) -> None:
    """`inferstack up` raises the group beside Pulumi; a new template version must not stop the nodes."""
    template = provider.create(TEMPLATE, "scaled", imageId=image, instanceType="p5.48xlarge")
    vpc = provider.create(VPC, cidrBlock="10.5.0.0/16")
    subnet = provider.create(SUBNET, vpcId=vpc.id, cidrBlock="10.5.0.0/24")
    fixed = {
        "minSize": 0,
        "maxSize": 2,
        "desiredCapacity": 0,
        "vpcZoneIdentifiers": [subnet.id],
        "waitForCapacityTimeout": "0",
        "forceDelete": True,
    }
    made = provider.create(GROUP, **fixed, launchTemplate={"id": template.id, "version": "1"})
    aws("autoscaling").set_desired_capacity(AutoScalingGroupName=made.id, DesiredCapacity=1)
    provider.update(GROUP, made, **fixed, launchTemplate={"id": template.id, "version": "$Latest"})
    group = aws("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[made.id])["AutoScalingGroups"][0]
    assert (1, "$Latest") == (group["DesiredCapacity"], group["LaunchTemplate"]["Version"])
    provider.delete(GROUP, made)
    assert "" == provider.read(GROUP, made).id


def test_a_group_with_a_size_is_waited_for(provider: Driver, aws: Any, image: str) -> None:
    """With a timeout the real provider returns only when the nodes are in service."""
    template = provider.create(TEMPLATE, "waited", imageId=image, instanceType="p5.48xlarge")
    vpc = provider.create(VPC, cidrBlock="10.4.0.0/16")
    subnet = provider.create(SUBNET, vpcId=vpc.id, cidrBlock="10.4.0.0/24")
    fixed = {"minSize": 0, "maxSize": 2, "vpcZoneIdentifiers": [subnet.id], "launchTemplate": {"id": template.id}, "forceDelete": True}
    made = provider.create(GROUP, "waited", **fixed, desiredCapacity=1, waitForCapacityTimeout="20s")
    group = aws("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[made.id])["AutoScalingGroups"][0]
    assert ["InService"] == [each["LifecycleState"] for each in group["Instances"]]
    provider.delete(GROUP, made)


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("10m", 600), ("1h30m", 5400), ("90s", 90)])
def test_a_timeout_is_a_go_duration(text: str, seconds: float) -> None:
    """As the real provider reads it."""
    assert seconds == duration_s(text)


def test_a_policy_spelled_otherwise_is_no_drift(provider: Driver) -> None:
    """AWS answers documents in its own spelling."""
    made = provider.create(ROLE, "role-2", assumeRolePolicy=json.dumps(json.loads(TRUST), indent=4))
    assert made.inputs == provider.read(ROLE, made).inputs


def test_every_output_is_one_that_the_sdk_has(vpc: Made) -> None:
    """No output is invented."""
    assert set() == vpc.outputs.keys() - schema.outputs(VPC) - {"id"}
