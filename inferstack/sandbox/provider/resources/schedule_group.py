"""aws:scheduler schedule group."""

from __future__ import annotations

from datetime import datetime

from inferstack.sandbox.provider.cloud.clients import Cloud, wait
from inferstack.sandbox.provider.cloud.refusals import is_gone
from inferstack.sandbox.provider.properties.values import Given
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.resource_type import FREE, OWN_ROW, Name, ResourceType, State, Tagger, names


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:scheduler/scheduleGroup:ScheduleGroup",
            service="scheduler",
            operation="create_schedule_group",
            request=lambda i: {"Name": i["name"], "Tags": tags.pairs(i["tagsAll"])},
            identify=lambda answer, i: str(i["name"]),
            read=_read_group,
            delete=_delete_group,
            fixed=names("name namePrefix"),
            name=Name(longest=64),
            tagger=Tagger(
                put=lambda cloud, state, found: cloud.client("scheduler").tag_resource(ResourceArn=state["arn"], Tags=tags.pairs(found)),
                drop=lambda cloud, state, keys: cloud.client("scheduler").untag_resource(ResourceArn=state["arn"], TagKeys=keys),
            ),
            sweep=OWN_ROW,
            price=FREE,
            actions=names(
                "scheduler:CreateScheduleGroup scheduler:GetScheduleGroup scheduler:DeleteScheduleGroup "
                "scheduler:ListTagsForResource scheduler:TagResource scheduler:UntagResource"
            ),
        )
    ]


def _read_group(cloud: Cloud, id: str, i: Given) -> State | None:
    scheduler = cloud.client("scheduler")
    found = scheduler.get_schedule_group(Name=id)
    if found["State"] == "DELETING":
        return None
    return {
        "id": id,
        "name": id,
        "namePrefix": "",
        "arn": found["Arn"],
        "state": found["State"],
        "creationDate": time_text(found.get("CreationDate")),
        "lastModificationDate": time_text(found.get("LastModificationDate")),
        "tagsAll": tags.mapping(scheduler.list_tags_for_resource(ResourceArn=found["Arn"]).get("Tags")),
    }


def time_text(found: datetime | str | None) -> str | None:
    return found.isoformat() if isinstance(found, datetime) else found


def _delete_group(cloud: Cloud, id: str, i: Given) -> None:
    cloud.client("scheduler").delete_schedule_group(Name=id)
    wait(lambda: _exists(cloud, id), until=lambda exists: not exists, what=f"the end of the schedule group {id}", seconds=300)


def _exists(cloud: Cloud, id: str) -> bool:
    """AWS deletes the group and its schedules in the background; until then its name is taken."""
    try:
        cloud.client("scheduler").get_schedule_group(Name=id)
    except cloud.client("scheduler").exceptions.ClientError as error:
        if is_gone(error):
            return False
        raise
    return True
