"""The rehearsal's side of a session: StartSession, one line of handshake for each connection, then raw bytes both ways."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from inferstack.records.errors import CloudRefused
from infra.calls.aws import Aws, refused

SSH_PORT = 22
CHUNK_BYTES = 1 << 17
HANDSHAKE_S = 15.0
LONGEST_LINE = 4096


@dataclass(frozen=True)
class Stream:
    """An open session; its token serves any number of connections."""

    session_id: str
    address: tuple[str, int]
    token: str

    def connect(self) -> socket.socket:
        """One connection to the node's port. Raises CloudRefused with what the other side said."""
        try:
            end = socket.create_connection(self.address, timeout=HANDSHAKE_S)
        except OSError as error:
            raise _unreached(str(error)) from None
        try:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.sendall(json.dumps({"token": self.token}).encode() + b"\n")
            _accepted(_line(end))
        except OSError as error:
            end.close()
            raise _unreached(str(error)) from None
        except CloudRefused:
            end.close()
            raise
        end.settimeout(None)
        return end


@contextmanager
def opened(aws: Aws, instance_id: str, port: int) -> Iterator[Stream]:
    """A session to one port of a node, terminated at the end. Raises CloudRefused."""
    ssm = aws.client("ssm")
    document = "AWS-StartSSHSession" if port == SSH_PORT else "AWS-StartPortForwardingSession"
    try:
        told = ssm.start_session(Target=instance_id, DocumentName=document, Parameters={"portNumber": [str(port)]})
    except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
        raise refused(error) from None
    place = urlsplit(told["StreamUrl"])
    try:
        yield Stream(told["SessionId"], (str(place.hostname), int(place.port or 0)), told["TokenValue"])
    finally:
        with contextlib.suppress(Exception):
            ssm.terminate_session(SessionId=told["SessionId"])


def pipe(one: socket.socket, other: socket.socket) -> None:
    """Bytes both ways until both sides have ended; the end of one is passed on, so that the other may finish talking."""
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    back = threading.Thread(target=_copied, args=(other, one), daemon=True)
    back.start()
    _copied(one, other)
    back.join()


def pipe_files(end: socket.socket, source: int, sink: int) -> None:
    """Bytes between a connection and two file descriptors; ends with the connection."""
    threading.Thread(target=_sent, args=(source, end), daemon=True).start()
    buffer = memoryview(bytearray(CHUNK_BYTES))
    with contextlib.suppress(OSError):
        while count := end.recv_into(buffer):
            _written(sink, buffer[:count])


def shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


def _sent(source: int, end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := os.read(source, CHUNK_BYTES):
            end.sendall(part)
        end.shutdown(socket.SHUT_WR)


def _copied(source: socket.socket, sink: socket.socket) -> None:
    buffer = memoryview(bytearray(CHUNK_BYTES))
    try:
        while count := source.recv_into(buffer):
            sink.sendall(buffer[:count])
    except OSError:
        shut(source)
        shut(sink)
        return
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _written(sink: int, part: memoryview) -> None:
    while part:
        part = part[os.write(sink, part) :]


def _line(end: socket.socket) -> bytes:
    """Byte by byte: what follows the line belongs to the stream."""
    line = b""
    while not line.endswith(b"\n") and len(line) < LONGEST_LINE:
        part = end.recv(1)
        if not part:
            break
        line += part
    return line


def _accepted(line: bytes) -> None:
    try:
        answer = json.loads(line)
    except ValueError:
        raise _unreached("it closed the connection without an answer") from None
    if not answer.get("ok"):
        raise _unreached(str(answer.get("error", "no reason given")))


def _unreached(reason: str) -> CloudRefused:
    return CloudRefused(
        f"the session does not reach the node: {reason}",
        kind="host",
        hint="inferstack status shows the nodes; the node may still be starting",
    )
