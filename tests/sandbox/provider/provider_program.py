"""A program that uses every type that the rehearsal has and every output that a program is likely to read."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws

STACK = "inferstack:stack"
CANARY = "c4n4ry-5f1e"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **each} for each in statements]})


def trust(*services: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": list(services)}}],
        }
    )


def everything(image: str) -> None:
    net = Network()
    key = aws.kms.Key("key", description="weights", enable_key_rotation=True, deletion_window_in_days=7, tags={"Name": "key"})
    alias = aws.kms.Alias("key", target_key_id=key.key_id)
    bucket(key)
    role = aws.iam.Role("node", assume_role_policy=trust("ec2.amazonaws.com", "scheduler.amazonaws.com"), tags={"Name": "node"})
    aws.iam.RolePolicyAttachment("ssm", role=role.name, policy_arn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")
    aws.iam.RolePolicy("read", role=role.id, policy=policy({"Action": ["s3:GetObject"]}))
    profile = aws.iam.InstanceProfile("node", role=role.name)
    group = nodes(net, key, profile, image)
    services(role, group, key)
    pulumi.export("alias", alias.target_key_arn)
    pulumi.export("vpc", net.vpc.main_route_table_id)


class Network:
    def __init__(self) -> None:
        self.vpc = aws.ec2.Vpc("net", cidr_block="10.0.0.0/16", enable_dns_hostnames=True, tags={"Name": "net"})
        zones = aws.get_availability_zones_output(state="available")
        self.subnet = aws.ec2.Subnet("a", vpc_id=self.vpc.id, cidr_block="10.0.0.0/20", availability_zone=zones.names[0])
        self.nodes = aws.ec2.SecurityGroup("nodes", vpc_id=self.vpc.id, description="nodes", tags={"Name": "nodes"})
        aws.ec2.DefaultSecurityGroup("closed", vpc_id=self.vpc.id)
        self._egress()
        self._endpoints()

    def _egress(self) -> None:
        gateway = aws.ec2.InternetGateway("net", vpc_id=self.vpc.id)
        address = aws.ec2.Eip("nat", domain="vpc", tags={"Name": "nat"})
        nat = aws.ec2.NatGateway("nat", subnet_id=self.subnet.id, allocation_id=address.id)
        self.table = aws.ec2.RouteTable("public", vpc_id=self.vpc.id)
        aws.ec2.RouteTable("private", vpc_id=self.vpc.id, routes=[{"cidr_block": "0.0.0.0/0", "nat_gateway_id": nat.id}])
        aws.ec2.Route("out", route_table_id=self.table.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id)
        aws.ec2.RouteTableAssociation("public", route_table_id=self.table.id, subnet_id=self.subnet.id)

    def _endpoints(self) -> None:
        web = {"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": ["10.0.0.0/16"]}
        group = aws.ec2.SecurityGroup("endpoints", vpc_id=self.vpc.id, ingress=[web])
        s3 = aws.ec2.VpcEndpoint("s3", vpc_id=self.vpc.id, service_name="com.amazonaws.us-east-1.s3", route_table_ids=[self.table.id])
        aws.ec2.VpcEndpoint(
            "ssm",
            vpc_id=self.vpc.id,
            service_name="com.amazonaws.us-east-1.ssm",
            vpc_endpoint_type="Interface",
            subnet_ids=[self.subnet.id],
            security_group_ids=[group.id],
            private_dns_enabled=True,
        )
        to = {"security_group_id": self.nodes.id}
        https = {"ip_protocol": "tcp", "from_port": 443, "to_port": 443}
        aws.vpc.SecurityGroupEgressRule("s3", **to, **https, prefix_list_id=s3.prefix_list_id, description="weights")
        aws.vpc.SecurityGroupEgressRule("ssm", **to, **https, referenced_security_group_id=group.id)
        aws.vpc.SecurityGroupIngressRule("efa", **to, ip_protocol="-1", referenced_security_group_id=self.nodes.id, tags={"Name": "efa"})


def bucket(key: aws.kms.Key) -> None:
    made = aws.s3.Bucket("weights", force_destroy=True, tags={"Name": "weights"})
    aws.s3.BucketVersioning("weights", bucket=made.id, versioning_configuration={"status": "Enabled"})
    aws.s3.BucketServerSideEncryptionConfiguration(
        "weights",
        bucket=made.id,
        rules=[
            {
                "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn},
                "bucket_key_enabled": True,
            }
        ],
    )
    aws.s3.BucketPublicAccessBlock(
        "weights",
        bucket=made.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
    )
    aws.s3.BucketOwnershipControls("weights", bucket=made.id, rule={"object_ownership": "BucketOwnerEnforced"})
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    aws.s3.BucketPolicy("weights", bucket=made.id, policy=made.arn.apply(lambda arn: policy({**deny, "Resource": [arn, f"{arn}/*"]})))
    abort = {"id": "abort", "status": "Enabled", "filter": {}, "abort_incomplete_multipart_upload": {"days_after_initiation": 2}}
    old = {"id": "old", "status": "Enabled", "filter": {"prefix": "models/"}, "noncurrent_version_expiration": {"noncurrent_days": 30}}
    aws.s3.BucketLifecycleConfiguration("weights", bucket=made.id, rules=[abort, old])


def nodes(net: Network, key: aws.kms.Key, profile: aws.iam.InstanceProfile, image: str) -> aws.autoscaling.Group:
    disk = {"volume_size": 500, "volume_type": "gp3", "iops": 6000, "throughput": 500, "encrypted": "true", "kms_key_id": key.arn}
    card = {"interface_type": "efa", "security_groups": [net.nodes.id], "associate_public_ip_address": "false"}
    template = aws.ec2.LaunchTemplate(
        "node",
        image_id=image,
        instance_type="p5.48xlarge",
        update_default_version=True,
        block_device_mappings=[{"device_name": "/dev/sda1", "ebs": {**disk, "delete_on_termination": "true"}}],
        metadata_options={"http_tokens": "required", "http_endpoint": "enabled", "http_put_response_hop_limit": 1},
        iam_instance_profile={"arn": profile.arn},
        monitoring={"enabled": True},
        user_data="I2Nsb3VkLWNvbmZpZwo=",
        network_interfaces=[{**card, "device_index": min(n, 1), "network_card_index": n} for n in range(4)],
        tag_specifications=[{"resource_type": kind, "tags": {STACK: "t", "Name": "node"}} for kind in ("instance", "volume")],
    )
    return aws.autoscaling.Group(
        "node",
        min_size=0,
        max_size=2,
        desired_capacity=0,
        launch_template={"id": template.id, "version": template.latest_version},
        vpc_zone_identifiers=[net.subnet.id],
        wait_for_capacity_timeout="0",
        force_delete=True,
        tags=[{"key": STACK, "value": "t", "propagate_at_launch": True}],
    )


def services(role: aws.iam.Role, group: aws.autoscaling.Group, key: aws.kms.Key) -> None:
    aws.cloudwatch.LogGroup("logs", name="/inferstack/t", retention_in_days=14)
    aws.secretsmanager.Secret("key", name="inferstack/t/api-key", recovery_window_in_days=0, kms_key_id=key.arn)
    aws.ssm.Parameter("token", name="/inferstack/t/token", type="SecureString", value=pulumi.Output.secret(CANARY))
    aws.budgets.Budget(
        "budget",
        budget_type="COST",
        time_unit="MONTHLY",
        limit_amount="100",
        limit_unit="USD",
        cost_filters=[{"name": "TagKeyValue", "values": ["user:inferstack:stack$t"]}],
        notifications=[
            {
                "comparison_operator": "GREATER_THAN",
                "threshold": 80,
                "threshold_type": "PERCENTAGE",
                "notification_type": "FORECASTED",
                "subscriber_email_addresses": ["ops@example.com"],
            }
        ],
    )
    reaper = aws.scheduler.ScheduleGroup("reaper")
    aws.scheduler.Schedule(
        "group",
        group_name=reaper.name,
        schedule_expression="at(2030-01-01T00:00:00)",
        flexible_time_window={"mode": "OFF"},
        action_after_completion="DELETE",
        target={
            "arn": "arn:aws:scheduler:::aws-sdk:autoscaling:deleteAutoScalingGroup",
            "role_arn": role.arn,
            "input": group.name.apply(lambda name: json.dumps({"AutoScalingGroupName": name, "ForceDelete": True})),
            "retry_policy": {"maximum_event_age_in_seconds": 3600, "maximum_retry_attempts": 10},
        },
    )
