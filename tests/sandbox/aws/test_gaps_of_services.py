"""Each gap of moto that the chain meets: bare moto cannot do it, ours can (`filled_gap` proves both)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inferstack.sandbox.aws import moto_settings

ACCOUNT = moto_settings.ACCOUNT_ID
IMAGES = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"


def budget(limit: str) -> dict[str, Any]:
    return {"BudgetName": "b", "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": {"Amount": limit, "Unit": "USD"}}


def test_a_budget_is_updated_and_keeps_its_tags(filled_gap: Any) -> None:
    """UpdateBudget changes the limit, not the notifications or tags."""

    def updated(client: Any) -> Any:
        budgets = client("budgets")
        budgets.create_budget(AccountId=ACCOUNT, Budget=budget("10"), ResourceTags=[{"Key": "a", "Value": "b"}])
        budgets.update_budget(AccountId=ACCOUNT, NewBudget=budget("20"))
        limit = budgets.describe_budget(AccountId=ACCOUNT, BudgetName="b")["Budget"]["BudgetLimit"]["Amount"]
        tags = budgets.list_tags_for_resource(ResourceARN=f"arn:aws:budgets::{ACCOUNT}:budget/b")["ResourceTags"]
        return limit, tags

    assert ("20", [{"Key": "a", "Value": "b"}]) == filled_gap(updated)


def test_a_budget_is_tagged_later(filled_gap: Any) -> None:
    """TagResource and UntagResource are answered."""

    def tags(client: Any) -> Any:
        budgets, arn = client("budgets"), f"arn:aws:budgets::{ACCOUNT}:budget/b"
        budgets.create_budget(AccountId=ACCOUNT, Budget=budget("10"), ResourceTags=[{"Key": "a", "Value": "b"}])
        budgets.tag_resource(ResourceARN=arn, ResourceTags=[{"Key": "c", "Value": "d"}])
        budgets.untag_resource(ResourceARN=arn, ResourceTagKeys=["a"])
        return budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"]

    assert [{"Key": "c", "Value": "d"}] == filled_gap(tags)


def test_a_key_is_associated_with_a_log_group(filled_gap: Any) -> None:
    """AssociateKmsKey after creation."""

    def key(client: Any) -> Any:
        client("logs").create_log_group(logGroupName="/inferstack/demo")
        client("logs").associate_kms_key(logGroupName="/inferstack/demo", kmsKeyId=KEY)
        return client("logs").describe_log_groups()["logGroups"][0]["kmsKeyId"]

    assert KEY == filled_gap(key)


def test_a_log_groups_tags_answer_for_both_arns(filled_gap: Any) -> None:
    """describe_log_groups gives the ARN with :*, the tagging calls take it without."""

    def tags(client: Any) -> Any:
        client("logs").create_log_group(logGroupName="/inferstack/demo", tags={"a": "b"})
        arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/inferstack/demo"
        return [client("logs").list_tags_for_resource(resourceArn=form)["tags"] for form in (arn, f"{arn}:*")]

    assert [{"a": "b"}] * 2 == filled_gap(tags)


def test_a_key_that_waits_for_its_deletion_says_so(filled_gap: Any) -> None:
    """ScheduleKeyDeletion answers KeyState and takes an ARN."""

    def state(client: Any) -> Any:
        arn = client("kms").create_key()["KeyMetadata"]["Arn"]
        answer = client("kms").schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
        return answer["KeyState"], answer["KeyId"] == arn

    assert ("PendingDeletion", True) == filled_gap(state)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


TLS_ONLY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::weights", "arn:aws:s3:::weights/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def test_a_tls_only_bucket_takes_and_gives_objects(filled_gap: Any) -> None:
    """Our own doors count as secure transport."""

    def roundtrip(client: Any) -> Any:
        s3 = client("s3")
        s3.create_bucket(Bucket="weights")
        s3.put_bucket_policy(Bucket="weights", Policy=policy(TLS_ONLY))
        s3.put_object(Bucket="weights", Key="models/x", Body=b"w")
        return s3.get_object(Bucket="weights", Key="models/x")["Body"].read()

    assert b"w" == filled_gap(roundtrip)


def test_another_deny_that_matches_still_denies(ours: Any, refusal: Any) -> None:
    """Only the transport is granted: a condition that is met, and a deny without one, refuse."""
    s3 = ours("s3")
    s3.create_bucket(Bucket="weights")
    foreign = {"Condition": {"StringNotEquals": {"aws:PrincipalAccount": "111122223333"}}}
    for deny in (TLS_ONLY | foreign, {k: v for k, v in TLS_ONLY.items() if k != "Condition"}):
        s3.put_bucket_policy(Bucket="weights", Policy=policy(TLS_ONLY, deny))
        assert "403" == refusal(lambda: s3.put_object(Bucket="weights", Key="models/x", Body=b"w"))[0]


def test_a_role_is_simulated_from_its_policies(filled_gap: Any) -> None:
    """allowed, explicitDeny and implicitDeny are told apart."""

    def decisions(client: Any) -> Any:
        iam = client("iam")
        arn = iam.create_role(RoleName="node", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        allow = {"Effect": "Allow", "Action": ["s3:Get*", "ec2:*"], "Resource": "*"}
        iam.put_role_policy(
            RoleName="node", PolicyName="p", PolicyDocument=policy(allow, {"Effect": "Deny", "Action": "ec2:*", "Resource": "*"})
        )
        asked = ["s3:GetObject", "ec2:TerminateInstances", "iam:PassRole"]
        results = iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=asked)["EvaluationResults"]
        return [r["EvalDecision"] for r in results]

    assert ["allowed", "explicitDeny", "implicitDeny"] == filled_gap(decisions)


@pytest.mark.parametrize("code", ["L-417A185B", "L-DB2E81BA", "L-1216C47A"])
def test_the_quota_of_a_gpu_family_has_a_value(filled_gap: Any, code: str) -> None:
    """moto knows only VPC quotas."""
    assert (
        filled_gap(lambda client: client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]["Value"]) >= 1152
    )


def test_a_rule_keeps_its_description_whatever_it_refers_to(filled_gap: Any) -> None:
    """Rules about groups and prefix lists have descriptions too."""

    def descriptions(client: Any) -> Any:
        ec2 = client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
        lists = ec2.describe_managed_prefix_lists()["PrefixLists"][0]["PrefixListId"]
        common = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
        ec2.authorize_security_group_ingress(
            GroupId=group, IpPermissions=[common | {"UserIdGroupPairs": [{"GroupId": group, "Description": "from group"}]}]
        )
        ec2.authorize_security_group_egress(
            GroupId=group, IpPermissions=[common | {"PrefixListIds": [{"PrefixListId": lists, "Description": "to s3"}]}]
        )
        rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
        return sorted(rule.get("Description", "") for rule in rules)

    assert ["", "from group", "to s3"] == filled_gap(descriptions)


def test_the_deep_learning_image_is_found_by_its_parameter(filled_gap: Any) -> None:
    """The public parameter answers an id that DescribeImages knows."""

    def named(client: Any) -> Any:
        image = client("ssm").get_parameter(Name=IMAGES)["Parameter"]["Value"]
        return client("ec2").describe_images(ImageIds=[image])["Images"][0]["Name"].partition(" (")[2][:12]

    assert "Ubuntu 24.04" == filled_gap(named)


@pytest.mark.parametrize(("kind", "image"), [("p5.xlarge", "ami-0d1a24040d1a24040"), ("g6.xlarge", "ami-0123456789abcdef0")])
def test_an_instance_of_what_does_not_exist_is_refused(ours: Any, refusal: Any, kind: str, image: str) -> None:
    """RunInstances checks type and image."""
    assert refusal(lambda: ours("ec2").run_instances(ImageId=image, InstanceType=kind, MinCount=1, MaxCount=1)) is not None


def test_moto_is_whole_again_after_the_gaps_were_filled(world: Any) -> None:
    """Filling is undone, so that one test's sandbox does not change another's moto."""
    from inferstack.sandbox.aws.gaps import filled, patches

    before = [getattr(p.owner, p.name, None) for p in patches(world)]
    with filled(world):
        assert before != [getattr(p.owner, p.name, None) for p in patches(world)]
    assert before == [getattr(p.owner, p.name, None) for p in patches(world)]


def test_spot_prices_differ_by_zone_and_have_a_history(filled_gap: Any) -> None:
    """moto has one price of 2006 for everything."""

    def scenario(client: Any) -> list[str]:
        told = client("ec2").describe_spot_price_history(InstanceTypes=["g6.xlarge"], ProductDescriptions=["Linux/UNIX"])
        return [f"{row['AvailabilityZone']} {float(row['SpotPrice']):.2f}" for row in told["SpotPriceHistory"]]

    assert ["us-east-1a 0.82", "us-east-1a 0.41", "us-east-1b 0.76", "us-east-1b 0.38"] == filled_gap(scenario)


def test_capacity_blocks_are_offered_and_a_fee_is_for_all_instances(filled_gap: Any) -> None:
    """DescribeCapacityBlockOfferings is absent from moto."""

    def scenario(client: Any) -> list[str]:
        told = client("ec2").describe_capacity_block_offerings(InstanceType="p5.48xlarge", InstanceCount=2, CapacityDurationHours=24)
        return [row["UpfrontFee"] for row in told["CapacityBlockOfferings"]]

    assert ["1536.0000", "1574.4000"] == filled_gap(scenario)


def test_an_update_of_a_role_keeps_what_it_does_not_name(filled_gap: Any) -> None:
    """UpdateRole without a description keeps it; a provider that sends only what changed would see a drift for ever."""

    def kept(client: Any) -> Any:
        iam = client("iam")
        iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Statement": []}), Description="d", MaxSessionDuration=7200)
        iam.update_role(RoleName="r", MaxSessionDuration=3600)
        first = iam.get_role(RoleName="r")["Role"]
        iam.update_role(RoleName="r", Description="new")
        second = iam.get_role(RoleName="r")["Role"]
        return first["Description"], first["MaxSessionDuration"], second["Description"], second["MaxSessionDuration"]

    assert ("d", 3600, "new", 3600) == filled_gap(kept)


def test_private_dns_of_an_endpoint_is_switched_later(filled_gap: Any) -> None:
    """ModifyVpcEndpoint with PrivateDnsEnabled, both ways; without it nothing changes."""

    def switched(client: Any) -> Any:
        ec2 = client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        asked = {"VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.ssm", "VpcEndpointType": "Interface", "PrivateDnsEnabled": True}
        id = ec2.create_vpc_endpoint(**asked)["VpcEndpoint"]["VpcEndpointId"]
        seen = []
        for change in ({"PrivateDnsEnabled": False}, {}, {"PrivateDnsEnabled": True}):
            ec2.modify_vpc_endpoint(VpcEndpointId=id, **change)
            seen.append(ec2.describe_vpc_endpoints(VpcEndpointIds=[id])["VpcEndpoints"][0]["PrivateDnsEnabled"])
        return seen

    assert [False, False, True] == filled_gap(switched)
