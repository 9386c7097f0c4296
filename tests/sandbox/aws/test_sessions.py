"""SSM sessions: who is connected, the handshake, and raw bytes that arrive whole, both ways."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from inferstack.sandbox.aws.instances.sessions import Sessions

NODE = "i-0123456789abcdef0"


@pytest.fixture
def service() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """Serves one function of a socket on a port of this machine, as the node's sshd would."""
    servers: list[socket.socket] = []

    def serve(answer: Callable[[socket.socket], None]) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def run() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=run, daemon=True).start()
        return int(server.getsockname()[1])

    yield serve
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


@pytest.fixture
def hosts() -> dict[str, Any]:
    return {}


@pytest.fixture
def sessions(hosts: dict[str, Any]) -> Iterator[Sessions]:
    made = Sessions(hosts.get)
    yield made
    made.close()


def shaken(sessions: Sessions, token: str) -> tuple[socket.socket, dict[str, Any]]:
    address = urlsplit(sessions.stream_url)
    connection = socket.create_connection((str(address.hostname), address.port), timeout=10)
    connection.sendall(json.dumps({"token": token}).encode() + b"\n")
    line = b""
    while not line.endswith(b"\n"):
        line += connection.recv(1)
    return connection, json.loads(line)


def echo_until_end(connection: socket.socket) -> None:
    with connection:
        content = b""
        while part := connection.recv(65536):
            content += part
        connection.sendall(b"heard " + content)


def test_what_is_sent_arrives_and_the_answer_comes_after_the_senders_end(sessions: Sessions, hosts: dict[str, Any], service: Any) -> None:
    """One side may end while the other still answers, as with `ssh host cat < file`."""
    hosts[NODE] = SimpleNamespace(address="127.0.0.1", ssh_port=service(echo_until_end))
    session = sessions.open(NODE, 22)
    assert session is not None
    connection, said = shaken(sessions, session.token)
    with connection:
        connection.sendall(b"SSH-2.0")
        connection.shutdown(socket.SHUT_WR)
        assert ({"ok": True}, b"heard SSH-2.0") == (said, connection.makefile("rb").read())


def test_bytes_are_untouched(sessions: Sessions, hosts: dict[str, Any], service: Any) -> None:
    """32 MB through the pipe keep their hash."""
    content = os.urandom(1 << 20) * 32

    def send(connection: socket.socket) -> None:
        with connection:
            connection.sendall(content)

    hosts[NODE] = SimpleNamespace(address="127.0.0.1", ssh_port=service(send))
    session = sessions.open(NODE, 22)
    assert session is not None
    connection, _ = shaken(sessions, session.token)
    with connection:
        got = connection.makefile("rb", buffering=1 << 20).read()
    assert hashlib.sha256(content).hexdigest() == hashlib.sha256(got).hexdigest()


def test_a_token_serves_many_connections_to_another_port(sessions: Sessions, hosts: dict[str, Any], service: Any) -> None:
    """A port-forwarding session carries each connection of a load generator."""
    hosts[NODE] = SimpleNamespace(address="127.0.0.1", ssh_port=1)
    session = sessions.open(NODE, service(echo_until_end))
    assert session is not None
    for number in range(5):
        connection, _ = shaken(sessions, session.token)
        with connection:
            connection.sendall(str(number).encode())
            connection.shutdown(socket.SHUT_WR)
            assert f"heard {number}".encode() == connection.makefile("rb").read()


def test_a_wrong_token_is_refused_in_one_line(sessions: Sessions) -> None:
    """Nothing is piped for a stranger."""
    connection, said = shaken(sessions, "guess")
    connection.close()
    assert {"error": "the session does not exist or was terminated"} == said


def test_a_closed_port_is_an_error_not_an_end(sessions: Sessions, hosts: dict[str, Any]) -> None:
    """The caller learns that the destination refused."""
    hosts[NODE] = SimpleNamespace(address="127.0.0.1", ssh_port=1)
    session = sessions.open(NODE, 1)
    assert session is not None
    connection, said = shaken(sessions, session.token)
    connection.close()
    assert "Connection to destination port failed" in said["error"]


def test_terminating_ends_the_connection_and_the_token(sessions: Sessions, hosts: dict[str, Any], service: Any) -> None:
    """TerminateSession leaves no open pipe."""
    hosts[NODE] = SimpleNamespace(address="127.0.0.1", ssh_port=service(echo_until_end))
    session = sessions.open(NODE, 22)
    assert session is not None
    connection, _ = shaken(sessions, session.token)
    with connection:
        sessions.terminate(session.session_id)
        assert b"" == connection.recv(1)
    again, said = shaken(sessions, session.token)
    again.close()
    assert "error" in said


def test_start_session_tells_connected_from_not(filled_gap: Any, world: Any, hosts: dict[str, Any], sessions: Sessions) -> None:
    """Only a running instance with a live host is a target; plain RunInstances has none."""
    world.sessions, world.host_of = sessions, hosts.get

    def started(client: Any) -> Any:
        made = client("ec2").run_instances(ImageId="ami-0d1a24040d1a24040", InstanceType="g6.xlarge", MinCount=1, MaxCount=1)
        node, ssm = made["Instances"][0]["InstanceId"], client("ssm")
        ask = {"Target": node, "DocumentName": "AWS-StartSSHSession", "Parameters": {"portNumber": ["22"]}}
        try:
            before = ssm.start_session(**ask)
        except ssm.exceptions.TargetNotConnected as error:
            before = error.response["Error"]["Message"] == f"{node} is not connected."
        hosts[node] = SimpleNamespace(address="127.0.0.1", ssh_port=22)
        answer = ssm.start_session(**ask)
        listed = [i["InstanceId"] == node for i in ssm.describe_instance_information()["InstanceInformationList"]]
        ssm.terminate_session(SessionId=answer["SessionId"])
        return before, answer["StreamUrl"] == sessions.stream_url, listed, sessions.find(answer["SessionId"])

    assert (True, True, [True], None) == filled_gap(started)
