"""The armed faults: which call is refused, delayed or let pass, and which launch of a group fails."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from inferstack.sandbox.aws.daemon_record import write_private
from inferstack.sandbox.aws.fault_spec import FaultSpec
from inferstack.sandbox.aws.front.answers import Refusal
from inferstack.sandbox.aws.front.calls import Call
from inferstack.sandbox.faultmarks import marker

LAUNCH_FAULTS = ("InsufficientInstanceCapacity", "VcpuLimitExceeded")


class ArmedFaults:
    """Kept in `faults.json` of the folder too: the provider reads it there, and dies of `ProviderKilled` by its own hand."""

    def __init__(self, folder: Path, *, account_id: str, slow_s: float = 5.0, sleep: Callable[[float], None] = time.sleep) -> None:
        self._folder = folder
        self._account_id = account_id
        self._slow_s = slow_s
        self._sleep = sleep
        self._armed: dict[FaultSpec, str] = {}
        self._met: set[FaultSpec] = set()
        self._save()

    @property
    def armed(self) -> tuple[FaultSpec, ...]:
        return tuple(self._armed)

    def arm(self, faults: Iterable[FaultSpec]) -> None:
        for fault in faults:
            if fault not in self._armed:
                self._armed[fault] = secrets.token_hex(8)
                self._met.discard(fault)
        self._save()

    def clear(self, stack: str | None = None) -> None:
        """Those of one stack, or all."""
        self._armed = {fault: id for fault, id in self._armed.items() if stack is not None and fault.stack != stack}
        self._save()

    def met(self, fault: FaultSpec) -> None:
        """Something was refused, slowed or changed by it."""
        self._met.add(fault)

    def has_met(self, fault: FaultSpec) -> bool:
        return fault in self._met or marker(self._folder, self._armed.get(fault, "")).exists()

    def launch_refusal(self, instance_type: str, zone: str, group: str) -> Refusal | None:
        """Why EC2 refuses to start one more instance now; None when it does not."""
        about = f"{instance_type} {zone} {group}".lower()
        for fault in self.armed:
            ours = not fault.stack or group == f"inferstack-{fault.stack}-nodes"
            if ours and fault.name in LAUNCH_FAULTS and fault.resource.lower() in about:
                self.met(fault)
                return _launch_refusal(fault.name, instance_type, zone)
        return None

    def before(self, call: Call) -> Refusal | None:
        """Waits, refuses, or lets the call pass."""
        for fault in self.armed:
            if not fault.meets(call.stack) or not call.concerns(fault.resource):
                continue
            refused = self._struck(fault, call)
            if refused is not None:
                return refused
        return None

    def _struck(self, fault: FaultSpec, call: Call) -> Refusal | None:
        if fault.name == "SlowCreate" and call.creates:
            self.met(fault)
            self._sleep(self._slow_s)
            return None
        refused = None
        if fault.name in LAUNCH_FAULTS and call.operation == "RunInstances":
            refused = _launch_refusal(fault.name, *_asked_of_run_instances(call))
        elif fault.name == "Throttling":
            refused = _throttled(call)
        elif fault.name == "UnauthorizedOperation":
            refused = denied(call, f"{call.service}:{call.operation}", f"arn:aws:iam::{self._account_id}:user/rehearsal")
        if refused is not None:
            self.met(fault)
        return refused

    def _save(self) -> None:
        told = [{"name": one.name, "resource": one.resource, "stack": one.stack, "id": id} for one, id in self._armed.items()]
        write_private(self._folder / "faults.json", told)


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


def denied(call: Call, action: str, who: str, resource: str = "*") -> Refusal:
    """Return the refusal in the words of the service's own protocol."""
    why = f"because no identity-based policy allows the {action} action"
    reason = f"User: {who} is not authorized to perform: {action} on resource: {resource} {why}"
    if call.service == "ec2":
        return Refusal("UnauthorizedOperation", f"You are not authorized to perform this operation. {reason}", 403)
    if call.protocol in ("json", "rest-json", "cbor"):
        return Refusal("AccessDeniedException", reason)
    return Refusal("AccessDenied", reason, 403)
