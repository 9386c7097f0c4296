"""`connect`: the line that it prints works as pasted, holds no secret, and nothing of it is left."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from pydantic import SecretStr

from inferstack.chain import endpoint_files, stack_access
from inferstack.cli.command import Command
from inferstack.cli.screen import Screen
from inferstack.records.configured import Configured
from inferstack.records.errors import InputError
from inferstack.records.outputs import ClusterOutputs, Node
from inferstack.stack.workdir import Run, StackRecord, Workdir
from inferstack.verbs import connect
from tests.bench import authority
from tests.bench.sse_server import KEY, Behaviour, serving

STACK, MODEL = "demo", "org/model with 'quotes'"
HOSTNAME = f"{STACK}.inferstack.internal"
NOW = datetime.now(UTC)


@pytest.fixture
def built(tmp_path: Path) -> tuple[Command, Run, ssl.SSLContext]:
    """A built and configured stack in a folder whose name has a blank, and what serves as its endpoint."""
    work = Workdir(tmp_path / "a folder")
    stack = work.stack(STACK)
    stack.write(StackRecord(stack=STACK, rehearsal=True, region="us-east-1", base="demo-base", created_at=NOW))
    run = stack.new_run(NOW)
    run.write(outputs())
    run.write(configured())
    made, tls = authority.make(tmp_path, HOSTNAME)
    (stack.folder / endpoint_files.CA_FILE).write_bytes(made.read_bytes())
    return Command("connect", STACK, Screen(out=io.StringIO()), work, {}), run, tls


def outputs(**changes: Any) -> ClusterOutputs:
    names = ("autoscaling_group_name", "launch_template_id", "schedule_group_name", "log_group_name", "node_role_name", "security_group_id")
    more = ("weights_bucket", "kms_key_arn", "api_key_secret_arn", "ami_id")
    node = Node(instance_id="i-1", private_ip="10.0.0.1", availability_zone="us-east-1a", instance_type="g6.xlarge")
    known: dict[str, Any] = {
        "created_at": NOW, "stack": STACK, "base_stack": "demo-base", "rehearsal": True, "region": "us-east-1", "account_id": "0" * 12,
        "expires_at": NOW + timedelta(hours=4), "endpoint_hostname": HOSTNAME, "egress": "nat", "nodes": (node,),
        **dict.fromkeys((*names, *more), "x"),
    }  # fmt: skip
    return ClusterOutputs(**known | changes)


def configured() -> Configured:
    names = dict.fromkeys(("planned_model", "served_model"), MODEL) | dict.fromkeys(("planned_engine", "served_engine"), "vllm")
    return Configured(created_at=NOW, stack=STACK, rehearsal=True, weights_manifest_sha256="0" * 64, hosts=(), duration_s=1, **names)


@contextmanager
def reached(monkeypatch: pytest.MonkeyPatch, url: str) -> Iterator[None]:
    """The world, the session and the secret of a stack, with the endpoint behind a port of this machine."""
    from infra.calls import secrets
    from infra.session import forwarding

    @contextmanager
    def opened(at: Command, record: StackRecord) -> Iterator[Any]:
        yield type("World", (), {"aws": lambda self: None})()

    @contextmanager
    def forward(aws: object, instance_id: str, port: int) -> Iterator[int]:
        assert ("i-1", 8443) == (instance_id, port)
        yield int(url.rpartition(":")[2])

    monkeypatch.setattr(connect.world, "opened", opened)
    monkeypatch.setattr(forwarding, "forward", forward)
    monkeypatch.setattr(secrets, "api_key", lambda aws, arn: SecretStr(KEY))
    yield


def while_open(at: Command, run: Run, act: Callable[[str], None]) -> int:
    """Connects, lets `act` do its work with what was said, and presses Ctrl-C."""
    raised: list[BaseException] = []

    def other_shell() -> None:
        said = at.screen.out
        assert isinstance(said, io.StringIO)
        try:
            end = time.monotonic() + 20
            while "Ctrl-C closes" not in said.getvalue():
                assert time.monotonic() < end, said.getvalue()
                time.sleep(0.01)
            act(said.getvalue())
        except BaseException as error:  # shown by the test's own thread
            raised.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=other_shell)
    thread.start()
    code = connect.hold_open(at, run)
    thread.join()
    if raised:
        raise raised[0]
    return code


def test_the_printed_line_works_as_pasted(built: tuple[Command, Run, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run by a shell: certificate, name, key and model are right, whatever stands in the path, and a proxy of the shell is not asked.
    A narrow terminal breaks no line that is pasted."""
    monkeypatch.setenv("COLUMNS", "60")
    at, run, tls = built
    behaviour = Behaviour()
    answers: list[subprocess.CompletedProcess[str]] = []

    def paste(said: str) -> None:
        line = next(line for line in said.splitlines() if line.startswith("curl "))
        assert KEY not in said
        environment = {**os.environ, "https_proxy": "http://127.0.0.1:9"}
        answers.append(subprocess.run(["sh", "-c", line], env=environment, capture_output=True, text=True, timeout=20, check=False))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in run.folder.glob("connect/*/*")}
        assert {"endpoint-ca.pem": 0o600, "authorization.txt": 0o600} == modes

    with serving(behaviour, tls=tls) as url, reached(monkeypatch, url):
        assert 0 == while_open(at, run, paste)
    assert (0, "") == (answers[0].returncode, answers[0].stderr)
    assert "data: [DONE]" in answers[0].stdout
    asked = behaviour.seen[0]
    assert (MODEL, f"Bearer {KEY}") == (asked["body"]["model"], asked["headers"]["Authorization"])
    assert {HOSTNAME} == set(behaviour.server_names)
    assert not (run.folder / "connect").exists()


def test_the_line_refuses_another_certificate(
    built: tuple[Command, Run, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever else answers behind the port gets no key: curl ends before it sends anything."""
    at, run, _ = built
    (tmp_path / "stranger").mkdir()
    _, stranger = authority.make(tmp_path / "stranger", HOSTNAME)
    behaviour = Behaviour()

    def paste(said: str) -> None:
        line = next(line for line in said.splitlines() if line.startswith("curl "))
        assert 60 == subprocess.run(["sh", "-c", line], capture_output=True, timeout=20, check=False).returncode

    with serving(behaviour, tls=stranger) as url, reached(monkeypatch, url):
        assert 0 == while_open(at, run, paste)
    assert [] == behaviour.seen


def test_a_program_gets_the_way_as_a_document(built: tuple[Command, Run, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> None:
    """With --json: URL, address, model and the two files, before it waits."""
    at, run, tls = built
    at.screen.as_json, at.screen.err = True, at.screen.out
    found: dict[str, Any] = {}
    with serving(Behaviour(), tls=tls) as url, reached(monkeypatch, url):
        while_open(at, run, lambda said: found.update(json.loads(re.match(r"\{.*?\n\}", said, re.DOTALL)[0])))  # type: ignore[index]
    assert (f"https://{HOSTNAME}:8443/v1", MODEL, "i-1") == (found["url"], found["model"], found["node"])
    assert "127.0.0.1:" + url.rpartition(":")[2] == found["connect_to"]
    assert KEY not in json.dumps(found)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("moment", range(1, 9))
def test_ctrl_c_ends_it_at_every_moment_of_the_waiting(
    built: tuple[Command, Run, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """A handler that sets an Event while the main thread holds that Event's lock waits for itself, and the command hangs."""
    at, run, tls = built
    calls = 0

    def press(frame: FrameType, event: str, arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")
        if calls == moment:
            calls += 1
            os.kill(os.getpid(), signal.SIGINT)

    show = connect._tell

    def tell_and_watch(*given: Any) -> None:
        show(*given)
        sys.setprofile(press)

    monkeypatch.setattr(connect, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(connect, "_tell", tell_and_watch)
    with serving(Behaviour(), tls=tls) as url, reached(monkeypatch, url):
        try:
            assert 0 == connect.hold_open(at, run)
        finally:
            sys.setprofile(None)


def test_it_ends_when_the_stack_is_taken_down_and_down_clears_what_a_killed_one_left(built: tuple[Command, Run, ssl.SSLContext]) -> None:
    """`kill -9` leaves files with the key; `down` deletes them."""
    at, run, _ = built
    left = run.folder / "connect" / "1" / "authorization.txt"
    left.parent.mkdir(parents=True)
    left.touch()
    endpoint_files.remove_files(at.stack.folder)
    assert not (run.folder / "connect").exists()


def test_nodes_whose_time_is_over_are_said_before_a_session_is_asked_for(built: tuple[Command, Run, ssl.SSLContext]) -> None:
    """Not AWS's TargetNotConnected: the time at which they went, and what makes them anew."""
    at, run, _ = built
    run.write(outputs(expires_at=NOW - timedelta(hours=1)))
    at.stack.write(at.stack.record().replaced(built_at=NOW - timedelta(hours=5), expires_at=NOW - timedelta(hours=1)))
    with pytest.raises(InputError, match=r"expired at .* its nodes are gone") as caught:
        connect.hold_open(at, stack_access.built(at))
    assert "inferstack up" in caught.value.hint


def test_a_cluster_without_a_node_is_said(built: tuple[Command, Run, ssl.SSLContext]) -> None:
    """Nothing is there to connect to."""
    at, run, _ = built
    run.write(outputs(nodes=()))
    with pytest.raises(InputError, match="there is no node") as caught:
        connect.hold_open(at, run)
    assert f"inferstack up --stack {STACK}" == caught.value.hint


def test_nodes_that_were_never_configured_are_said(built: tuple[Command, Run, ssl.SSLContext]) -> None:
    """Nothing serves there yet."""
    at, run, _ = built
    run.path(Configured).unlink()
    with pytest.raises(InputError, match="are not configured") as caught:
        connect.hold_open(at, run)
    assert f"inferstack configure --stack {STACK}" == caught.value.hint
