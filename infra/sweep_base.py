"""Sweep rows of a base stack: bucket with its versions, key, budget, network. Asked for only when a base goes on purpose."""

from __future__ import annotations

from collections.abc import Iterator

from infra import sweep_network
from infra.aws import Aws, code_of
from infra.naming import PROJECT
from infra.sweep_kind import Kind, Seen, ec2, ec2_delete, pages, tags_of

KEY_DELETION_DAYS = 7
MOST_KEYS_A_CALL = 1000


def buckets(aws: Aws) -> Iterator[Seen]:
    client = aws.client("s3")
    for entry in client.list_buckets()["Buckets"]:
        if entry["Name"].startswith(PROJECT):
            try:
                tags = tags_of(client.get_bucket_tagging(Bucket=entry["Name"])["TagSet"])
            except client.exceptions.ClientError as error:
                if code_of(error) not in {"NoSuchTagSet", "NoSuchBucket"}:
                    raise
                tags = {}
            yield Seen(entry["Name"], entry["Name"], tags)


def delete_bucket(aws: Aws, seen: Seen) -> object:
    client = aws.client("s3")
    for page in client.get_paginator("list_object_versions").paginate(Bucket=seen.id):
        versions = [
            {"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
        ]
        for start in range(0, len(versions), MOST_KEYS_A_CALL):
            client.delete_objects(Bucket=seen.id, Delete={"Objects": versions[start : start + MOST_KEYS_A_CALL], "Quiet": True})
    for upload in list(pages(aws, "s3", "list_multipart_uploads", "Uploads", Bucket=seen.id)):
        client.abort_multipart_upload(Bucket=seen.id, Key=upload["Key"], UploadId=upload["UploadId"])
    return client.delete_bucket(Bucket=seen.id)


def aliases(aws: Aws) -> Iterator[Seen]:
    for entry in pages(aws, "kms", "list_aliases", "Aliases"):
        if entry["AliasName"].startswith(f"alias/{PROJECT}"):
            yield Seen(entry["AliasName"], entry["AliasName"])


def keys(aws: Aws) -> Iterator[Seen]:
    """Customer keys that are not on their way out already."""
    client = aws.client("kms")
    for entry in pages(aws, "kms", "list_keys", "Keys"):
        about = client.describe_key(KeyId=entry["KeyId"])["KeyMetadata"]
        if about.get("KeyManager") == "CUSTOMER" and about.get("KeyState") != "PendingDeletion":
            tags = {tag["TagKey"]: tag["TagValue"] for tag in client.list_resource_tags(KeyId=entry["KeyId"]).get("Tags", [])}
            yield Seen(entry["KeyId"], tags.get("Name", ""), tags)


def budgets(aws: Aws) -> Iterator[Seen]:
    account = aws.account_id()
    for entry in pages(aws, "budgets", "describe_budgets", "Budgets", AccountId=account):
        if entry["BudgetName"].startswith(PROJECT):
            yield Seen(f"{account}:{entry['BudgetName']}", entry["BudgetName"], about=account)


def delete_subnet_association(aws: Aws, seen: Seen) -> object:
    client = aws.client("ec2")
    for association in seen.about.get("Associations", []):
        if not association.get("Main"):
            client.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
    return client.delete_route_table(RouteTableId=seen.id)


def delete_internet_gateway(aws: Aws, seen: Seen) -> object:
    client = aws.client("ec2")
    for attachment in seen.about.get("Attachments", []):
        client.detach_internet_gateway(InternetGatewayId=seen.id, VpcId=attachment["VpcId"])
    return client.delete_internet_gateway(InternetGatewayId=seen.id)


KINDS = (
    *(kind for kind in sweep_network.KINDS if kind.type != "aws:ec2/eip:Eip"),
    Kind("aws:s3/bucket:Bucket", buckets, delete_bucket),
    Kind(
        "aws:budgets/budget:Budget",
        budgets,
        lambda aws, seen: aws.client("budgets").delete_budget(AccountId=seen.about, BudgetName=seen.name),
    ),
    Kind("aws:kms/alias:Alias", aliases, lambda aws, seen: aws.client("kms").delete_alias(AliasName=seen.id)),
    Kind(
        "aws:kms/key:Key",
        keys,
        lambda aws, seen: aws.client("kms").schedule_key_deletion(KeyId=seen.id, PendingWindowInDays=KEY_DELETION_DAYS),
    ),
    Kind(
        "aws:ec2/routeTable:RouteTable",
        ec2(
            "describe_route_tables",
            "RouteTables",
            "RouteTableId",
            gone=lambda entry: any(a.get("Main") for a in entry.get("Associations", ())),
        ),
        delete_subnet_association,
    ),
    Kind("aws:ec2/subnet:Subnet", ec2("describe_subnets", "Subnets", "SubnetId"), ec2_delete("delete_subnet", "SubnetId")),
    Kind(
        "aws:ec2/internetGateway:InternetGateway",
        ec2("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
        delete_internet_gateway,
    ),
    Kind("aws:ec2/vpc:Vpc", ec2("describe_vpcs", "Vpcs", "VpcId"), ec2_delete("delete_vpc", "VpcId")),
)
