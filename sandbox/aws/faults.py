"""The armed faults: which call is refused, delayed or let pass, and which launch of a group fails."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from sandbox.aws.answers import Refusal
from sandbox.aws.calls import Call
from sandbox.aws.faultspec import FaultSpec
from sandbox.aws.record import write_private

LAUNCH_FAULTS = ("InsufficientInstanceCapacity", "VcpuLimitExceeded")


class ArmedFaults:
    """Kept in `faults.json` of the folder too: the provider reads it there, and dies of `ProviderKilled` by its own hand."""

    def __init__(self, folder: Path, *, account_id: str, slow_s: float = 5.0, sleep: Callable[[float], None] = time.sleep) -> None:
        self._path = folder / "faults.json"
        self._account_id = account_id
        self._slow_s = slow_s
        self._sleep = sleep
        self._armed: tuple[FaultSpec, ...] = ()
        self._save(())

    @property
    def armed(self) -> tuple[FaultSpec, ...]:
        return self._armed

    def arm(self, faults: Iterable[FaultSpec]) -> None:
        self._save(tuple(dict.fromkeys([*self._armed, *faults])))

    def clear(self) -> None:
        self._save(())

    def launch_refusal(self, instance_type: str, zone: str, group: str) -> Refusal | None:
        """Why EC2 refuses to start one more instance now; None when it does not."""
        about = f"{instance_type} {zone} {group}".lower()
        name = next((f.name for f in self._armed if f.name in LAUNCH_FAULTS and f.resource.lower() in about), None)
        return None if name is None else _launch_refusal(name, instance_type, zone)

    def before(self, call: Call) -> Refusal | None:
        """Waits, refuses, or lets the call pass."""
        for fault in self._armed:
            if not call.concerns(fault.resource):
                continue
            if fault.name == "SlowCreate" and call.creates:
                self._sleep(self._slow_s)
            elif fault.name in LAUNCH_FAULTS and call.operation == "RunInstances":
                return _launch_refusal(fault.name, *_asked_of_run_instances(call))
            elif fault.name == "Throttling":
                return _throttled(call)
            elif fault.name == "UnauthorizedOperation":
                return denied(call, f"{call.service}:{call.operation}", f"arn:aws:iam::{self._account_id}:user/rehearsal")
        return None

    def _save(self, armed: tuple[FaultSpec, ...]) -> None:
        write_private(self._path, [{"name": fault.name, "resource": fault.resource} for fault in armed])
        self._armed = armed


def _asked_of_run_instances(call: Call) -> tuple[str, str]:
    kind = re.search(r"[ &]InstanceType=([\w.-]+)", call.text)
    zone = re.search(r"Placement\.AvailabilityZone=([\w-]+)", call.text)
    return kind.group(1) if kind else "the requested", zone.group(1) if zone else f"{call.region}a"


def _launch_refusal(name: str, instance_type: str, zone: str) -> Refusal:
    if name == "VcpuLimitExceeded":
        message = (
            "You have requested more vCPU capacity than your current vCPU limit of 0 allows for the instance bucket that the specified "
            "instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
        )
        return Refusal(name, message)
    message = (
        f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested ({zone}). "
        "Our system will be working on provisioning additional capacity. You can currently get "
        f"{instance_type} capacity by not specifying an Availability Zone in your request."
    )
    return Refusal(name, message, 500)


def _throttled(call: Call) -> Refusal:
    if call.service == "ec2":
        return Refusal("RequestLimitExceeded", "Request limit exceeded.", 503)
    if call.service == "s3":
        return Refusal("SlowDown", "Please reduce your request rate.", 503)
    code = "Throttling" if call.protocol == "query" else "ThrottlingException"
    return Refusal(code, "Rate exceeded")


def denied(call: Call, action: str, who: str) -> Refusal:
    """In the words of the service's own protocol."""
    reason = (
        f"User: {who} is not authorized to perform: {action} on resource: * because no identity-based policy allows the {action} action"
    )
    if call.service == "ec2":
        return Refusal("UnauthorizedOperation", f"You are not authorized to perform this operation. {reason}", 403)
    if call.protocol in ("json", "rest-json", "cbor"):
        return Refusal("AccessDeniedException", reason)
    return Refusal("AccessDenied", reason, 403)
