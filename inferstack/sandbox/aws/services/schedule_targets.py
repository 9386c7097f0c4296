"""EventBridge Scheduler's words read: `at(...)` expressions, universal targets and their input, each refused as the service refuses it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import botocore.session
from botocore.exceptions import UnknownServiceError
from botocore.validate import ParamValidator

READ_ONLY = ("get", "describe", "list", "poll", "receive", "search", "scan", "query", "select", "read", "lookup", "batchget")
UNIVERSAL = re.compile(r"arn:aws[a-z-]*:scheduler:::aws-sdk:([a-z0-9-]+):([a-z][A-Za-z0-9]*)")
AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")


class NotValid(Exception):
    """The message of a ValidationException."""


@dataclass(frozen=True)
class ScheduleTarget:
    """One call: `operation` is botocore's name of it, `method` boto3's."""

    service: str
    operation: str
    content: dict[str, Any]

    @property
    def action(self) -> str:
        return f"{self.service}:{self.operation}"


def due(expression: str, timezone: str | None) -> datetime:
    """The moment of a one-time schedule. Raises NotValid, also for what the sandbox does not fire."""
    found = AT.fullmatch(expression)
    if expression.startswith(("rate(", "cron(")):
        raise NotValid(f"the embedded AWS fires at(...) only, not {expression}")
    try:
        zone = ZoneInfo(timezone or "UTC")
        return datetime.fromisoformat(found.group(1)).replace(tzinfo=zone).astimezone(UTC) if found else _wrong(expression)
    except (ZoneInfoNotFoundError, ValueError):
        raise NotValid(f"Invalid Schedule Expression {expression}.") from None


def target(arn: str, content: str | None) -> ScheduleTarget:
    """Raises NotValid: no universal target, an unknown service or action, a read-only one, or input that the action does not take."""
    found = UNIVERSAL.fullmatch(arn)
    if found is None:
        raise NotValid(f"Provided Arn is not in correct format. {arn}")
    service, action = found.groups()
    operations = _operations(service)
    if action not in operations:
        raise NotValid(f"The service {service} or its action {action} is not supported by a universal target")
    if action.lower().startswith(READ_ONLY):
        raise NotValid(f"{action} is read-only, a universal target may not call it")
    return ScheduleTarget(service, operations[action], _input(service, operations[action], content or "{}"))


@cache
def _operations(service: str) -> dict[str, str]:
    """Return each operation by the name that a target writes: the operation's, with a small first letter."""
    try:
        names = _model(service).operation_names
    except UnknownServiceError:
        return {}
    return {name[0].lower() + name[1:]: name for name in names}


def _input(service: str, operation: str, text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise NotValid(f"Invalid RequestJson provided. Reason: {error}") from None
    if not isinstance(content, dict):
        raise NotValid("Invalid RequestJson provided. Reason: it is not an object")
    shape = _model(service).operation_model(operation).input_shape
    unknown = sorted(set(content) - set(shape.members)) if shape else sorted(content)
    if unknown:
        raise NotValid(f"Invalid RequestJson provided. Reason: the field {unknown[0]!r} is not supported for api {operation}")
    report = ParamValidator().validate(content, shape) if shape else None
    if report is not None and report.has_errors():
        raise NotValid(f"Invalid RequestJson provided. Reason: {report.generate_report().splitlines()[0]}")
    return content


@cache
def _model(service: str) -> Any:
    return botocore.session.Session().get_service_model(service)


def _wrong(expression: str) -> datetime:
    raise NotValid(f"Invalid Schedule Expression {expression}.")
