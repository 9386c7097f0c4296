"""What the program registers, on mocks: tags, order, exposure, rights, cost, as the engine would get it."""

from __future__ import annotations

import base64
import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pulumi
import pytest
import recording as recorded

from inferstack.records.errors import InputError
from inferstack.records.files.facts import load
from infra import naming
from stacks import program

UNTAGGED = {
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",  # made by AWS with the network, and gone with it
    "aws:ec2/route:Route",
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:kms/alias:Alias",
    "aws:scheduler/schedule:Schedule",
}
GROUP = "aws:autoscaling/group:Group"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
SCHEDULE = "aws:scheduler/schedule:Schedule"


@pytest.fixture(scope="module")
def cluster() -> recorded.Recorded:
    return recorded.run(recorded.cluster_config(tags={"team": "inference"}))


@pytest.fixture(scope="module")
def base() -> recorded.Recorded:
    return recorded.run(recorded.base_config())


def test_every_taggable_resource_says_whose_it_is_and_which_it_is(cluster: recorded.Recorded, base: recorded.Recorded) -> None:
    """The sweep and the repair find by these tags; a type without tags must be one that dies with its parent."""
    for stack, made in (("x", cluster), ("x-base", base)):
        for (kind, name), inputs in made.resources.items():
            if not kind.startswith("aws:") or kind == GROUP:
                continue
            if "tags" not in inputs:
                assert kind in UNTAGGED or kind.startswith("aws:s3/bucket"), kind
                continue
            assert stack == inputs["tags"][naming.STACK_TAG]
            assert f"inferstack/{stack}/{kind}/{name}" == inputs["tags"][naming.KEY_TAG]
            assert "x-base" == inputs["tags"][naming.BASE_TAG]


def test_every_role_is_made_under_the_boundary(cluster: recorded.Recorded) -> None:
    """Of the stack's own account; the operator may make no other role."""
    roles = [inputs for (kind, _), inputs in cluster.resources.items() if kind == "aws:iam/role:Role"]
    assert {"arn:aws:iam::000000000000:policy/inferstack-boundary"} == {one.get("permissionsBoundary") for one in roles}
    assert 2 == len(roles)


def test_a_cluster_says_when_it_ends_and_what_else_the_user_said(cluster: recorded.Recorded) -> None:
    """RFC 3339 in UTC, and the user's own tags."""
    tags = cluster.one(TEMPLATE)["tags"]
    assert ("2026-11-23T16:30:00Z", "inference") == (tags[naming.EXPIRES_TAG], tags["team"])


def test_the_group_has_its_tags_in_its_own_form(cluster: recorded.Recorded) -> None:
    """Not handed on: what it launches has tags from the template."""
    tags = cluster.one(GROUP)["tags"]
    assert {naming.STACK_TAG: "x"}.items() <= {tag["key"]: tag["value"] for tag in tags}.items()
    assert {False} == {tag["propagateAtLaunch"] for tag in tags}


def test_what_the_group_launches_is_tagged_by_the_template(cluster: recorded.Recorded) -> None:
    """Instance, volume and interface: without these tags they would be nobody's."""
    listed = cluster.one(TEMPLATE)["tagSpecifications"]
    assert {"instance", "volume", "network-interface"} == {one["resourceType"] for one in listed}
    assert {"x"} == {one["tags"][naming.STACK_TAG] for one in listed}


def test_the_group_starts_at_nothing_and_nobody_waits_for_it(cluster: recorded.Recorded) -> None:
    """Capacity refusals belong to `up`'s second half; a group that Pulumi waits for is lost to the state when it fails."""
    group = cluster.one(GROUP)
    wanted = {"desiredCapacity": 0, "minSize": 0, "maxSize": 1, "waitForCapacityTimeout": "0", "forceDelete": True}
    assert wanted == {name: group[name] for name in wanted}
    assert "inferstack-x-nodes" == group["name"]


def test_the_reaper_comes_first(cluster: recorded.Recorded) -> None:
    """Template, group, NAT gateway, its address and the endpoints are begun only when the schedule that ends the group is made."""
    bills = {TEMPLATE, GROUP, "aws:ec2/natGateway:NatGateway", "aws:ec2/eip:Eip", "aws:ec2/vpcEndpoint:VpcEndpoint"}
    found = [name for kind, name in cluster.order if kind in bills]
    assert 6 == len(found)
    assert [] == [name for name in found if "reaper-nodes" not in cluster.made_after(name)]
    assert "nodes-group" not in cluster.made_after("reaper-nodes")
    assert "reaper-policy" in cluster.made_after("reaper-nodes"), "a schedule without its rights would fire in vain"


def test_each_thing_that_bills_has_its_own_schedule(cluster: recorded.Recorded) -> None:
    """The group by its name; endpoints and gateway after it; the address last, because it is held until the gateway is gone."""
    told = {
        one["name"]: (one["scheduleExpression"], one["target"]["arn"].rsplit(":", 1)[-1], json.loads(one["target"]["input"]))
        for one in cluster.of(SCHEDULE).values()
    }
    endpoints = [f"endpoints-{name}-id" for name in ("ssm", "ssmmessages")]
    assert {
        "nodes": (
            "at(2026-11-23T16:30:00)",
            "deleteAutoScalingGroup",
            {"AutoScalingGroupName": "inferstack-x-nodes", "ForceDelete": True},
        ),
        "endpoints": ("at(2026-11-23T16:40:00)", "deleteVpcEndpoints", {"VpcEndpointIds": endpoints}),
        "nat": ("at(2026-11-23T16:40:00)", "deleteNatGateway", {"NatGatewayId": "nat-gateway-id"}),
        "address": ("at(2026-11-23T16:55:00)", "releaseAddress", {"AllocationId": "nat-address-id"}),
    } == told


def test_nothing_can_reach_a_node(cluster: recorded.Recorded) -> None:
    """No rule lets anything in but the nodes to the endpoints; no public address; IMDSv2 with one hop."""
    ingress = cluster.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert [("endpoints-group-id", 443)] == [(rule["securityGroupId"], rule["toPort"]) for rule in ingress.values()]
    template = cluster.one(TEMPLATE)
    assert ["false"] == [one["associatePublicIpAddress"] for one in template["networkInterfaces"]]
    assert {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1} == template["metadataOptions"]


def test_nothing_is_made_that_nobody_uses(cluster: recorded.Recorded) -> None:
    """A log group that no node writes to, and endpoints that no node asks, would be billed and trusted for nothing."""
    services = {one["serviceName"].rsplit(".", 1)[-1] for one in cluster.of("aws:ec2/vpcEndpoint:VpcEndpoint").values()}
    assert {"ssm", "ssmmessages"} == services
    assert {} == cluster.of("aws:cloudwatch/logGroup:LogGroup")
    assert "logs:" not in cluster.of("aws:iam/rolePolicy:RolePolicy")["node-policy"]["policy"]


def test_a_node_may_do_nothing_to_ec2(cluster: recorded.Recorded) -> None:
    """Neither start nor stop nor describe: a stolen node role buys nothing."""
    policy = json.loads(cluster.of("aws:iam/rolePolicy:RolePolicy")["node-policy"]["policy"])
    actions = [action for one in policy["Statement"] for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])]
    assert not [action for action in actions if action.startswith("ec2:") or "*" in action]
    assert f"arn:aws:s3:::{recorded.BASE_OUTPUTS['weightsBucket']}/*" in json.dumps(policy)


def test_the_first_boot_is_told_one_login_and_no_secret(cluster: recorded.Recorded) -> None:
    """cloud-config with the public key; nothing else of ours."""
    text = base64.b64decode(cluster.one(TEMPLATE)["userData"]).decode()
    first, content = text.split("\n", 1)
    assert "#cloud-config" == first
    assert [recorded.PUBLIC_KEY] == json.loads(content)["users"][0]["ssh_authorized_keys"]
    assert "ubuntu" == json.loads(content)["users"][0]["name"]


def test_the_root_volume_is_the_plans_and_encrypted(cluster: recorded.Recorded) -> None:
    """Size, IOPS and throughput come from the plan's storage."""
    ebs = cluster.one(TEMPLATE)["blockDeviceMappings"][0]["ebs"]
    wanted = {"volumeSize": 200, "iops": 6000, "throughput": 500, "encrypted": "true", "volumeType": "gp3", "deleteOnTermination": "true"}
    assert wanted == ebs


def test_without_egress_there_is_no_gateway_and_no_way_out(base: recorded.Recorded) -> None:
    """Only the network's own addresses and S3 by its prefix list."""
    made = recorded.run(recorded.cluster_config(egress="none"))
    assert {} == made.of("aws:ec2/natGateway:NatGateway")
    out = made.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule").values()
    assert {("10.80.0.0/16", None), (None, "pl-01")} == {(rule.get("cidrIpv4"), rule.get("prefixListId")) for rule in out}


BUDGET = "aws:budgets/budget:Budget"
TOPIC = "arn:aws:sns:us-east-1:000000000000:money"


def test_a_budget_tells_at_half_at_most_at_all_and_before_it_is_too_late() -> None:
    """50, 80 and 100 % of what was spent, and a forecast of 100 %; everybody hears each of them."""
    made = recorded.run(recorded.base_config(budget_usd_per_month=250, budget_alarm_to=["a@b.cd", TOPIC, "e@f.gh"])).one(BUDGET)
    assert ("250.00", "USD", "MONTHLY") == (made["limitAmount"], made["limitUnit"], made["timeUnit"])
    alarms = made["notifications"]
    assert [("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)] == [
        (one["notificationType"], one["threshold"]) for one in alarms
    ]
    assert {("GREATER_THAN", "PERCENTAGE")} == {(one["comparisonOperator"], one["thresholdType"]) for one in alarms}
    assert all((["a@b.cd", "e@f.gh"], [TOPIC]) == (one["subscriberEmailAddresses"], one["subscriberSnsTopicArns"]) for one in alarms)


def test_a_budget_that_nobody_hears_has_no_alarm(base: recorded.Recorded) -> None:
    """AWS refuses a notification without a subscriber; the budget itself is there."""
    assert "notifications" not in base.one(BUDGET)
    mail = recorded.run(recorded.base_config(budget_alarm_to=["a@b.cd"])).one(BUDGET)
    assert "subscriberSnsTopicArns" not in mail["notifications"][0]


def test_a_base_shuts_its_bucket(base: recorded.Recorded) -> None:
    """TLS only, no public access, versions, our key, uploads that were given up do not stay."""
    assert "inferstack-x-base-weights-000000000000-us-east-1" == base.one("aws:s3/bucket:Bucket")["bucket"]
    policy = json.loads(base.one("aws:s3/bucketPolicy:BucketPolicy")["policy"])
    assert ("Deny", "false") == (policy["Statement"][0]["Effect"], policy["Statement"][0]["Condition"]["Bool"]["aws:SecureTransport"])
    block = base.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
    assert all(block[name] for name in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"))
    assert "Enabled" == base.one("aws:s3/bucketVersioning:BucketVersioning")["versioningConfiguration"]["status"]
    rule = base.one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")["rules"][0]
    assert 3 == rule["abortIncompleteMultipartUpload"]["daysAfterInitiation"]


def test_the_default_group_of_the_network_admits_nobody(base: recorded.Recorded) -> None:
    """What forgets to name a group gets this one."""
    group = base.one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert ([], []) == (group.get("ingress", []), group.get("egress", []))


@pytest.mark.parametrize("preview", [True, False])
def test_the_cost_is_an_output_and_known_in_a_preview(preview: bool) -> None:
    """Ids are unknown in a preview; the bill is not, and both say the same."""
    made = recorded.run(recorded.cluster_config(), preview=preview)
    assert made.outputs["estimatedUsdPerHour"] == pytest.approx(made.bills[0].usd_per_hour, abs=1e-4)
    assert made.outputs["estimatedUsdUntilExpiry"] == pytest.approx(4 * made.outputs["estimatedUsdPerHour"], abs=1e-3)
    assert 0 == made.outputs["unpricedCount"]
    assert recorded.UNKNOWN != made.outputs["priceDate"]
    assert (recorded.UNKNOWN == made.outputs["launchTemplateId"]) is preview
    gpu = [line for line in made.bills[0].lines if line.gpu_bearing]
    assert [("priced", 1.0)] == [(line.bucket, line.quantity) for line in gpu]


@pytest.mark.parametrize("minutes", [1, 31, 95])
def test_a_second_look_shows_the_same_cost(minutes: int) -> None:
    """Counted from the stack's begin to its end, not from the time of the command: a stack that nobody changed shows no change."""
    config = recorded.cluster_config(begins_at=recorded.NOW)
    first, again = (recorded.run(config, now=recorded.NOW + timedelta(minutes=later)).outputs for later in (0, minutes))
    assert first["estimatedUsdUntilExpiry"] == again["estimatedUsdUntilExpiry"]
    assert first["estimatedUsdUntilExpiry"] == pytest.approx(4 * first["estimatedUsdPerHour"], abs=1e-3)


def test_a_preview_before_the_base_is_built_shows_unknown_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain `pulumi preview` of a cluster may come first: the price is known, what the base will say is not."""
    monkeypatch.setattr(recorded, "BASE_OUTPUTS", {})
    made = recorded.run(recorded.cluster_config(), preview=True)
    assert made.outputs["estimatedUsdPerHour"] > 0
    assert recorded.UNKNOWN == made.outputs["weightsBucket"]


def test_an_up_before_the_base_is_built_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the base and the command that builds it."""
    monkeypatch.setattr(recorded, "BASE_OUTPUTS", {})
    with pytest.raises(pulumi.RunError, match=r"base x-base is not built .*: run pulumi up --stack x-base"):
        recorded.run(recorded.cluster_config())


def test_what_a_usage_file_says_is_in_the_outputs_of_plain_pulumi(tmp_path: Path) -> None:
    """The stack's configuration names the file, so `pulumi preview` and `inferstack preview` show one total."""
    file = tmp_path / "usage.yaml"
    file.write_text('usage: {"aws:ec2/natGateway:NatGateway": {data_gb: 730}}', encoding="utf-8")
    plain, used = recorded.run(recorded.cluster_config()), recorded.run(recorded.cluster_config(usage=str(file)))
    assert plain.outputs["estimatedUsdPerHour"] + 0.045 == pytest.approx(used.outputs["estimatedUsdPerHour"], abs=2e-4)


def test_a_mistake_in_a_usage_file_ends_the_program_before_anything_is_registered(tmp_path: Path) -> None:
    """One line with file, line, field and what is allowed."""
    file = tmp_path / "usage.yaml"
    file.write_text('usage: {"aws:cloudwatch/logGroup:LogGroup": {ingest: 1}}', encoding="utf-8")
    with pytest.raises(
        InputError, match=r"usage.yaml:1: .*ingest: has no usage-based charge; allowed: ingest_gb, ingest_gb_once, storage_gb"
    ):
        program.build(recorded.cluster_config(usage=str(file)), program.Surroundings(root=tmp_path, now=recorded.NOW))


def test_a_preview_goes_on_without_a_base() -> None:
    """Before the first `up` there is none; its ids are unknown, the cost is not."""
    made = recorded.run(recorded.cluster_config(), preview=True, base_is_there=False)
    assert made.outputs["estimatedUsdPerHour"] > 0
    assert recorded.UNKNOWN == made.outputs["weightsBucket"]


def test_an_expired_stack_is_told_how_to_go_on() -> None:
    """An `up` after the end would build what the reaper no longer ends."""
    config = recorded.cluster_config(expires_at=recorded.NOW - timedelta(minutes=1))
    with pytest.raises(InputError, match="expired at 2026-11-23T12:29:00Z") as told:
        recorded.run(config)
    assert "inferstack up --stack x" in told.value.hint


def test_a_plan_for_another_region_is_refused() -> None:
    """Prices and images are the region's."""
    with pytest.raises(InputError, match="the plan is for us-east-1, but the stack is in us-west-2"):
        recorded.run(recorded.cluster_config(region="us-west-2"))


def test_an_adopted_network_is_left_as_it_is() -> None:
    """No subnet, no gateway, no endpoint of ours in somebody else's network."""
    made = recorded.run(recorded.base_config(vpc_id="vpc-0abc", subnet_ids=["subnet-0a", "subnet-0b"]))
    assert not [kind for kind, _ in made.order if kind.startswith("aws:ec2/")]
    assert ("vpc-0abc", ["subnet-0a", "subnet-0b"]) == (made.outputs["vpcId"], made.outputs["privateSubnetIds"])
    inside = recorded.run(recorded.cluster_config(vpc_id="vpc-0abc"))
    assert {} == inside.of("aws:ec2/vpcEndpoint:VpcEndpoint") | inside.of("aws:ec2/natGateway:NatGateway")


def across_nodes(folder: Path, instance_type: str) -> str:
    """The plan of the tests, on this type, with replicas of two nodes."""
    plan = json.loads((recorded.DATA / "plan.json").read_text())
    two = {"instance_type": instance_type, "instance_count": 2, "nodes_per_replica": 2, "layout": plan["layout"] | {"pp": 2}}
    (folder / "plan.json").write_text(json.dumps(plan | two))
    return str(folder / "plan.json")


def test_a_replica_across_nodes_gets_one_zone_and_nodes_that_may_talk(tmp_path: Path) -> None:
    """EFA does not cross zones; the group of the nodes lets its members talk."""
    made = recorded.run(recorded.cluster_config(plan=across_nodes(tmp_path, "p5.48xlarge")))
    assert ["subnet-01"] == made.one(GROUP)["vpcZoneIdentifiers"]
    peers = made.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")["node-access-peers-in"]
    assert ("-1", peers["securityGroupId"]) == (peers["ipProtocol"], peers["referencedSecurityGroupId"])


def test_a_replica_across_nodes_lies_in_the_zone_that_offers_its_type(tmp_path: Path) -> None:
    """Not in whichever subnet comes first."""
    made = recorded.run(recorded.cluster_config(plan=across_nodes(tmp_path, "p5.48xlarge"), zones=["us-east-1c"]))
    assert ["subnet-02"] == made.one(GROUP)["vpcZoneIdentifiers"]


def test_nodes_start_only_in_zones_that_offer_their_type() -> None:
    """The configuration names the zones, the base says where its subnets lie."""
    assert ["subnet-01", "subnet-02"] == recorded.run(recorded.cluster_config()).one(GROUP)["vpcZoneIdentifiers"]
    only = recorded.run(recorded.cluster_config(zones=["us-east-1c", "us-east-1d"]))
    assert ["subnet-02"] == only.one(GROUP)["vpcZoneIdentifiers"]


def test_a_base_without_a_subnet_where_the_type_is_offered_is_one_line() -> None:
    """Plain `pulumi up` has no preflight."""
    with pytest.raises(pulumi.RunError, match=r"offered in us-east-1f; the base's subnets are in us-east-1a, us-east-1c"):
        recorded.run(recorded.cluster_config(zones=["us-east-1f"]))


SUBNET = "aws:ec2/subnet:Subnet"


def test_a_base_has_subnets_in_every_zone_of_its_region(base: recorded.Recorded) -> None:
    """They cost nothing, and no zone offers every type; the outputs say which lies where."""
    zones = {one["availabilityZone"] for one in base.of(SUBNET).values()}
    assert {"us-east-1a", "us-east-1b", "us-east-1c"} == zones
    assert ["us-east-1a", "us-east-1b", "us-east-1c"] == base.outputs["privateSubnetZones"]
    assert 3 == len(base.outputs["privateSubnetIds"])


def test_a_zone_that_aws_adds_moves_no_other_subnet() -> None:
    """Addresses follow from the zone's own letter, whatever stands beside it."""
    few = recorded.run(recorded.base_config(zones=["us-east-1a", "us-east-1c"])).of(SUBNET)
    more = recorded.run(recorded.base_config(zones=["us-east-1a", "us-east-1b", "us-east-1c"])).of(SUBNET)
    assert 4 == len(few)
    assert few == {name: inputs for name, inputs in more.items() if name in few}


def test_an_adopted_network_says_in_which_zones_its_subnets_lie() -> None:
    """Its subnets are asked, not assumed."""
    made = recorded.run(recorded.base_config(vpc_id="vpc-0abc", subnet_ids=["subnet-0a", "subnet-0f"]))
    assert ["us-east-1a", "us-east-1f"] == made.outputs["privateSubnetZones"]


def efa_types() -> list[str]:
    """Every instance type of the facts that has EFA."""
    records = (record for part in load("sizing")["instances"].values() for record in part["records"])
    return [record["instance_type"] for record in records if (record.get("efa") or {}).get("supported")]


@pytest.mark.parametrize("kind", efa_types())
def test_interfaces_across_nodes_are_what_aws_says_of_the_type(tmp_path: Path, kind: str) -> None:
    """Held against AWS's own DescribeInstanceTypes: EFA on every card that carries it, within each card's limits, one address a node."""
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    if kind not in INSTANCE_TYPES:
        with pytest.raises(InputError, match=f"{kind}: it is not known which of its network cards support EFA"):
            recorded.run(recorded.cluster_config(plan=across_nodes(tmp_path, kind)))
        return
    made = recorded.run(recorded.cluster_config(plan=across_nodes(tmp_path, kind))).one(TEMPLATE)["networkInterfaces"]
    told = INSTANCE_TYPES[kind]["NetworkInfo"]
    cards = {card["NetworkCardIndex"]: card for card in told["NetworkCards"]}
    places = [(one.get("networkCardIndex") or 0, one["deviceIndex"]) for one in made]
    primary, *others = made
    assert ((0, 0), None, "false") == (places[0], primary.get("interfaceType"), primary["associatePublicIpAddress"])
    assert {"efa-only"} == {one["interfaceType"] for one in others}, "an interface with an address on every card empties a subnet"
    assert told["EfaInfo"]["MaximumEfaInterfaces"] == len(others)
    assert all("efa-only" in cards[card]["InterfaceTypes"] for card, _ in places[1:])
    assert len(set(places)) == len(places)
    assert all(device == (1 if card == 0 else 0) for card, device in places[1:])
    counts = Counter(card for card, _ in places)
    assert all(number <= cards[card]["MaximumNetworkInterfaces"] for card, number in counts.items())


def test_a_type_without_efa_has_one_ordinary_interface_across_nodes(tmp_path: Path) -> None:
    """Its replicas talk over IP."""
    made = recorded.run(recorded.cluster_config(plan=across_nodes(tmp_path, "g6e.xlarge")))
    assert [None] == [one.get("interfaceType") for one in made.one(TEMPLATE)["networkInterfaces"]]


def test_aws_replaces_no_node_by_itself(cluster: recorded.Recorded) -> None:
    """Neither to balance zones nor in place of a broken one: only `up` starts nodes, because only `up` configures them."""
    assert {"AZRebalance", "Launch"} == set(cluster.one(GROUP)["suspendedProcesses"])
