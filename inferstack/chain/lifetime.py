"""The end of a cluster's life: what is refused after it, and what is not begun shortly before it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from inferstack.cli.command import Command
from inferstack.records.errors import InputError
from inferstack.records.plan import Plan

if TYPE_CHECKING:
    from infra.calls.aws import Aws

USE_AT_LEAST = timedelta(minutes=15)
"""A choice, not a measurement: nodes that are ready for less time than this are not worth what they cost."""


def refuse_expired(command: Command) -> None:
    """Raises InputError after the end, before the world is opened: AWS has removed the nodes, only `up` makes them again."""
    ends = command.stack.record().expires_at
    if ends is not None and ends <= command.now():
        raise _gone(command, f"expired at {ends:%Y-%m-%d %H:%M} UTC; its nodes are gone")


def refuse_removed(command: Command, aws: Aws) -> None:
    """Raises InputError when AWS no longer has the group, whatever the records say: the reaper came, or a person."""
    from infra import naming
    from infra.calls import nodes

    name = naming.group(command.name)
    if not nodes.exists(aws, name):
        raise _gone(command, f"AWS has no group {name} any more; its nodes are gone")


def refuse_late(command: Command, plan: Plan, expires_at: datetime, *, rehearsal: bool) -> None:
    """Raises InputError before nodes are started that the end of the stack would remove before they had served.

    The weights may have taken hours since the end was fixed. A rehearsal's nodes are ready at once: theirs must only not be over.
    """
    ready = timedelta(seconds=plan.time_to_ready.total.value if plan.time_to_ready else 0.0)
    needed = timedelta(0) if rehearsal else ready + USE_AT_LEAST
    left = expires_at - command.now()
    if left <= needed:
        raise InputError(
            f"--stack {command.name}: it expires at {expires_at:%H:%M} UTC, in {_minutes(left)} min; nodes need {_minutes(ready)} min to "
            f"be ready and {_minutes(USE_AT_LEAST)} min of use; none was started",
            hint=f"inferstack extend --stack {command.name} --by 4h, then inferstack up --stack {command.name}",
        )


def _gone(command: Command, why: str) -> InputError:
    name = command.name
    return InputError(
        f"--stack {name}: {why}", hint=f"inferstack up --stack {name} builds it again, inferstack down --stack {name} removes what is left"
    )


def _minutes(span: timedelta) -> int:
    return max(0, round(span.total_seconds() / 60))
