"""SSM: sessions to instances with a live host, and the list of managed instances. moto has none of these operations."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ssm.responses import SimpleSystemManagerResponse

from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.instances.sessions import Session, Sessions
from inferstack.sandbox.aws.world import SandboxWorld

DOCUMENTS = {"AWS-StartSSHSession": "22", "AWS-StartPortForwardingSession": ""}


def patches(world: SandboxWorld) -> list[Patch]:
    ours = {
        "start_session": lambda self: _start(self, world),
        "resume_session": lambda self: _resume(self, world),
        "terminate_session": lambda self: _terminate(self, world),
        "describe_sessions": lambda self: _sessions(self, world),
        "describe_instance_information": lambda self: _instances(self, world),
    }
    return [Patch(SimpleSystemManagerResponse, name, partial(_instead, method)) for name, method in ours.items()]


def _instead(method: Any, _: Any) -> Any:
    return method


def _start(self: Any, world: SandboxWorld) -> ActionResult:
    target = str(self._get_param("Target"))
    document = self._get_param("DocumentName") or "SSM-SessionManagerRunShell"
    if document not in DOCUMENTS:
        raise JsonRESTError("InvalidDocument", f"Document with name {document} does not exist.")
    port = _port(document, self._get_param("Parameters") or {})
    instance = ec2_backends[self.current_account][self.region].get_instance_by_id(target)
    connected = instance is not None and instance.state == "running"
    session = _of(world).open(target, port) if connected else None
    if session is None:
        raise JsonRESTError("TargetNotConnected", f"{target} is not connected.")
    return ActionResult(_answer(session, world))


def _port(document: str, parameters: dict[str, list[str]]) -> int:
    text = str((parameters.get("portNumber") or [DOCUMENTS[document]])[0])
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise JsonRESTError("InvalidParameters", f'Parameter "portNumber" has value "{text}" not matching allowed ports 1-65535.')
    return int(text)


def _resume(self: Any, world: SandboxWorld) -> ActionResult:
    return ActionResult(_answer(_found(self, world), world))


def _terminate(self: Any, world: SandboxWorld) -> ActionResult:
    session_id = str(self._get_param("SessionId"))
    _of(world).terminate(session_id)
    return ActionResult({"SessionId": session_id})


def _sessions(self: Any, world: SandboxWorld) -> ActionResult:
    if self._get_param("State") == "History":
        return ActionResult({"Sessions": []})
    listed = [{"SessionId": s.session_id, "Target": s.instance_id, "Status": "Connected"} for s in _of(world).all()]
    return ActionResult({"Sessions": listed})


def _instances(self: Any, world: SandboxWorld) -> ActionResult:
    asked = _asked_ids(self)
    running = ec2_backends[self.current_account][self.region].all_running_instances()
    listed = [_information(i) for i in running if world.host_of(i.id) and (asked is None or i.id in asked)]
    return ActionResult({"InstanceInformationList": listed})


def _asked_ids(self: Any) -> set[str] | None:
    for entry in [*(self._get_param("Filters") or []), *(self._get_param("InstanceInformationFilterList") or [])]:
        if entry.get("Key", entry.get("key")) == "InstanceIds":
            return set(entry.get("Values", entry.get("valueSet", [])))
    return None


def _information(instance: Any) -> dict[str, Any]:
    return {
        "InstanceId": instance.id,
        "PingStatus": "Online",
        "LastPingDateTime": time.time(),
        "AgentVersion": "3.3.0.0",
        "IsLatestVersion": True,
        "PlatformType": "Linux",
        "ResourceType": "EC2Instance",
        "IPAddress": instance.private_ip_address,
        "ComputerName": instance.private_dns_name,
    }


def _found(self: Any, world: SandboxWorld) -> Session:
    session_id = str(self._get_param("SessionId"))
    session = _of(world).find(session_id)
    if session is None:
        raise JsonRESTError("DoesNotExistException", f"Session {session_id} does not exist")
    return session


def _answer(session: Session, world: SandboxWorld) -> dict[str, str]:
    return {"SessionId": session.session_id, "StreamUrl": _of(world).stream_url, "TokenValue": session.token}


def _of(world: SandboxWorld) -> Sessions:
    assert world.sessions is not None, "the daemon opens the sessions before it fills the gaps"
    return world.sessions
