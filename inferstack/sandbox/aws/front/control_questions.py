"""What the control surface can be asked: about stacks, faults, time and hosts."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, Protocol

from inferstack.sandbox.aws.daemon_record import SandboxInfo
from inferstack.sandbox.aws.fault_spec import FaultSpec
from inferstack.sandbox.aws.faults import ArmedFaults
from inferstack.sandbox.aws.front.control_surface import Question
from inferstack.sandbox.aws.instances.fleet import HostFleet
from inferstack.sandbox.aws.instances.host_launcher import OpenedOnce
from inferstack.sandbox.aws.lifetime import Lifetime
from inferstack.sandbox.aws.services.schedules import ScheduleClock, Schedules


class Controlled(Protocol):
    """What is asked and told here of the embedded AWS."""

    lifetime: Lifetime
    faults: ArmedFaults
    clock: ScheduleClock
    fleet: HostFleet | None
    opened: OpenedOnce | None
    schedules: Schedules | None

    @property
    def info(self) -> SandboxInfo: ...


def questions(cloud: Controlled) -> dict[str, Question]:
    return {
        "info": lambda asked: _info(cloud),
        "attach": lambda asked: _attach(cloud, asked),
        "release": lambda asked: {"ends": cloud.lifetime.release(str(asked["stack"]))},
        "faults": lambda asked: _faults(cloud, asked),
        "clock": lambda asked: _clock(cloud, asked),
        "hosts": lambda asked: {"hosts": cloud.fleet.listed() if cloud.fleet else []},
        "stop": lambda asked: {"ends": cloud.lifetime.stop()},
    }


def _info(cloud: Controlled) -> dict[str, Any]:
    """`hosts_said` is the launcher's last line while it makes its file system."""
    return asdict(cloud.info) | {"stacks": list(cloud.lifetime.stacks), "hosts_said": cloud.opened.said if cloud.opened else ""}


def _attach(cloud: Controlled, asked: dict[str, Any]) -> dict[str, Any]:
    """A stack will want hosts: their file system is begun now."""
    cloud.lifetime.attach(str(asked["stack"]))
    if cloud.opened is not None:
        cloud.opened.ahead()
    return {"stacks": list(cloud.lifetime.stacks)}


def _clock(cloud: Controlled, asked: dict[str, Any]) -> dict[str, Any]:
    """What falls due fires before the answer."""
    cloud.clock.advance(float(asked.get("advance_s", 0)))
    if cloud.schedules is not None:
        cloud.schedules.step()
    return {"now": cloud.clock.now().isoformat(), "offset_s": cloud.clock.offset.total_seconds()}


def _faults(cloud: Controlled, asked: dict[str, Any]) -> dict[str, Any]:
    owner = asked.get("of")
    if asked.get("clear"):
        cloud.faults.clear(owner)
    stack = str(asked.get("stack", ""))
    cloud.faults.arm([replace(FaultSpec.parse(str(text)), stack=stack) for text in asked.get("add", [])])
    armed = [fault for fault in cloud.faults.armed if owner is None or fault.stack == owner]
    return {"armed": [str(fault) for fault in armed], "unmet": [str(fault) for fault in armed if not cloud.faults.has_met(fault)]}
