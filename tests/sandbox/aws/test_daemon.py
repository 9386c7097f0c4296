"""The daemon as a process: it outlives its starter, ends with its last stack, and its death is noticed and cleared."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inferstack.records.errors import CloudRefused
from inferstack.sandbox.aws import daemon_record
from inferstack.sandbox.aws.lifetime import Lifetime
from inferstack.sandbox.control import FaultSpec, Sandbox


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("INFERSTACK_HOSTS", "none")
    made = Sandbox(tmp_path / "sandbox")
    yield made
    made.stop()


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while daemon_record.start_ticks(pid) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_it_starts_once_and_ends_after_the_last_stack(sandbox: Sandbox) -> None:
    """Two starters get the same daemon; releasing the last stack ends it and leaves nothing to mourn."""
    found: list[Any] = []
    starters = [threading.Thread(target=lambda: found.append(Sandbox(sandbox.folder).start())) for _ in range(2)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    info = sandbox.running()
    assert [info, info] == found
    assert info is not None
    sandbox.attach("demo")
    sandbox.attach("demo-base")
    assert [False, True] == [sandbox.release("demo"), sandbox.release("demo-base")]
    assert gone(info.pid)
    assert (None, None) == (sandbox.running(), sandbox.lost())


def test_it_outlives_the_command_that_started_it(sandbox: Sandbox) -> None:
    """kill -9 of a command and its whole session leaves the daemon, in a session of its own."""
    start = f"Sandbox(Path({str(sandbox.folder)!r})).start(); print('up', flush=True); input()"
    code = f"from pathlib import Path; from inferstack.sandbox.control import FaultSpec, Sandbox; {start}"
    starter = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert starter.stdout is not None
    assert b"up\n" == starter.stdout.readline()
    os.killpg(starter.pid, signal.SIGKILL)
    starter.wait()
    info = sandbox.running()
    assert info is not None
    assert info.pid == os.getsid(info.pid)
    assert [] == sandbox.hosts()


def test_its_death_is_said_and_the_next_start_clears_it(sandbox: Sandbox) -> None:
    """After kill -9 the record is not believed, the loss is one line, and a new daemon takes its place."""
    first = sandbox.start()
    sandbox.attach("demo")
    os.kill(first.pid, signal.SIGKILL)
    assert gone(first.pid)
    assert sandbox.running() is None
    assert f"the embedded AWS ended (process {first.pid} died): the rehearsal it held is lost" in str(sandbox.lost())
    with pytest.raises(CloudRefused):
        sandbox.attach("other")
    second = sandbox.start()
    assert first.pid != second.pid
    assert sandbox.lost() is None


def test_an_end_that_nobody_asked_for_is_a_loss_too(sandbox: Sandbox) -> None:
    """SIGTERM (a machine going down) with a stack attached is not silent."""
    info = sandbox.start()
    sandbox.attach("demo")
    os.kill(info.pid, signal.SIGTERM)
    assert gone(info.pid)
    assert "it was told to end by a signal" in str(sandbox.lost())
    assert sandbox.sweep() is not None
    assert sandbox.lost() is None


def test_one_that_does_not_end_is_ended_and_what_it_left_is_cleared(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was told and forgot its record, and hangs: nothing says any more that hosts and faults of it are there."""
    info = sandbox.start()
    sandbox.inject([FaultSpec.parse("SlowCreate@NatGateway")])
    assert (sandbox.folder / "faults.json").exists()
    monkeypatch.setattr(sandbox, "ask", lambda what: daemon_record.path_of(sandbox.folder).unlink())
    sandbox.stop(deadline_s=0.1)
    assert gone(info.pid)
    assert not (sandbox.folder / "faults.json").exists()


def test_a_pid_that_was_given_out_again_is_not_the_daemon(sandbox: Sandbox) -> None:
    """The start time tells; this test's own process stands for the stranger, and is not stopped."""
    sandbox.folder.mkdir()
    stranger = daemon_record.SandboxInfo(pid=os.getpid(), started=1, endpoint_url="http://127.0.0.1:9", account_id="000000000000")
    daemon_record.write(sandbox.folder, daemon_record.DaemonRecord(stranger, "t"))
    assert sandbox.running() is None
    sandbox.stop()
    assert sandbox.lost() is None


def test_no_real_credential_reaches_it(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The starter's AWS settings end at the daemon's door."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    info = sandbox.start()
    environment = Path(f"/proc/{info.pid}/environ").read_bytes()
    assert b"production" not in environment
    assert b"AKIAREAL" not in environment


def test_a_start_that_fails_tells_the_last_line_of_the_log(sandbox: Sandbox, tmp_path: Path) -> None:
    """Not a timeout, and not a traceback."""
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such module\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(CloudRefused, match="the embedded AWS did not start: no such module"):
        Sandbox(sandbox.folder, python=str(broken)).start()


def test_two_idle_hours_are_the_end() -> None:
    """Calls postpone it; attached stacks do not."""
    clock = [0.0]
    life = Lifetime(now=lambda: clock[0])
    life.attach("demo")
    clock[0] = 7100
    life.seen()
    clock[0] = 14200
    assert not life.over()
    clock[0] = 14400
    assert life.over()
    assert ("nobody called it for 2 h", ("demo",)) == (life.reason, life.stacks)


def test_a_torn_record_is_no_record(tmp_path: Path) -> None:
    """A full disk may cut a file."""
    daemon_record.path_of(tmp_path).write_text(json.dumps({"pid": 1})[:-3])
    assert daemon_record.read(tmp_path) is None


def test_a_daemon_waits_for_one_that_is_ending(sandbox: Sandbox) -> None:
    """The last rehearsal's daemon may still close its hosts when the next command starts: that is no error."""
    sandbox.folder.mkdir(parents=True)
    with (sandbox.folder / "daemon.lock").open("w") as lock:
        fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
        release = threading.Timer(4.0, lambda: fcntl.flock(lock.fileno(), fcntl.LOCK_UN))
        release.start()
        assert sandbox.start().pid
        release.join()
