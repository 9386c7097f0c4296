"""aws:scheduler schedule. It carries no tags: its group does, and takes it along."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.request_shapes import fit
from inferstack.sandbox.provider.properties.casing import camel, pascal
from inferstack.sandbox.provider.properties.values import Given, project, same
from inferstack.sandbox.provider.resources.resource_type import FREE, OWN_ROW, Name, ResourceType, State, names
from inferstack.sandbox.provider.resources.schedule_group import time_text

BODY = (
    "actionAfterCompletion description endDate flexibleTimeWindow kmsKeyArn scheduleExpression "
    "scheduleExpressionTimezone startDate state target"
)

TARGET = {
    "sagemakerPipelineParameters": "SageMakerPipelineParameters",
    "eventbridgeParameters": "EventBridgeParameters",
    "capacityProviderStrategies": "CapacityProviderStrategy",
    "pipelineParameters": "PipelineParameterList",
    "enableEcsManagedTags": "EnableECSManagedTags",
}


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:scheduler/schedule:Schedule",
            service="scheduler",
            operation="create_schedule",
            request=lambda i: {"Name": i["name"], "GroupName": i["groupName"], **_body(i)},
            identify=lambda answer, i: f"{i['groupName']}/{i['name']}",
            read=_read_schedule,
            converge=_converge_schedule,
            delete=lambda cloud, id, i: cloud.client("scheduler").delete_schedule(**_place(id)),
            fixed=names("name namePrefix groupName"),
            mutable=names(BODY),
            defaults={"groupName": "default", "scheduleExpressionTimezone": "UTC", "state": "ENABLED"},
            filled=names("actionAfterCompletion"),
            name=Name(longest=64),
            wrong=_wrong_schedule,
            sweep=OWN_ROW,
            price=FREE,
            actions=names("scheduler:CreateSchedule scheduler:GetSchedule scheduler:UpdateSchedule scheduler:DeleteSchedule"),
        )
    ]


EXPRESSION = re.compile(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)|rate\([1-9]\d* (minute|hour|day)s?\)|cron\(\S+( \S+){5}\)")


def _wrong_schedule(i: Given) -> dict[str, str]:
    text = i["scheduleExpression"]
    if text is None or EXPRESSION.fullmatch(text):
        return {}
    return {"scheduleExpression": f"{text!r} is neither at(YYYY-MM-DDTHH:MM:SS), rate(N minutes|hours|days) nor cron(six fields)"}


def _place(id: str) -> dict[str, str]:
    group, name = id.split("/", 1)
    return {"GroupName": group, "Name": name}


def _body(i: Mapping[str, Any]) -> dict[str, Any]:
    return dict(pascal({name: i[name] for name in BODY.split() if i.get(name) is not None}, TARGET))


def _read_schedule(cloud: Cloud, id: str, i: Given) -> State | None:
    found = cloud.client("scheduler").get_schedule(**_place(id))
    shown = camel({name: value for name, value in found.items() if name != "ResponseMetadata"}, TARGET)
    retry = {"retryPolicy": {"maximumEventAgeInSeconds": 86400, "maximumRetryAttempts": 185}}
    return {
        **{name: shown.get(name) for name in BODY.split()},
        "target": {**retry, **{name: value for name, value in shown["target"].items() if value}},
        "startDate": time_text(shown.get("startDate")),
        "endDate": time_text(shown.get("endDate")),
        "description": shown.get("description", ""),
        "id": id,
        "name": shown["name"],
        "namePrefix": "",
        "groupName": shown["groupName"],
        "arn": shown["arn"],
    }


def _converge_schedule(cloud: Cloud, state: State, wanted: Given) -> None:
    """UpdateSchedule replaces the whole schedule."""
    if all(same(project(wanted[name], state.get(name)), wanted[name]) for name in BODY.split()):
        return
    params, _ = fit("scheduler", "update_schedule", {**_place(state["id"]), **_body(wanted)})
    cloud.client("scheduler").update_schedule(**params)
