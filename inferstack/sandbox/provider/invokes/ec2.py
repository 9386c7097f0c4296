"""aws.ec2.get_ami, get_vpc, get_subnet and get_subnets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.refusals import Mistake
from inferstack.sandbox.provider.properties.casing import camel
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.ec2.vpc import VPC_ATTRIBUTES


def ami(cloud: Cloud, asked: Given) -> dict[str, Any]:
    owners = {"Owners": asked["owners"]} if asked["owners"] else {}
    images = cloud.client("ec2").describe_images(**owners, **_filters(asked, {}))["Images"]
    named = [each for each in images if re.search(asked["nameRegex"] or "", each.get("Name", ""))]
    if len(named) > 1 and not asked["mostRecent"]:
        raise Mistake("mostRecent", f"the query finds {len(named)} images: narrow it, or set mostRecent")
    if not named:
        raise Mistake("filters", "the query finds no image in the rehearsal")
    found = max(named, key=lambda each: str(each.get("CreationDate", "")))
    shown = {name: value for name, value in camel(found).items() if name not in ("tags", "blockDeviceMappings", "productCodes")}
    id = str(found["ImageId"])
    return {
        **shown,
        "id": id,
        "imageId": id,
        "arn": f"arn:aws:ec2:{cloud.region}::image/{id}",
        "tags": tags.mapping(found.get("Tags")),
        "blockDeviceMappings": [],
        "productCodes": [],
    }


def vpc(cloud: Cloud, asked: Given) -> dict[str, Any]:
    ids = {"VpcIds": [asked["id"]]} if asked["id"] else {}
    own = {"cidr": asked["cidrBlock"], "is-default": _flag(asked["default"]), "state": asked["state"]}
    found = _single(cloud.client("ec2").describe_vpcs(**ids, **_filters(asked, own))["Vpcs"], "VPC")
    id = found["VpcId"]
    main = cloud.client("ec2").describe_route_tables(Filters=[_filter("vpc-id", id), _filter("association.main", "true")])["RouteTables"]
    return {
        **_vpc_attributes(cloud, id),
        "id": id,
        "arn": cloud.arn("ec2", f"vpc/{id}"),
        "cidrBlock": found["CidrBlock"],
        "default": found.get("IsDefault", False),
        "dhcpOptionsId": found.get("DhcpOptionsId"),
        "instanceTenancy": found.get("InstanceTenancy"),
        "ownerId": found.get("OwnerId"),
        "state": found["State"],
        "mainRouteTableId": main[0]["RouteTableId"] if main else None,
        "tags": tags.mapping(found.get("Tags")),
    }


def _vpc_attributes(cloud: Cloud, id: str) -> dict[str, Any]:
    ec2 = cloud.client("ec2")
    return {ours: ec2.describe_vpc_attribute(VpcId=id, Attribute=ours)[theirs]["Value"] for ours, theirs in VPC_ATTRIBUTES.items()}


def subnet(cloud: Cloud, asked: Given) -> dict[str, Any]:
    ids = {"SubnetIds": [asked["id"]]} if asked["id"] else {}
    found = _single(cloud.client("ec2").describe_subnets(**ids, **_filters(asked, _subnet_filters(asked)))["Subnets"], "subnet")
    return {
        "id": found["SubnetId"],
        "arn": found.get("SubnetArn") or cloud.arn("ec2", f"subnet/{found['SubnetId']}"),
        "vpcId": found["VpcId"],
        "cidrBlock": found["CidrBlock"],
        "availabilityZone": found["AvailabilityZone"],
        "availabilityZoneId": found.get("AvailabilityZoneId"),
        "availableIpAddressCount": found.get("AvailableIpAddressCount"),
        "mapPublicIpOnLaunch": found.get("MapPublicIpOnLaunch", False),
        "defaultForAz": found.get("DefaultForAz", False),
        "ownerId": found.get("OwnerId"),
        "state": found["State"],
        "tags": tags.mapping(found.get("Tags")),
    }


def subnets(cloud: Cloud, asked: Given) -> dict[str, Any]:
    found = cloud.client("ec2").describe_subnets(**_filters(asked, {}))["Subnets"]
    return {"id": cloud.region, "ids": [each["SubnetId"] for each in found], "tags": dict(asked["tags"] or {})}


def _subnet_filters(asked: Given) -> dict[str, str | None]:
    return {
        "vpc-id": asked["vpcId"],
        "cidr-block": asked["cidrBlock"],
        "availability-zone": asked["availabilityZone"],
        "availability-zone-id": asked["availabilityZoneId"],
        "default-for-az": _flag(asked["defaultForAz"]),
        "state": asked["state"],
    }


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()


def _filters(asked: Given, own: Mapping[str, str | None]) -> dict[str, Any]:
    named = [_filter(name, value) for name, value in own.items() if value]
    tagged = [_filter(f"tag:{key}", value) for key, value in (asked["tags"] or {}).items()]
    free = [{"Name": each["name"], "Values": list(each["values"])} for each in asked["filters"] or []]
    every = [*named, *tagged, *free]
    return {"Filters": every} if every else {}


def _filter(name: str, value: str) -> dict[str, Any]:
    return {"Name": name, "Values": [value]}


def _single(found: list[dict[str, Any]], what: str) -> dict[str, Any]:
    if len(found) != 1:
        raise Mistake("filters", f"the query finds {len(found)} of {what}; it must find exactly one")
    return found[0]


INVOKES: Mapping[str, Callable[[Cloud, Given], dict[str, Any]]] = {
    "aws:ec2/getAmi:getAmi": ami,
    "aws:ec2/getVpc:getVpc": vpc,
    "aws:ec2/getSubnet:getSubnet": subnet,
    "aws:ec2/getSubnets:getSubnets": subnets,
}
