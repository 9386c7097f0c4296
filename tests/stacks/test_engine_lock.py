"""Whose lock is lifted: a holder on this machine that is gone, and nobody else's."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inferstack.records.errors import InputError
from stacks.engine import lock
from stacks.engine.lock import Holder, holders, lift_dead

HERE = socket.gethostname()


class Clock:
    """Time that passes only while somebody sleeps, in whole tenths of a second."""

    def __init__(self) -> None:
        self.tenths, self.pauses = 0, []

    def monotonic(self) -> float:
        return self.tenths / 10

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.tenths += round(seconds * 10)
        assert 0 <= seconds and self.tenths < 10_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(lock, "time", made)
    return made


@pytest.fixture
def zombie() -> Iterator[int]:
    """A process that has ended and that nobody has waited for."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    yield child.pid
    child.wait()


@pytest.fixture
def gone() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def locked(folder: Path, text: str | None = None, **holder: Any) -> dict[str, str]:
    place = folder / ".pulumi/locks/organization/inferstack/x"
    place.mkdir(parents=True)
    (place / "one.json").write_text(json.dumps(holder) if text is None else text)
    return {"PULUMI_BACKEND_URL": f"file://{folder}"}


def never() -> object:
    return pytest.fail("cancelled")


def test_a_zombie_holder_is_gone(tmp_path: Path, zombie: int, clock: Clock) -> None:
    """It answers signals until its parent waits for it, but writes no more: its lock is lifted at once."""
    os.kill(zombie, 0)
    assert not Holder(zombie, HERE).alive
    assert lift_dead(locked(tmp_path, pid=zombie, hostname=HERE), "x", lambda: None)
    assert [] == clock.pauses


def test_a_process_with_a_misleading_name_lives() -> None:
    """The state in /proc/PID/stat follows the last bracket; the name before it may hold brackets and a Z of its own."""
    code = "import pathlib, sys; pathlib.Path('/proc/self/comm').write_text('x) Z (y'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout and child.stdout.readline()
        assert ") Z (" in Path(f"/proc/{child.pid}/stat").read_text()
        assert Holder(child.pid, HERE).alive
        child.communicate()


def test_a_holder_of_another_user_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel refuses the signal: it is there."""

    def refused(pid: int, signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)
    assert Holder(1, HERE).alive


@pytest.mark.parametrize("said", [None, "damaged", "", "1 (x)"])
def test_a_process_whose_state_cannot_be_read_lives(monkeypatch: pytest.MonkeyPatch, said: str | None) -> None:
    """No /proc, or a line that is not one: only a Z tells that it is gone."""

    def read_text(path: Path, **_: Any) -> str:
        if said is None:
            raise FileNotFoundError(path)
        return said

    monkeypatch.setattr(Path, "read_text", read_text)
    assert Holder(os.getpid(), HERE).alive


def test_a_living_holder_is_waited_for_fifteen_seconds(tmp_path: Path, clock: Clock) -> None:
    """An engine whose parent was killed ends what it has in flight: looked at ten times a second, then refused with what to do."""
    with pytest.raises(InputError, match=f"^stack x is locked: process {os.getpid()} is still running$") as error:
        lift_dead(locked(tmp_path, pid=os.getpid(), hostname=HERE), "x", never)
    assert [0.1] * 150 == clock.pauses
    assert "wait for it or stop it with Ctrl-C" == error.value.hint


def test_without_time_to_wait_a_living_holder_is_refused_at_once(tmp_path: Path, clock: Clock) -> None:
    """Zero seconds are no pause."""
    with pytest.raises(InputError):
        lift_dead(locked(tmp_path, pid=os.getpid(), hostname=HERE), "x", never, wait_s=0)
    assert [] == clock.pauses


def test_a_holder_that_ends_in_time_is_lifted(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at again after each pause."""
    monkeypatch.setattr(Holder, "alive", property(lambda one: len(clock.pauses) < 3))
    asked: list[str] = []
    assert lift_dead(locked(tmp_path, pid=1, hostname=HERE), "x", lambda: asked.append("cancel"))
    assert ([0.1] * 3, ["cancel"]) == (clock.pauses, asked)


def test_a_lock_that_its_holder_takes_away_needs_no_cancel(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that ends well removes its own."""
    environment = locked(tmp_path, pid=os.getpid(), hostname=HERE)
    monkeypatch.setattr(clock, "sleep", lambda seconds: next((tmp_path / ".pulumi").rglob("one.json")).unlink())
    assert not lift_dead(environment, "x", never)


@pytest.mark.parametrize("alive", [True, False])
def test_a_holder_on_another_machine_is_refused_without_waiting(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, alive: bool
) -> None:
    """Whether a process of that number lives here says nothing of it."""
    monkeypatch.setattr(Holder, "alive", property(lambda one: alive))
    with pytest.raises(InputError, match="on elsewhere holds it") as error:
        lift_dead(locked(tmp_path, pid=os.getpid(), hostname="elsewhere"), "x", never)
    assert [] == clock.pauses
    assert "if that machine no longer exists: pulumi cancel --stack x" == error.value.hint


def test_a_dead_holder_is_not_waited_for(tmp_path: Path, clock: Clock, gone: int) -> None:
    """Nobody can end twice."""
    assert lift_dead(locked(tmp_path, pid=gone, hostname=HERE), "x", lambda: None)
    assert [] == clock.pauses


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": 1}', '{"pid": "one", "hostname": "x"}', '{"pid": null, "hostname": "x"}'])
def test_a_damaged_lock_is_held_by_nobody(tmp_path: Path, clock: Clock, text: str) -> None:
    """A killed engine wrote half of it: it is lifted."""
    environment = locked(tmp_path, text)
    assert [(HERE, False)] == [(one.host, one.alive) for one in holders(environment, "x")]
    assert lift_dead(environment, "x", lambda: None)


def test_a_lock_that_goes_while_we_look_is_none(tmp_path: Path) -> None:
    """It was listed, and was not there when it was read."""
    environment = locked(tmp_path, pid=os.getpid(), hostname=HERE)
    place = next((tmp_path / ".pulumi").rglob("one.json"))
    place.unlink()
    place.symlink_to(tmp_path / "nowhere")
    assert () == holders(environment, "x")
    assert not lift_dead(environment, "x", never)


def test_a_holder_is_its_number_and_its_machine() -> None:
    """Two readings of one lock are one holder."""
    assert 1 == len({Holder(1, "here"), Holder(1, "here")})
