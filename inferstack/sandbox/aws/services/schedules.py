"""Fires EventBridge schedules: when the sandbox's clock passes one, its call is made against our own door, and retried as asked."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from inferstack.sandbox.aws.services import schedule_targets
from inferstack.sandbox.aws.services.schedule_targets import ScheduleTarget
from inferstack.sandbox.aws.world import SandboxWorld

FIRST_RETRY_S = 2.0
MAX_RETRY_S = 300.0
Call = Callable[[str, ScheduleTarget], None]
"""Region and target; raises what the call raised."""


class ScheduleClock:
    """Real time plus what was advanced. Only schedules look at it."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def advance(self, seconds: float) -> None:
        if not 0 <= seconds <= 366 * 86400:
            raise ValueError("seconds must be from 0 to a year")
        self.offset += timedelta(seconds=seconds)


@dataclass
class Attempts:
    """The attempts of one schedule at one moment."""

    moment: datetime
    made: int = 0
    next_at: datetime | None = None
    over: bool = False


class Schedules:
    def __init__(
        self, world: SandboxWorld, clock: ScheduleClock, call: Call, *, may: Callable[[str, str], bool], say: Callable[[str], None]
    ) -> None:
        self._world = world
        self._clock = clock
        self._call = call
        self._may = may
        self._say = say
        self._attempts: dict[str, Attempts] = {}
        self._one_step = threading.Lock()
        self._closed = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._loop, name="schedules", daemon=True).start()

    def close(self) -> None:
        self._closed.set()

    def step(self) -> None:
        """Fires everything that is due now."""
        with self._one_step:
            for backend, schedule in self._due():
                self._fire(backend, schedule)

    def _loop(self) -> None:
        while not self._closed.wait(1.0):
            try:
                self.step()
            except Exception:  # noqa: BLE001  one bad schedule may not stop the others
                traceback.print_exc()

    def _due(self) -> list[tuple[Any, Any]]:
        from moto.scheduler.models import scheduler_backends

        with self._world.lock:
            every = [
                (backend, schedule)
                for account in list(scheduler_backends.values())
                for backend in list(account.values())
                for group in list(backend.schedule_groups.values())
                for schedule in list(group.schedules.values())
            ]
            return [(backend, schedule) for backend, schedule in every if self._is_due(schedule)]

    def _is_due(self, schedule: Any) -> bool:
        if schedule.state != "ENABLED":
            return False
        moment = schedule_targets.due(schedule.schedule_expression, schedule.schedule_expression_timezone)
        attempts = self._attempts.get(schedule.arn)
        if attempts is None or attempts.moment != moment:
            attempts = self._attempts[schedule.arn] = Attempts(moment)
        return not attempts.over and self._clock.now() >= (attempts.next_at or moment)

    def _fire(self, backend: Any, schedule: Any) -> None:
        attempts = self._attempts[schedule.arn]
        attempts.made += 1
        wanted = schedule_targets.target(schedule.target["Arn"], schedule.target.get("Input"))
        error = self._called(backend.region_name, schedule, wanted)
        name = f"schedule {schedule.group_name}/{schedule.name}: {wanted.action}"
        if error is None:
            self._say(f"{name} done")
        elif (again := self._retry_at(schedule, attempts)) is not None:
            self._say(f"{name} failed, attempt {attempts.made}: {error}")
            attempts.next_at = again
            return
        else:
            self._say(f"{name} given up after {attempts.made} attempts: {error}")
        attempts.over = True
        if schedule.action_after_completion == "DELETE":
            self._delete(backend, schedule)

    def _called(self, region: str, schedule: Any, wanted: ScheduleTarget) -> str | None:
        role = schedule.target["RoleArn"]
        if not self._may(role, wanted.action):
            return f"AccessDenied: {role} may not call {wanted.action}"
        try:
            self._call(region, wanted)
        except Exception as error:  # noqa: BLE001  whatever the call answers decides about the retry
            return f"{type(error).__name__}: {error}"
        return None

    def _retry_at(self, schedule: Any, attempts: Attempts) -> datetime | None:
        policy = schedule.target["RetryPolicy"]
        if attempts.made > int(policy.get("MaximumRetryAttempts", 185)):
            return None
        again = self._clock.now() + timedelta(seconds=min(FIRST_RETRY_S * 2 ** (attempts.made - 1), MAX_RETRY_S))
        oldest = attempts.moment + timedelta(seconds=int(policy.get("MaximumEventAgeInSeconds", 86400)))
        return again if again <= oldest else None

    def _delete(self, backend: Any, schedule: Any) -> None:
        with self._world.lock:
            group = backend.schedule_groups.get(schedule.group_name)
            if group is not None:
                group.schedules.pop(schedule.name, None)


def call_ourselves(endpoint_url: str, access_key: str) -> Call:
    """Return a call to our own loopback address with the key of the embedded AWS: the schedule's role was judged before."""

    def call(region: str, wanted: ScheduleTarget) -> None:
        import boto3
        from botocore.config import Config

        session = boto3.session.Session(aws_access_key_id=access_key, aws_secret_access_key="rehearsal", region_name=region)
        quick = Config(retries={"total_max_attempts": 1}, read_timeout=60)
        made: Any = session.client(wanted.service, endpoint_url=endpoint_url, config=quick)
        names = {operation: method for method, operation in made.meta.method_to_api_mapping.items()}
        getattr(made, names[wanted.operation])(**wanted.content)

    return call
