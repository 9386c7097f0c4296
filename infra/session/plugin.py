"""The real side of a session: the aws command line and its session-manager plug-in."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from inferstack.records.errors import CloudRefused, MissingTool
from infra.calls import refusals

OPEN_WITHIN_S = 30.0
END_WITHIN_S = 5.0
WHERE = {
    "aws": "install the AWS CLI, version 2: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
    "session-manager-plugin": "install the Session Manager plug-in: "
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html",
}


def become_ssh_proxy(instance_id: str, port: int, *, region: str, profile: str | None) -> NoReturn:
    """This process becomes `aws ssm start-session`. Raises MissingTool."""
    require()
    line = command(instance_id, "AWS-StartSSHSession", {"portNumber": port}, region=region, profile=profile)
    os.execvp(line[0], line)


@contextmanager
def forwarded(instance_id: str, remote_port: int, *, region: str, profile: str | None) -> Iterator[int]:
    """A local port held by a child of ours, which ends with the block. Raises MissingTool, CloudRefused."""
    require()
    port = _free_port()
    parameters = {"portNumber": remote_port, "localPortNumber": port}
    line = command(instance_id, "AWS-StartPortForwardingSession", parameters, region=region, profile=profile)
    child = subprocess.Popen(
        line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        _wait_open(child, port)
        yield port
    finally:
        _ended(child)


def command(instance_id: str, document: str, parameters: dict[str, int], *, region: str, profile: str | None) -> list[str]:
    given = ",".join(f"{name}={value}" for name, value in parameters.items())
    line = ["aws", "ssm", "start-session", "--target", instance_id, "--document-name", document, "--parameters", given, "--region", region]
    return [*line, "--profile", profile] if profile else line


def require() -> None:
    """Raises MissingTool for the first of the two commands that is not on PATH."""
    for tool, where in WHERE.items():
        if not shutil.which(tool):
            raise MissingTool(f"{tool} is not on PATH; nodes are reached through Systems Manager only", hint=where)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def _wait_open(child: subprocess.Popen[str], port: int) -> None:
    until = time.monotonic() + OPEN_WITHIN_S
    while time.monotonic() < until:
        if child.poll() is not None:
            raise refusals.explained_text((child.stdout.read() if child.stdout else "") or "aws ssm start-session ended without a message")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise CloudRefused(
        f"the session did not open within {OPEN_WITHIN_S:.0f} s",
        kind="timeout",
        hint="is the node online in Systems Manager? inferstack status",
    )


def _ended(child: subprocess.Popen[str]) -> None:
    """The plug-in is a grandchild: the whole group goes."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(END_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    if child.stdout:
        child.stdout.close()
