"""EventBridge Scheduler: an expression, target or role that cannot work is refused when the schedule is made, not when it should fire."""

from __future__ import annotations

import json
from typing import Any

from moto.iam.models import iam_backends
from moto.scheduler.exceptions import ScheduleGroupNotFound, ValidationException
from moto.scheduler.models import EventBridgeSchedulerBackend
from moto.scheduler.responses import EventBridgeSchedulerResponse

from inferstack.sandbox.aws.gaps.iam import boundary_of_role, documents_of_role
from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.rights import policies
from inferstack.sandbox.aws.services import schedule_targets
from inferstack.sandbox.aws.world import SandboxWorld

PRINCIPAL = "scheduler.amazonaws.com"


def patches(world: SandboxWorld) -> list[Patch]:
    return [
        Patch(EventBridgeSchedulerBackend, "create_schedule", _checked),
        Patch(EventBridgeSchedulerBackend, "update_schedule", _checked),
        Patch(EventBridgeSchedulerResponse, "update_schedule", _completing),
    ]


def role_may(account_id: str, role_arn: str, action: str) -> bool:
    try:
        backend, name = iam_backends[account_id]["aws"], role_arn.rsplit("/", 1)[-1]
        documents, boundary = documents_of_role(backend, name), boundary_of_role(backend, name)
    except Exception:  # noqa: BLE001  a role that is gone may nothing
        return False
    return all(policies.on_something(each, action) for each in (documents, boundary) if each is not None)


def _checked(moto: Any) -> Any:
    def with_checks(self: EventBridgeSchedulerBackend, **given: Any) -> Any:
        if (given.get("group_name") or "default") not in self.schedule_groups:
            raise ScheduleGroupNotFound(given["group_name"])
        wanted = given["target"]
        try:
            schedule_targets.due(given["schedule_expression"], given.get("schedule_expression_timezone"))
            schedule_targets.target(wanted["Arn"], wanted.get("Input"))
        except schedule_targets.NotValid as error:
            raise ValidationException(str(error)) from None
        _refuse_role(self, given.get("group_name") or "default", str(wanted.get("RoleArn")))
        return moto(self, **given)

    return with_checks


def _completing(moto: Any) -> Any:
    """moto forgets ActionAfterCompletion in an update, and leaves a schedule without a state when none is given."""

    def update_schedule(self: EventBridgeSchedulerResponse) -> str:
        answer = str(moto(self))
        schedule = self.scheduler_backend.get_schedule(self._get_param("GroupName"), self.uri.split("?")[0].split("/")[-1])
        schedule.state = schedule.state or "ENABLED"
        schedule.action_after_completion = self._get_param("ActionAfterCompletion") or "NONE"
        return answer

    return update_schedule


def _refuse_role(self: EventBridgeSchedulerBackend, group: str, role_arn: str) -> None:
    """The role must exist and trust the scheduler, for schedules of this very group where it asks for one."""
    roles: Any = iam_backends[self.account_id]["aws"].roles.values()
    role = next((role for role in roles if role.arn == role_arn), None)
    context = {"aws:SourceAccount": self.account_id, "aws:SourceArn": self.schedule_groups[group].arn}
    trust = json.loads(role.assume_role_policy_document) if role is not None else {}
    if not any(_names_scheduler(statement) and policies.met(statement, context) for statement in policies.allowing(trust)):
        raise ValidationException("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")


def _names_scheduler(statement: dict[str, Any]) -> bool:
    services = (statement.get("Principal") or {}).get("Service", [])
    return PRINCIPAL in ([services] if isinstance(services, str) else services)
