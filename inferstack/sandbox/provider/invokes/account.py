"""aws.get_caller_identity, get_region, get_partition, get_availability_zones and ssm.get_parameter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.refusals import Mistake, is_gone
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.properties.wire import Secret


def caller_identity(cloud: Cloud, asked: Given) -> dict[str, Any]:
    found = cloud.client("sts").get_caller_identity()
    return {"id": found["Account"], "accountId": found["Account"], "arn": found["Arn"], "userId": found["UserId"]}


def region(cloud: Cloud, asked: Given) -> dict[str, Any]:
    name = asked["name"] or cloud.region
    return {"id": name, "name": name, "region": name, "description": _description(name), "endpoint": f"ec2.{name}.amazonaws.com"}


def _description(name: str) -> str:
    from botocore.loaders import Loader

    partitions = Loader().load_data("endpoints")["partitions"]
    found = next((each["regions"][name] for each in partitions if name in each["regions"]), None)
    if not found:
        raise Mistake("name", f"AWS has no region {name}")
    return str(found["description"])


def partition(cloud: Cloud, asked: Given) -> dict[str, Any]:
    return {"id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}


def availability_zones(cloud: Cloud, asked: Given) -> dict[str, Any]:
    zones = [
        each for each in cloud.client("ec2").describe_availability_zones()["AvailabilityZones"] if _passes(each, asked["filters"] or ())
    ]
    wanted = [each for each in zones if not asked["state"] or each["State"] == asked["state"]]
    kept = [
        each
        for each in wanted
        if each["ZoneName"] not in (asked["excludeNames"] or ()) and each["ZoneId"] not in (asked["excludeZoneIds"] or ())
    ]
    return {
        "id": cloud.region,
        "names": [each["ZoneName"] for each in kept],
        "zoneIds": [each["ZoneId"] for each in kept],
        "groupNames": sorted({each.get("GroupName", cloud.region) for each in kept}),
    }


def _passes(zone: Mapping[str, Any], filters: Sequence[Mapping[str, Any]]) -> bool:
    for each in filters:
        if each["name"] not in ZONE_FILTERS:
            raise Mistake("filters", f"the rehearsal has no filter {each['name']}; it has {', '.join(ZONE_FILTERS)}")
    # AWS answers this status for every availability zone; moto, which has no Local Zones, leaves it out.
    told = {"OptInStatus": "opt-in-not-required", **zone}
    return all(told.get(ZONE_FILTERS[each["name"]]) in each["values"] for each in filters)


ZONE_FILTERS = {
    "group-name": "GroupName",
    "opt-in-status": "OptInStatus",
    "region-name": "RegionName",
    "state": "State",
    "zone-id": "ZoneId",
    "zone-name": "ZoneName",
    "zone-type": "ZoneType",
}


def ssm_parameter(cloud: Cloud, asked: Given) -> dict[str, Any]:
    ssm = cloud.client("ssm")
    try:
        found = ssm.get_parameter(Name=asked["name"], WithDecryption=asked["withDecryption"] is not False)["Parameter"]
    except ssm.exceptions.ClientError as error:
        if is_gone(error):
            raise Mistake("name", f"there is no parameter {asked['name']}") from None
        raise
    insecure = None if found["Type"] == "SecureString" else found["Value"]
    return {
        "id": asked["name"],
        "arn": found["ARN"],
        "name": found["Name"],
        "type": found["Type"],
        "value": Secret(found["Value"]),
        "insecureValue": insecure,
        "version": found["Version"],
    }


INVOKES: Mapping[str, Callable[[Cloud, Given], dict[str, Any]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": caller_identity,
    "aws:index/getRegion:getRegion": region,
    "aws:index/getPartition:getPartition": partition,
    "aws:index/getAvailabilityZones:getAvailabilityZones": availability_zones,
    "aws:ssm/getParameter:getParameter": ssm_parameter,
}
