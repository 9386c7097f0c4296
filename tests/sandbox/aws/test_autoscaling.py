"""Auto Scaling groups behave as on AWS where moto does not: failures in the activities, members as the template says, honest deletion."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from inferstack.sandbox.aws.front.answers import Refusal

IMAGE = "ami-0d1a24040d1a24040"
TRUST = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'


def template_data(client: Any, **more: Any) -> dict[str, Any]:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    sg = ec2.create_security_group(GroupName="nodes", Description="nodes", VpcId=vpc)["GroupId"]
    for number, zone in enumerate("ab"):
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=f"us-east-1{zone}")
    client("iam").create_role(RoleName="node", AssumeRolePolicyDocument=TRUST)
    client("iam").create_instance_profile(InstanceProfileName="node")
    client("iam").add_role_to_instance_profile(InstanceProfileName="node", RoleName="node")
    root = {"VolumeSize": 200, "VolumeType": "gp3", "Iops": 6000, "Throughput": 500, "Encrypted": True, "DeleteOnTermination": True}
    return {
        "ImageId": IMAGE,
        "InstanceType": "g6.xlarge",
        "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": root}],
        "NetworkInterfaces": [{"DeviceIndex": 0, "Groups": [sg]}],
        "IamInstanceProfile": {"Name": "node"},
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "UserData": base64.b64encode(b"#cloud-config\n").decode(),
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": [{"Key": "inferstack:stack", "Value": "demo"}]}
            for kind in ("instance", "volume", "network-interface")
        ],
        **more,
    }


def make_group(client: Any, data: dict[str, Any], *, desired: int = 1) -> None:
    ec2 = client("ec2")
    template = ec2.create_launch_template(LaunchTemplateName="nodes", LaunchTemplateData=data)["LaunchTemplate"]["LaunchTemplateId"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "cidr-block", "Values": ["10.9.0.0/24", "10.9.1.0/24"]}])["Subnets"]
    client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="nodes",
        MinSize=0,
        MaxSize=2,
        DesiredCapacity=desired,
        LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"},
        VPCZoneIdentifier=",".join(s["SubnetId"] for s in subnets),
        Tags=[{"Key": "from-group", "Value": "yes", "PropagateAtLaunch": True}],
    )


def only_instance(client: Any) -> dict[str, Any]:
    found = [i for r in client("ec2").describe_instances()["Reservations"] for i in r["Instances"] if i["State"]["Name"] != "terminated"]
    assert 1 == len(found)
    return found[0]


def test_a_launch_is_an_activity_that_names_the_instance(filled_gap: Any) -> None:
    """DescribeScalingActivities tells what the group did."""

    def activities(client: Any) -> Any:
        make_group(client, template_data(client))
        found = client("autoscaling").describe_scaling_activities(AutoScalingGroupName="nodes")["Activities"]
        instance = only_instance(client)["InstanceId"]
        return [(a["StatusCode"], a["Description"] == f"Launching a new EC2 instance: {instance}") for a in found]

    assert [("Successful", True)] == filled_gap(activities)


@pytest.mark.parametrize("code", ["InsufficientInstanceCapacity", "VcpuLimitExceeded"])
def test_a_refused_launch_fails_in_the_activities_and_never_in_the_call(filled_gap: Any, world: Any, code: str) -> None:
    """CreateAutoScalingGroup succeeds; the group stays empty and its newest activity carries EC2's words."""
    world.launch_refusal = lambda instance_type, zone, group: Refusal(code, f"{instance_type} in {zone}: {code}.")

    def failed(client: Any) -> Any:
        make_group(client, template_data(client))
        members = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"]
        newest = client("autoscaling").describe_scaling_activities(AutoScalingGroupName="nodes")["Activities"][0]
        return len(members), newest["StatusCode"], newest["StatusMessage"]

    last_zone = {"InsufficientInstanceCapacity": "us-east-1b", "VcpuLimitExceeded": "us-east-1a"}[code]
    assert (0, "Failed", f"g6.xlarge in {last_zone}: {code}. Launching EC2 instance failed.") == filled_gap(failed)


def told(client: Any) -> list[tuple[str, str]]:
    """Status and zone of the group's activities, oldest first."""
    found = client("autoscaling").describe_scaling_activities(AutoScalingGroupName="nodes")["Activities"]
    return [(one["StatusCode"], json.loads(one["Details"]).get("Availability Zone", "")) for one in reversed(found)]


@pytest.mark.parametrize("refused_zone", ["us-east-1a", "us-east-1b"])
def test_a_launch_that_one_zone_refuses_goes_to_the_other(filled_gap: Any, world: Any, refused_zone: str) -> None:
    """Auto Scaling's default distribution is best effort: capacity that fails in one zone is tried in another."""
    world.launch_refusal = lambda kind, zone, group: (
        Refusal("InsufficientInstanceCapacity", f"We currently do not have sufficient {kind} capacity in {zone}.")
        if zone == refused_zone
        else None
    )

    def placed(client: Any) -> Any:
        make_group(client, template_data(client), desired=2)
        members = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"]
        return [one["AvailabilityZone"] for one in members], ("Failed", refused_zone) in told(client)

    other = {"us-east-1a": "us-east-1b", "us-east-1b": "us-east-1a"}[refused_zone]
    assert ([other, other], True) == filled_gap(placed)


@pytest.mark.parametrize(("kind", "offering"), [("g7e.2xlarge", {"us-east-1a"}), ("p4de.24xlarge", {"us-east-1b"})])
def test_a_group_starts_only_where_the_type_is_offered(ours: Any, kind: str, offering: set[str]) -> None:
    """Of the group's two zones one offers the type: the other refuses in EC2's words, all members come from the first."""

    make_group(ours, template_data(ours, InstanceType=kind), desired=2)
    members = ours("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"]
    assert (2, offering) == (len(members), {one["AvailabilityZone"] for one in members})


def test_a_type_that_no_zone_of_the_group_offers_never_starts(filled_gap: Any) -> None:
    """p6-b200 is offered in us-east-1c alone; the activities say so for each zone of the group."""

    def refused(client: Any) -> Any:
        make_group(client, template_data(client, InstanceType="p6-b200.48xlarge"))
        found = client("autoscaling").describe_scaling_activities(AutoScalingGroupName="nodes")["Activities"]
        said = "Your requested instance type (p6-b200.48xlarge) is not supported in your requested Availability Zone"
        return told(client), all(one["StatusMessage"].startswith(said) and "us-east-1c" in one["StatusMessage"] for one in found)

    assert ([("Failed", "us-east-1a"), ("Failed", "us-east-1b")], True) == filled_gap(refused)


def test_an_instance_is_not_started_in_a_zone_without_its_type(filled_gap: Any, refusal: Any) -> None:
    """RunInstances itself answers Unsupported."""

    def said(client: Any) -> Any:
        asked = {"ImageId": IMAGE, "InstanceType": "p4de.24xlarge", "MinCount": 1, "MaxCount": 1}
        return [
            (refusal(lambda zone=zone: client("ec2").run_instances(**asked, Placement={"AvailabilityZone": zone})) or ("started",))[0]
            for zone in ("us-east-1a", "us-east-1b")
        ]

    assert ["Unsupported", "started"] == filled_gap(said)


def test_a_group_whose_launches_are_suspended_starts_nothing(filled_gap: Any) -> None:
    """SuspendProcesses and ResumeProcesses of Launch decide whether a larger size brings instances."""

    def members(client: Any) -> Any:
        make_group(client, template_data(client), desired=0)
        group = client("autoscaling")
        counts = []
        for change in (group.suspend_processes, group.resume_processes):
            change(AutoScalingGroupName="nodes", ScalingProcesses=["Launch"])
            group.set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=1)
            counts.append(len(group.describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"]))
        return counts

    assert [0, 1] == filled_gap(members)


def test_a_member_has_what_its_template_says(filled_gap: Any) -> None:
    """IMDS, profile, security groups, one encrypted gp3 root volume with its speed, and tags on instance, volume and interface."""

    def member(client: Any) -> Any:
        make_group(client, template_data(client))
        i = only_instance(client)
        volumes = client("ec2").describe_volumes()["Volumes"]
        interface = client("ec2").describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [i["InstanceId"]]}])
        stacks = [
            {t["Key"]: t["Value"] for t in of}.get("inferstack:stack")
            for of in (i["Tags"], volumes[0].get("Tags", []), interface["NetworkInterfaces"][0]["TagSet"])
        ]
        shown = [(v["Size"], v["VolumeType"], v["Iops"], v["Throughput"], v["Encrypted"]) for v in volumes]
        return i["MetadataOptions"]["HttpTokens"], i["IamInstanceProfile"]["Arn"][-4:], i["SecurityGroups"][0]["GroupName"], shown, stacks

    assert ("required", "node", "nodes", [(200, "gp3", 6000, 500, True)], ["demo"] * 3) == filled_gap(member)


def test_members_spread_over_the_subnets(filled_gap: Any) -> None:
    """Two members of a group over two zones do not share one."""

    def zones(client: Any) -> Any:
        make_group(client, template_data(client), desired=2)
        return sorted(
            i["AvailabilityZone"] for i in client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"]
        )

    assert ["us-east-1a", "us-east-1b"] == filled_gap(zones)


def test_force_delete_leaves_no_instance_volume_or_interface(filled_gap: Any) -> None:
    """What the launch made dies with the group."""

    def left(client: Any) -> Any:
        make_group(client, template_data(client), desired=2)
        client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName="nodes", ForceDelete=True)
        ec2 = client("ec2")
        states = {i["State"]["Name"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]}
        return states, ec2.describe_volumes()["Volumes"], ec2.describe_network_interfaces()["NetworkInterfaces"]

    assert ({"terminated"}, [], []) == filled_gap(left)


def test_a_group_with_members_is_not_deleted_without_force(filled_gap: Any, refusal: Any) -> None:
    """AWS answers ResourceInUse and keeps the group."""

    def said(client: Any) -> Any:
        make_group(client, template_data(client))
        answer = refusal(lambda: client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName="nodes"))
        return answer and answer[0], len(client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"])

    assert ("ResourceInUse", 1) == filled_gap(said)


def test_a_second_template_version_with_user_data_launches(filled_gap: Any) -> None:
    """Every update of a node group makes such a version."""

    def version(client: Any) -> Any:
        data = template_data(client)
        make_group(client, data, desired=0)
        client("ec2").create_launch_template_version(LaunchTemplateName="nodes", LaunchTemplateData=data | {"InstanceType": "g6.2xlarge"})
        client("autoscaling").set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=1)
        member = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"][0]
        return only_instance(client)["InstanceType"], member["LaunchTemplate"]["Version"]

    assert ("g6.2xlarge", "2") == filled_gap(version)


def test_more_than_the_maximum_is_refused(filled_gap: Any, refusal: Any) -> None:
    """SetDesiredCapacity has bounds."""

    def said(client: Any) -> Any:
        make_group(client, template_data(client), desired=0)
        return refusal(lambda: client("autoscaling").set_desired_capacity(AutoScalingGroupName="nodes", DesiredCapacity=3))

    assert ("ValidationError", "New SetDesiredCapacity value 3 is above max value 2 for the AutoScalingGroup.") == filled_gap(said)


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"InstanceType": "p5.xlarge"}, "InvalidParameterValue"), ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound")],
)
def test_a_template_of_what_does_not_exist_is_refused(filled_gap: Any, refusal: Any, changed: dict[str, str], code: str) -> None:
    """p5.xlarge looks real and is not."""

    def said(client: Any) -> Any:
        data = template_data(client)
        answer = refusal(lambda: client("ec2").create_launch_template(LaunchTemplateName="nodes", LaunchTemplateData=data | changed))
        return answer and answer[0]

    assert code == filled_gap(said)


def test_the_templates_own_tags_stay_out_of_its_data(filled_gap: Any) -> None:
    """Read back, a template holds what was written: else every refresh shows a drift."""

    def kinds(client: Any) -> Any:
        own = [{"ResourceType": "launch-template", "Tags": [{"Key": "a", "Value": "b"}]}]
        client("ec2").create_launch_template(LaunchTemplateName="tagged", LaunchTemplateData=template_data(client), TagSpecifications=own)
        data = client("ec2").describe_launch_template_versions(LaunchTemplateName="tagged")["LaunchTemplateVersions"][0][
            "LaunchTemplateData"
        ]
        return sorted(spec["ResourceType"] for spec in data["TagSpecifications"])

    assert ["instance", "network-interface", "volume"] == filled_gap(kinds)


@pytest.mark.parametrize(
    ("kind", "interfaces"),
    [
        ("p6-b300.48xlarge", [(0, 0, "efa")]),
        ("p6-b300.48xlarge", [(0, 0, "interface"), (17, 0, "efa-only")]),
        ("g6e.xlarge", [(0, 0, "interface"), (0, 1, "efa-only")]),
        ("p5.48xlarge", [(0, 0, "efa-only")]),
        ("p5.48xlarge", [(0, 0, "interface"), (0, 1, "efa-only"), (0, 2, "interface")]),
    ],
)
def test_interfaces_that_a_types_cards_do_not_take_are_refused(
    filled_gap: Any, refusal: Any, kind: str, interfaces: list[tuple[int, int, str]]
) -> None:
    """Card 0 of P6-B300 carries no EFA; the first interface has an address; each card has a limit."""

    def said(client: Any) -> Any:
        data = template_data(client)
        cards = [{"NetworkCardIndex": card, "DeviceIndex": device, "InterfaceType": what} for card, device, what in interfaces]
        made = data | {"InstanceType": kind, "NetworkInterfaces": cards}
        answer = refusal(lambda: client("ec2").create_launch_template(LaunchTemplateName="nodes", LaunchTemplateData=made))
        return answer and answer[0]

    assert "InvalidParameterValue" == filled_gap(said)


def test_the_interfaces_that_the_program_writes_are_taken(ours: Any) -> None:
    """One ordinary interface, and EFA on cards 1 to 16."""
    cards: list[dict[str, Any]] = [{"NetworkCardIndex": 0, "DeviceIndex": 0}]
    cards += [{"NetworkCardIndex": card, "DeviceIndex": 0, "InterfaceType": "efa-only"} for card in range(1, 17)]
    data = template_data(ours) | {"InstanceType": "p6-b300.48xlarge", "NetworkInterfaces": cards}
    assert ours("ec2").create_launch_template(LaunchTemplateName="nodes", LaunchTemplateData=data)["LaunchTemplate"]["LaunchTemplateId"]
