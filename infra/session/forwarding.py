"""Sessions of Systems Manager: the SSH ProxyCommand (`python -m infra.session`) and a local port that leads to a node's port.

Real: `aws ssm start-session` and its plug-in. Rehearsal: StartSession on the embedded AWS, then a byte stream.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from inferstack.records.errors import InferstackError
from infra.calls.aws import Aws
from infra.session import plugin
from infra.session import stream as session_stream

STDIN, STDOUT = 0, 1


@contextmanager
def forward(aws: Aws, instance_id: str, remote_port: int) -> Iterator[int]:
    """A port on 127.0.0.1; every connection to it reaches the node's port on a stream of its own. Raises CloudRefused, MissingTool."""
    if not aws.rehearsal:
        with plugin.forwarded(instance_id, remote_port, region=aws.region, profile=aws.profile) as port:
            yield port
        return
    with session_stream.opened(aws, instance_id, remote_port) as stream, socket.create_server(("127.0.0.1", 0), backlog=512) as door:
        threading.Thread(target=_serve, args=(door, stream), name="forward", daemon=True).start()
        try:
            yield door.getsockname()[1]
        finally:
            session_stream.shut(door)


def proxy(aws: Aws, instance_id: str, port: int) -> int:
    """Standard input and output become the byte stream, until either ends."""
    if not aws.rehearsal:
        plugin.become_ssh_proxy(instance_id, port, region=aws.region, profile=aws.profile)
    # ssh ends its ProxyCommand with SIGHUP; the session must be terminated all the same.
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    with session_stream.opened(aws, instance_id, port) as stream, stream.connect() as end:
        session_stream.pipe_files(end, STDIN, STDOUT)
    return 0


def _serve(door: socket.socket, stream: session_stream.Stream) -> None:
    while True:
        try:
            client, _ = door.accept()
        except OSError:
            return
        threading.Thread(target=_bridged, args=(client, stream), daemon=True).start()


def _bridged(client: socket.socket, stream: session_stream.Stream) -> None:
    """A stream that is refused shows at the client as a closed connection, as with the real plug-in."""
    with client:
        try:
            with stream.connect() as end:
                session_stream.pipe(client, end)
        except (InferstackError, OSError):
            return


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.session", description="SSH ProxyCommand over a Systems Manager session")
    parser.add_argument("--instance", required=True)
    parser.add_argument("--port", type=int, default=22)
    parser.add_argument("--region", default=os.environ.get("AWS_REGION"))
    asked = parser.parse_args(arguments)
    try:
        return proxy(Aws.from_environment(asked.region), asked.instance, asked.port)
    except InferstackError as error:
        print(f"{error.message}; {error.hint}" if error.hint else error.message, file=sys.stderr)  # noqa: T201
        return error.code
