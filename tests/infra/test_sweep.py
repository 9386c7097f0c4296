"""The sweep finds a stack's leftovers by tag, by id and by name, removes them in an order that works, and touches nothing else."""

from __future__ import annotations

from typing import Any

from inferstack.records.outputs import RecordedId
from inferstack.records.receipt import Item
from infra import naming
from infra.calls.aws import Aws
from infra.leftovers import sweep

STACK = "bench"
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:PutLogEvents","Resource":"*"}]}'


def tags(kind: str, stack: str = STACK) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": naming.STACK_TAG, "Value": stack}]}]


def network(aws: Aws, stack: str = STACK) -> dict[str, str]:
    """A NAT gateway with its address and the default route to it, and two security groups that name each other."""
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tags("elastic-ip", stack))["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, TagSpecifications=tags("natgateway", stack))["NatGateway"][
        "NatGatewayId"
    ]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    one = ec2.create_security_group(GroupName=f"{stack}-one", Description="d", VpcId=vpc, TagSpecifications=tags("security-group", stack))[
        "GroupId"
    ]
    two = ec2.create_security_group(GroupName=f"{stack}-two", Description="d", VpcId=vpc, TagSpecifications=tags("security-group", stack))[
        "GroupId"
    ]
    for group, other in ((one, two), (two, one)):
        pair = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": other}]}]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=pair)
    return {"vpc": vpc, "subnet": subnet, "table": table}


def of(aws: Aws, stack: str) -> tuple[Item, ...]:
    """What there is of a stack, by the sweep's own eyes, without touching it."""
    scope = sweep.scope_of(aws, stack)
    return tuple(
        Item(type=one.type, id=one.id, name=one.name) for one in sweep.look(aws, scope, sweep.kinds(base=False)) if scope.owns(one)
    )


def quick(aws: Aws, *recorded: RecordedId, **more: Any) -> sweep.SweepResult:
    return sweep.sweep(aws, STACK, recorded, sleep=lambda _: None, deadline_s=20, **more)


def test_an_account_with_nothing_of_the_stack_is_left_as_it_is(aws: Aws) -> None:
    """Nothing found, nothing deleted, nothing left."""
    assert sweep.SweepResult((), (), (), {"tag": 0, "id": 0, "name": 0}) == quick(aws)


def test_a_network_goes_by_its_tags_and_leaves_no_black_hole(aws: Aws) -> None:
    """Groups that name each other, a gateway, its address, and the untagged route in the base's table."""
    made = network(aws)
    result = quick(aws)
    assert () == result.left
    assert {"Route", "NatGateway", "Eip", "SecurityGroup"} == {item.type.split(":")[-1] for item in result.deleted}
    routes = aws.client("ec2").describe_route_tables(RouteTableIds=[made["table"]])["RouteTables"][0]["Routes"]
    assert not [route for route in routes if route.get("NatGatewayId")]


def test_what_another_stack_owns_is_never_touched(aws: Aws) -> None:
    """Not even when its id is in our record."""
    network(aws, "other")
    theirs = of(aws, "other")
    assert 5 == len(theirs)
    ours = [RecordedId(type=item.type, id=item.id, name=item.name) for item in theirs]
    assert () == quick(aws, *ours).found
    assert theirs == of(aws, "other")


def test_a_stack_whose_name_begins_like_ours_is_not_ours(aws: Aws) -> None:
    """`bench` must not take `bench-2` with it: names are compared whole."""
    aws.client("logs").create_log_group(logGroupName=naming.log_group("bench-2"))
    aws.client("secretsmanager").create_secret(Name=naming.api_key_secret("bench-2"), SecretString="x")
    assert () == quick(aws).found


def test_untagged_resources_are_found_by_name(aws: Aws) -> None:
    """A create that was cut off before its tags still has the name that the stack gives."""
    aws.client("logs").create_log_group(logGroupName=naming.log_group(STACK))
    aws.client("secretsmanager").create_secret(Name=naming.api_key_secret(STACK), SecretString="x")
    aws.client("scheduler").create_schedule_group(Name=naming.schedule_group(STACK))
    iam = aws.client("iam")
    iam.create_role(RoleName=naming.node_role(STACK), AssumeRolePolicyDocument="{}")
    iam.put_role_policy(RoleName=naming.node_role(STACK), PolicyName="p", PolicyDocument=POLICY)
    iam.create_instance_profile(InstanceProfileName=naming.node_role(STACK))
    iam.add_role_to_instance_profile(InstanceProfileName=naming.node_role(STACK), RoleName=naming.node_role(STACK))
    result = quick(aws)
    assert (5, 0, 5) == (len(result.deleted), len(result.left), result.swept_by["name"])


def test_untagged_resources_are_found_by_recorded_id(aws: Aws) -> None:
    """An endpoint whose tags were taken away is still the one that was recorded."""
    ec2 = aws.client("ec2")
    made = network(aws, "other")
    endpoint = ec2.create_vpc_endpoint(VpcId=made["vpc"], ServiceName="com.amazonaws.us-east-1.ssm", VpcEndpointType="Interface")[
        "VpcEndpoint"
    ]
    kind = "aws:ec2/vpcEndpoint:VpcEndpoint"
    result = quick(aws, RecordedId(type=kind, id=endpoint["VpcEndpointId"], name="ssm"))
    assert [(kind, endpoint["VpcEndpointId"])] == [(item.type, item.id) for item in result.deleted]
    assert {"tag": 0, "id": 1, "name": 0} == result.swept_by


def test_what_cannot_be_deleted_is_left_with_its_reason(aws: Aws) -> None:
    """`left` names it and says why; the command then exits 1."""
    made = network(aws, "other")
    ec2 = aws.client("ec2")
    held = ec2.create_network_interface(SubnetId=made["subnet"], TagSpecifications=tags("network-interface"))["NetworkInterface"]
    image = ec2.describe_images()["Images"][0]["ImageId"]
    theirs = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="m5.large")["Instances"][0]["InstanceId"]
    ec2.attach_network_interface(NetworkInterfaceId=held["NetworkInterfaceId"], InstanceId=theirs, DeviceIndex=1)
    left = sweep.sweep(aws, STACK, (), sleep=lambda _: None, deadline_s=0.5).left
    assert [held["NetworkInterfaceId"]] == [item.id for item in left]
    assert left[0].note


def test_a_base_goes_with_every_version_of_its_weights(aws: Aws) -> None:
    """Bucket with versions and markers, key, alias; only when the base is asked for."""
    s3, kms = aws.client("s3"), aws.client("kms")
    bucket = naming.bucket(STACK, account_id=aws.account_id(), region=aws.region)
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        s3.put_object(Bucket=bucket, Key="models/x", Body=body)
    s3.delete_object(Bucket=bucket, Key="models/x")
    key = kms.create_key(Tags=[{"TagKey": naming.STACK_TAG, "TagValue": STACK}])["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=naming.key_alias(STACK), TargetKeyId=key)
    assert () == quick(aws).found, "a cluster's sweep leaves the base alone"
    result = quick(aws, base=True)
    assert () == result.left
    assert {"Bucket", "Alias", "Key"} == {item.type.split(":")[-1] for item in result.deleted}
