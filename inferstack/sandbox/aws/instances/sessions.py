"""The data path of SSM sessions: a token, a handshake of one line each way, then raw bytes to the host behind the instance."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

HANDSHAKE_S = 10.0
LINE_BYTES = 4096
CHUNK_BYTES = 1 << 18


class Reachable(Protocol):
    @property
    def address(self) -> str: ...
    @property
    def ssh_port(self) -> int: ...


@dataclass
class Session:
    session_id: str
    token: str
    instance_id: str
    port: int
    connections: list[socket.socket] = field(default_factory=list)


class Sessions:
    """`host_of` answers the live host of an instance id, or None."""

    def __init__(self, host_of: Callable[[str], Reachable | None]) -> None:
        self._host_of = host_of
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()
        self._door = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.stream_url = f"tcp://127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def open(self, instance_id: str, port: int) -> Session | None:
        """None when nothing is connected there: no host, or one without the asked service."""
        if self._host_of(instance_id) is None:
            return None
        session = Session(f"rehearsal-{secrets.token_hex(9)}", secrets.token_urlsafe(32), instance_id, port)
        with self._lock:
            self._sessions[session.session_id] = session
        return session

    def find(self, session_id: str) -> Session | None:
        return self._sessions.get(session_id)

    def all(self) -> tuple[Session, ...]:
        return tuple(self._sessions.values())

    def terminate(self, session_id: str) -> bool:
        """Ends its connections too. False for an unknown one."""
        with self._lock:
            session = self._sessions.pop(session_id, None)
        for connection in list(session.connections) if session else []:
            _shut(connection)
        return session is not None

    def close(self) -> None:
        _shut(self._door)
        self._door.close()
        for session in self.all():
            self.terminate(session.session_id)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                session, early = self._shaken(client)
                target = self._connected(session)
            except _NotPossible as error:
                _say(client, {"error": str(error)})
                return
            except OSError:
                return
            with target:
                self._run(session, client, target, early)

    def _run(self, session: Session, client: socket.socket, target: socket.socket, early: bytes) -> None:
        ends = (client, target)
        session.connections.extend(ends)
        try:
            with contextlib.suppress(OSError):
                _say(client, {"ok": True})
                target.sendall(early)
                pipe(client, target)
        finally:
            for end in ends:
                session.connections.remove(end)

    def _shaken(self, client: socket.socket) -> tuple[Session, bytes]:
        client.settimeout(HANDSHAKE_S)
        line, early = _line(client)
        try:
            token = str(json.loads(line)["token"])
        except (ValueError, KeyError, TypeError):
            raise _NotPossible('the first line is not {"token": ...}') from None
        for session in self.all():
            if secrets.compare_digest(session.token.encode(), token.encode()):
                client.settimeout(None)
                return session, early
        raise _NotPossible("the session does not exist or was terminated")

    def _connected(self, session: Session) -> socket.socket:
        host = self._host_of(session.instance_id)
        if host is None:
            raise _NotPossible(f"TargetNotConnected: {session.instance_id} is not connected")
        port = host.ssh_port if session.port == 22 else session.port
        if not port:
            raise _NotPossible(f"{session.instance_id} is backed by a host without SSH")
        try:
            target = socket.create_connection((host.address, port), timeout=5)
        except OSError as error:
            raise _NotPossible(f"Connection to destination port failed, check SSM Agent logs: port {session.port}: {error}") from None
        target.settimeout(None)
        return target


def pipe(one: socket.socket, other: socket.socket) -> None:
    """Bytes both ways until both sides have ended; the end of one is passed on, the other may go on talking."""
    for end in (one, other):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    back = threading.Thread(target=_copy, args=(other, one), daemon=True)
    back.start()
    _copy(one, other)
    back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    buffer = memoryview(bytearray(CHUNK_BYTES))
    try:
        while count := source.recv_into(buffer):
            sink.sendall(buffer[:count])
    except OSError:
        _shut(source)
        _shut(sink)
        return
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class _NotPossible(Exception):
    """Said to the client in one line."""


def _line(client: socket.socket) -> tuple[bytes, bytes]:
    content = b""
    while b"\n" not in content:
        part = client.recv(LINE_BYTES)
        content += part
        if not part or len(content) > LINE_BYTES:
            raise _NotPossible("no line of a handshake")
    line, _, early = content.partition(b"\n")
    return line, early


def _say(client: socket.socket, content: dict[str, object]) -> None:
    with contextlib.suppress(OSError):
        client.sendall(json.dumps(content).encode() + b"\n")


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
