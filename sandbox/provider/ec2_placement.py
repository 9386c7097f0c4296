"""aws:ec2 placement group."""

from __future__ import annotations

from sandbox.provider import tags
from sandbox.provider.cloud import Cloud
from sandbox.provider.ec2_find import one
from sandbox.provider.kind import Kind, Name, State, names
from sandbox.provider.values import Given


def kinds() -> list[Kind]:
    return [
        Kind(
            token="aws:ec2/placementGroup:PlacementGroup",
            service="ec2",
            operation="create_placement_group",
            request=lambda i: {
                "GroupName": i["name"],
                "Strategy": i["strategy"],
                "PartitionCount": i["partitionCount"],
                "SpreadLevel": i["spreadLevel"],
                "TagSpecifications": tags.at_creation("placement-group", i["tagsAll"]),
            },
            identify=lambda answer, i: str(i["name"]),
            read=_read,
            delete=lambda cloud, id, i: cloud.client("ec2").delete_placement_group(GroupName=id),
            fixed=names("name strategy partitionCount spreadLevel"),
            filled=names("partitionCount spreadLevel"),
            name=Name(longest=255),
            tagger=tags.EC2,
        )
    ]


def _read(cloud: Cloud, id: str, i: Given) -> State | None:
    found = one(cloud.client("ec2").describe_placement_groups(GroupNames=[id])["PlacementGroups"])
    if not found or found["State"] in ("deleting", "deleted"):
        return None
    return {
        "id": id,
        "name": id,
        "arn": found.get("GroupArn") or cloud.arn("ec2", f"placement-group/{id}"),
        "placementGroupId": found["GroupId"],
        "strategy": found["Strategy"],
        "partitionCount": found.get("PartitionCount", 0),
        "spreadLevel": found.get("SpreadLevel", ""),
        "tagsAll": tags.mapping(found.get("Tags")),
    }
