"""Sessions against a stand-in that speaks the embedded AWS's handshake."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inferstack.records.errors import CloudRefused, MissingTool
from infra.calls.aws import Aws
from infra.session import forwarding, plugin
from infra.session import stream as session_stream

TOKEN = "one-token"


class Door:
    """Shakes hands, then says `<` plus what it got; on another token it says why not."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.listening.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            line = b""
            while not line.endswith(b"\n"):
                line += client.recv(1)
            if json.loads(line)["token"] != TOKEN:
                client.sendall(b'{"error": "TargetNotConnected"}\n')
                return
            client.sendall(b'{"ok": true}\nHELLO ')
            while part := client.recv(65536):
                client.sendall(b"<" + part)


class FakeSsm:
    def __init__(self, url: str, token: str = TOKEN) -> None:
        self.url, self.token = url, token
        self.asked: list[dict[str, Any]] = []
        self.ended: list[str] = []

    def start_session(self, **asked: Any) -> dict[str, str]:
        self.asked.append(asked)
        return {"SessionId": "s-1", "StreamUrl": self.url, "TokenValue": self.token}

    def terminate_session(self, *, SessionId: str) -> None:
        self.ended.append(SessionId)


class FakeAws(Aws):
    def __init__(self, ssm: FakeSsm) -> None:
        super().__init__("us-east-1", endpoint_url="http://127.0.0.1:1")
        self._clients["ssm"] = ssm


@pytest.fixture
def door() -> Iterator[Door]:
    made = Door()
    yield made
    session_stream.shut(made.listening)
    made.listening.close()


def talk(port: int, said: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as end:
        end.sendall(said)
        end.shutdown(socket.SHUT_WR)
        answer = b""
        while part := end.recv(65536):
            answer += part
    return answer


def test_each_connection_is_a_stream_of_one_session(door: Door) -> None:
    """One StartSession, many connections, terminated at the end; bytes right behind the handshake are not lost."""
    ssm = FakeSsm(door.url)
    with forwarding.forward(FakeAws(ssm), "i-1", 8443) as port:
        assert [b"HELLO <one", b"HELLO <two"] == [talk(port, b"one"), talk(port, b"two")]
        assert [] == ssm.ended
    assert ["s-1"] == ssm.ended
    assert 2 == door.connections
    assert [{"Target": "i-1", "DocumentName": "AWS-StartPortForwardingSession", "Parameters": {"portNumber": ["8443"]}}] == ssm.asked
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_a_refused_token_names_the_reason(door: Door) -> None:
    """The other side's own words reach the person."""
    wrong = FakeAws(FakeSsm(door.url, "wrong"))
    with session_stream.opened(wrong, "i-1", 22) as stream, pytest.raises(CloudRefused, match="TargetNotConnected"):
        stream.connect()


def test_port_22_asks_for_the_ssh_document(door: Door) -> None:
    """Systems Manager tells SSH and port forwarding apart by document."""
    ssm = FakeSsm(door.url)
    with session_stream.opened(FakeAws(ssm), "i-1", 22):
        pass
    assert "AWS-StartSSHSession" == ssm.asked[0]["DocumentName"]


def test_the_proxy_command_carries_bytes_between_its_files_and_the_stream(door: Door) -> None:
    """What ssh reads and writes."""
    read_end, write_end = os.pipe()
    back_read, back_write = os.pipe()
    os.write(write_end, b"SSH-2.0")
    os.close(write_end)
    with session_stream.opened(FakeAws(FakeSsm(door.url)), "i-1", 22) as stream, stream.connect() as end:
        session_stream.pipe_files(end, read_end, back_write)
    os.close(back_write)
    with os.fdopen(back_read, "rb") as file:
        assert b"HELLO <SSH-2.0" == file.read()
    os.close(read_end)


def test_a_real_session_needs_two_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The first missing one is named, with where to get it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match="aws is not on PATH"):
        plugin.require()
    (tmp_path / "aws").write_text("#!/bin/sh\n")
    (tmp_path / "aws").chmod(0o755)
    with pytest.raises(MissingTool, match="session-manager-plugin"):
        plugin.require()


def test_a_real_session_is_the_aws_command_of_the_same_region_and_profile() -> None:
    """Exact arguments: they are what ssh's ProxyCommand becomes."""
    line = plugin.command("i-1", "AWS-StartSSHSession", {"portNumber": 22}, region="eu-west-1", profile="work")
    expected = "aws ssm start-session --target i-1 --document-name AWS-StartSSHSession --parameters portNumber=22 --region eu-west-1"
    assert [*expected.split(), "--profile", "work"] == line


def test_without_a_region_the_proxy_says_so_in_one_line() -> None:
    """ssh shows the line of its ProxyCommand; exit code 2, no traceback."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-m", "infra.session", "--instance", "i-1"], env=environment, capture_output=True, text=True, check=False
    )
    assert (2, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "region" in done.stderr
