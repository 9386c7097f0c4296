"""What the filled gaps share: account, faults, hosts, sessions, the groups' activities and what a reboot must reach."""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from inferstack.sandbox.aws.front.answers import Refusal
from inferstack.sandbox.aws.instances.host_launcher import RehearsalHost
from inferstack.sandbox.aws.instances.sessions import Sessions

LaunchRefusal = Callable[[str, str, str], Refusal | None]
KEPT_ACTIVITIES = 200


@dataclass
class Activity:
    """One line of DescribeScalingActivities."""

    group: str
    description: str
    cause: str
    status: str
    start_time: datetime
    activity_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    message: str = ""
    end_time: datetime | None = None
    progress: int = 0
    details: dict[str, str] = field(default_factory=dict)

    def ended(self, status: str, message: str = "") -> None:
        self.status, self.message, self.progress, self.end_time = status, message, 100, datetime.now(UTC)


@dataclass
class SandboxWorld:
    """`backed` says that a group's instance is pending until its host answers; else it is in service at once."""

    account_id: str
    launch_refusal: LaunchRefusal = lambda instance_type, zone, group: None
    host_of: Callable[[str], RehearsalHost | None] = lambda instance_id: None
    sessions: Sessions | None = None
    backed: bool = False
    wake: Callable[[], None] = lambda: None
    reboot: Callable[[str], None] = lambda instance_id: None
    lock: threading.RLock = field(default_factory=threading.RLock)
    activities: dict[tuple[str, str], list[Activity]] = field(default_factory=lambda: defaultdict(list))

    def record(self, region: str, activity: Activity) -> Activity:
        """Newest first, as AWS lists them."""
        of_group = self.activities[(region, activity.group)]
        of_group.insert(0, activity)
        del of_group[KEPT_ACTIVITIES:]
        return activity
